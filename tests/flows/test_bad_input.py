"""Bad input at the door of the real product: broken files, hostile names, a full disk, deliveries again and forged."""

import asyncio
import hashlib
import hmac
import json
import os
import re
import resource
import shutil
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
import pytest
import yaml

from engine.deployments.journal import PREFIX
from tests.fakes.house import House, Json, all_text, has_button, told_once
from tests.fakes.scene import EXAMPLE, HEALTHY, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad input")]

Houses = Callable[..., Awaitable[House]]
QUICK: Final = ((50, "100ms"), (100, "100ms"))


# Files


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pilothouse.yaml", "approvals: 1", "approvals: many", "environments.production.approvals: has to be a whole"),
        ("pilothouse.yaml", "kind: canary", "kind: cannery", "strategies.careful.kind: has to be 'canary'"),
        ("pilothouse.yaml", "people:", "people: [", "is not valid YAML"),
        ("rules.yaml", "groups: []", "groups:\n- name: g\n  rules: [{alert: A, expr: 'up =='}]", "rules.yaml:3:28:"),
        ("rules.yaml", "groups: []", "groups: {", "rules.yaml:2:1:"),
    ],
)
async def test_a_broken_file_stops_the_start_with_its_place(
    houses: Houses, file: str, old: str, new: str, told: str
) -> None:
    house = await houses()
    path = house.room / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code, said = await house.run_second()
    assert code == 1
    assert told in said
    assert re.search(rf"{file}:\d+", said)
    assert "Traceback" not in said
    assert not (house.data / "pilothouse.sqlite").exists(), "something was begun"


def miss(house: House) -> None:
    """A second service, on a cluster whose kubeconfig is not there."""
    file = yaml.safe_load(house.settings.read_text())
    target = {"name": "till", "image": "till:{version}", "container_port": 80, "route": "till", "kubeconfig": "no.yaml"}
    file["services"]["till"] = {"kubernetes": target, "environments": {"production": {"strategy": "quick"}}}
    house.settings.write_text(yaml.safe_dump(file))


async def test_one_service_without_its_file_keeps_nobody_else_from_working(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK))
    miss(house)
    await house.start()
    before = house.chronicle.last()
    lacking = "services.till.kubernetes.kubeconfig: there is no file 'no.yaml'"
    for asked in ("/ops status till", "/ops services", "/ops deploy till v1 to production"):
        answer = all_text(await house.ask("ada", asked))
        assert lacking in answer, asked
        assert "misconfigured" in answer, asked
    assert "start Pilothouse again" in answer
    assert house.chronicle.facts(PREFIX, after=before) == []
    await told_once(house, await house.bring_out("v1", "staging"), "Succeeded")
    assert "Traceback" not in (house.room / "house.log").read_text()


async def test_a_database_of_a_newer_version_is_left_alone(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK))
    await house.start()
    await house.bring_out("v1", "staging")
    await house.stop()
    path, facts = house.data / "pilothouse.sqlite", house.chronicle.facts()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE storage_version SET version_num = '9999'")
    code, said = await house.run_second()
    assert code == 1
    assert "9999" in said
    assert "newer version" in said
    assert "Traceback" not in said
    assert house.chronicle.facts() == facts


# A port of another program


async def test_a_taken_port_is_told_before_anything_starts(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK))
    await house.start()
    before = house.chronicle.last()
    with socket.create_server(("127.0.0.1", house.ports.staging)):
        answer = all_text(await house.ask("ada", "/ops deploy shop v1 to staging"))
    assert f"Port {house.ports.staging}, where shop in staging is to answer, is taken by " in answer
    assert f"(pid {os.getpid()})" in answer
    assert "End that program, or give the service another `port`" in answer
    assert house.chronicle.facts(PREFIX, after=before) == []
    await told_once(house, await house.bring_out("v1", "staging"), "Succeeded")
    await told_once(house, await house.bring_out("v2", "staging"), "Succeeded")  # its own proxy is no hindrance


# A full disk


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file of this process may be written beyond its first 4 KiB."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_and_all_is_well_when_there_is_room(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK))
    await house.start()
    await house.bring_out("v1")
    before = house.chronicle.last()
    async with house.load() as load:
        with full_disk(house.pid):
            answer = await house.ask("ada", "/ops deploy shop v1 to staging")
            served = load.ok
            await load.wait(lambda one: one.ok > served + 30)
        assert "Check that its disk has space left" in str(answer["text"])
        assert "Traceback" not in all_text(answer)
        assert house.chronicle.facts(PREFIX, after=before) == []
        await told_once(house, await house.bring_out("v1", "staging"), "Succeeded")
        assert load.lost == 0, load.told()


async def test_a_canary_in_flight_goes_on_after_a_full_disk(houses: Houses) -> None:
    house = await houses(Scene(steps=((50, "2s"), (100, "100ms"))))
    await house.start()
    await house.bring_out("v1")
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("WeightShifted", f"{PREFIX}{id}")
        with full_disk(house.pid):
            served = load.ok
            await load.wait(lambda one: one.ok > served + 150)  # so long that the step's time is over as well
        await house.end_of(id, "DeploymentSucceeded", within=12)
        await told_once(house, id, "Succeeded")
        assert load.lost == 0, load.told()


# Names

EVIL: Final = "<!channel> *evil* <img src=x onerror=alert(1)> & <@U0EVIL>"
RULES: Final = yaml.safe_dump(
    {
        "groups": [
            {
                "name": EVIL,
                "interval": "1s",
                "rules": [
                    {
                        "alert": f"Rule {EVIL}",
                        "expr": "vector(1)",
                        "labels": {
                            "severity": f"page {EVIL}",
                            "service": "shop",
                            "environment": "production",
                            "team": EVIL,
                            **{f"label_{number:02}": EVIL + "x" * 900 for number in range(40)},
                        },
                        "annotations": {"summary": f"Sum {EVIL}", "description": EVIL * 200, EVIL[4:11]: EVIL},
                    }
                ],
            }
        ]
    }
)


def spoil(house: House) -> None:
    """Give everything that may have a free name a hostile one."""
    file = yaml.safe_load(house.settings.read_text())
    file["people"]["cleo"]["name"] = f"Cleo {EVIL}"
    file["services"]["shop"]["description"] = f"Shop {EVIL}"
    file["services"]["shop"]["figures"] = [{"name": f"Fig {EVIL[:50]}", "query": "vector(1)"}]
    file["strategies"]["careful"]["gates"][0]["name"] = f"Gate {EVIL[:50]}"
    releases = house.room / "releases"
    shutil.copytree(EXAMPLE / "releases", releases)
    (releases / "<!channel> *evil*.json").write_text("{}")
    file["services"]["shop"]["local"]["artifact"] = str(releases / "{version}.json")
    script = file["services"]["shop"]["local"]["command"]
    script[2] = f"case {{version}} in v4) echo 'Dying {EVIL}' >&2; exit 3;; esac; {script[2]}"
    house.settings.write_text(yaml.safe_dump(file, sort_keys=False))


async def everything_said(house: House) -> list[Json]:
    """Every message and reply the app wrote that a person sees, and what Home shows."""
    said: list[Json] = []
    for name in ("ada", "ben", "cleo"):
        person = await house.person(name)
        for channel in (await person.boot())["channels"]:
            for message in await person.messages(channel["id"], limit=500):
                said += await person.thread(channel["id"], message["ts"])
        said += [one.data["message"] for one in person.seen if one.name == "ephemeral"]
        said += [view for view in [await person.home()] if view]
    return [one for one in said if one.get("user") != person.user]


def marked_up(value: Any) -> Iterator[str]:
    """Every text in which Slack would read markup: mrkdwn objects, and the text of a message itself."""
    match value:
        case {"type": "mrkdwn", "text": str(text)}:
            yield text
        case dict():
            if "ts" in value:
                yield str(value.get("text", ""))
            for part in value.values():
                yield from marked_up(part)
        case list():
            for part in value:
                yield from marked_up(part)


OURS: Final = re.compile(r"<(?:@U0(?:ADA|BEN|CLEO)|!date\^[^<>]*|https?://[^<>]*)>")


async def test_no_name_becomes_markup_and_none_is_too_long(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK, gates=(HEALTHY,), rules=RULES))
    spoil(house)
    await house.open_prometheus()
    await house.start()
    opened = await house.chronicle.wait_type("IncidentOpened", "incident-")
    await house.message(opened.stream.removeprefix("incident-"), channel="incidents")
    for line in ("help", "status", "services", "incidents", "alerts", "oncall", f"deploy {EVIL} v1 to production"):
        await house.ask("ada", f"/ops {line}")
    denied = await house.ask("cleo", "/ops deploy shop v1 to production")
    assert "Cleo" in denied["text"]
    await house.bring_out("v1")
    measured = await house.bring_out("v2")
    await house.message(measured, "Succeeded")
    dying = await house.deploy("ada", "v4")
    await house.approve("ben", dying)
    await house.end_of(dying, "DeploymentRolledBack")
    await house.message(dying, "Rolled back")
    texts = [text for one in await everything_said(house) for text in marked_up(one)]
    whole = json.dumps(texts)
    for word in ("Rule ", "page ", "Sum ", "Cleo ", "Shop ", "Fig ", "Gate ", "Dying "):
        assert f"{word}&lt;!channel&gt;" in whole, f"{word} is shown nowhere, or not as text"
    for text in texts:
        bare = OURS.sub("", text)
        assert "<" not in bare, text
        assert "<" not in re.sub("`[^`]*`", "", bare), text
    refused = [line for line in house.tail().splitlines() if "invalid_blocks" in line or "too_long" in line]
    assert refused == []


# Deliveries


def signed(house: House, body: str) -> dict[str, str]:
    """Headers as Slack makes them (docs.slack.dev, verifying requests from Slack)."""
    at = int(time.time())
    digest = hmac.new(house.signing_secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return {**form, "X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={digest}"}


async def token(house: House, person: str) -> str:
    """A bearer token, made as an operator would."""
    words = ["token", "create", "--config", str(house.settings), "--person", person, "--name", "audit"]
    program = house._command()[:3]  # the same program as the house itself
    made = await asyncio.create_subprocess_exec(
        *program, *words, env=house.environment(), cwd=house.room, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await made.communicate()
    return said.decode().strip()


async def test_deliveries_again_and_forged_ones_do_nothing_more(houses: Houses) -> None:
    house = await houses(Scene(steps=QUICK, http_events=True))
    await house.start()
    before = house.chronicle.last()
    command = (
        "command=%2Fops&text=deploy+shop+v1+to+production&team_id=T0PILOT&user_id=U0ADA&channel_id=C1&trigger_id=9.9"
    )
    headers = signed(house, command)
    async with aiohttp.ClientSession() as session:
        for again in range(3):
            retry = {"X-Slack-Retry-Num": str(again), "X-Slack-Retry-Reason": "http_timeout"} if again else {}
            async with session.post(f"{house.board}/slack/events", data=command, headers={**headers, **retry}) as one:
                assert one.status == 200
        id = await house.planned(after=before)  # noqa: A001
        await house.message(id, lambda one: has_button(one, "deployment.approve"))
        click = {
            "type": "block_actions",
            "team": {"id": "T0PILOT"},
            "user": {"id": "U0CLEO", "team_id": "T0PILOT"},
            "trigger_id": "9.10",
            "channel": {"id": "C1"},
            "actions": [{"type": "button", "action_id": "deployment.approve", "value": f"{id}|", "action_ts": "1.0"}],
        }
        body = f"payload={quote_plus(json.dumps(click))}"
        async with session.post(f"{house.board}/slack/events", data=body, headers=signed(house, body)) as one:
            assert one.status == 200
        denied = await house.chronicle.wait_type("AccessDenied", "audit", after=before)
        assert (denied.data["person"], denied.data["action"]) == ("cleo", "approve")
        bearer = {"Authorization": f"Bearer {await token(house, 'cleo')}"}
        approve = f"{house.board}/api/v1/deployments/{id}/approve"
        async with session.post(approve, json={}, headers=bearer) as one:
            assert one.status == 403
            assert "may not approve" in (await one.json())["error"]["reason"]
        async with session.post(approve, json={}) as one:
            assert one.status == 401
        elsewhere = {"Host": f"evil.example:{house.ports.board}"}
        async with session.get(f"{house.board}/api/v1/overview", headers=elsewhere) as one:
            assert one.status == 401
    deployment = house.chronicle.deployment(id)
    assert (deployment.state, deployment.decisions) == ("planned", ())
    planned = [one for one in house.chronicle.facts(PREFIX, after=before) if one.type == "DeploymentPlanned"]
    assert len(planned) == 1
