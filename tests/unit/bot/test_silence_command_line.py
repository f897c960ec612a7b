"""`pilothouse silence` and `pilothouse alerts` against our own API, as at a terminal."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from alerting.routing.load import parse_routing
from bot.inputs import silence_commands as commands
from bot.inputs.silence_commands import Server, Wanted
from tests.fakes.alert_door import Door

MUTED = """
receivers: [{name: a}, {name: b}]
time_intervals:
- {name: always, time_intervals: [{}]}
- {name: ever, time_intervals: [{}]}
route:
  receiver: a
  routes:
  - {receiver: a, continue: true, mute_time_intervals: [always]}
  - {receiver: b, matchers: [alertname="Down"], mute_time_intervals: [ever]}
  - {receiver: b}
"""
WANTED = Wanted(["Down", "instance=~a.*"], "upgrade", "ada")


async def alert(url: str, **labels: str) -> None:
    body = [{"labels": labels, "startsAt": datetime.now(UTC).isoformat()}]
    async with aiohttp.ClientSession() as session, session.post(f"{url}{commands.API}/alerts", json=body) as answer:
        assert answer.status == 200


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n")


async def test_add_list_and_expire(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()
    async with door.serving() as url:
        server = Server(url)
        assert await commands.add(server, WANTED, as_json=False) == 0
        made = said(capsys)
        (silence,) = door.desk.all()
        assert (silence.id, silence.comment, silence.created_by) == (made, "upgrade", "ada")
        assert timedelta(minutes=59) < silence.ends_at - silence.starts_at <= timedelta(hours=1)
        assert await commands.show(server, [], expired=False, as_json=False) == 0
        head, line = said(capsys).splitlines()
        assert head.split() == ["ID", "State", "Matchers", "By", "Comment"]
        assert line.startswith(f"{made}  active, ends in 1h  ")
        assert 'alertname="Down" instance=~"a.*"' in line
        assert await commands.show(server, ["Slow"], expired=False, as_json=False) == 0
        assert said(capsys) == "Nothing is silenced."
        assert await commands.expire(server, [made[:8]], as_json=True) == 0
        assert json.loads(said(capsys)) == {"expired": [made]}
        assert await commands.show(server, [], expired=False, as_json=True) == 0
        assert json.loads(said(capsys)) == []
        assert await commands.show(server, [], expired=True, as_json=True) == 0
        assert json.loads(said(capsys))[0]["status"] == {"state": "expired"}
        assert await commands.show(server, [], expired=True, as_json=False) == 0
        assert "expired 0s ago" in said(capsys)


async def test_start_end_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()
    async with door.serving() as url:
        start, end = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(hours=3)
        wanted = Wanted(["a=b"], "x", "ada", start=start.isoformat(), end=end.isoformat())
        assert await commands.add(Server(url), wanted, as_json=True) == 0
        (silence,) = door.desk.all()
        assert json.loads(said(capsys)) == {"silenceID": silence.id}
        assert (silence.starts_at, silence.ends_at) == (start, end)
        assert await commands.show(Server(url), [], expired=False, as_json=False) == 0
        assert "pending, begins in " in said(capsys)


async def test_without_an_author_it_is_of_this_machines_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    door = Door()
    async with door.serving() as url:
        monkeypatch.setattr("getpass.getuser", lambda: "grace")
        assert await commands.add(Server(url), Wanted(["a=b"], "x", ""), as_json=False) == 0
        monkeypatch.setattr("getpass.getuser", nobody)
        assert await commands.add(Server(url), Wanted(["a=c"], "x", ""), as_json=False) == 0
    assert {one.created_by for one in door.desk.all()} == {"grace", "pilothouse"}


async def test_alerts_show_what_is_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()
    async with door.serving() as url:
        assert await commands.alerts(Server(url), [], as_json=False) == 0
        assert said(capsys) == "No alert fires."
        await alert(url, alertname="Down", instance="a1")
        await alert(url, alertname="Slow", instance="b\x1b[31m")
        await commands.add(Server(url), WANTED, as_json=False)
        capsys.readouterr()
        assert await commands.alerts(Server(url), [], as_json=False) == 0
        shown = said(capsys)
        assert [line.split()[:2] for line in shown.splitlines()[1:]] == [["Down", "silenced"], ["Slow", "active"]]
        assert "\x1b" not in shown
        assert await commands.alerts(Server(url), ["Slow"], as_json=True) == 0
        assert [one["labels"]["alertname"] for one in json.loads(said(capsys))] == ["Slow"]
        assert await commands.alerts(Server(url), ["Odd"], as_json=False) == 0
        assert said(capsys) == "No alert that fires matches."


async def test_alerts_show_what_is_muted_by_time_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    async with Door(parse_routing("alertmanager.yml", MUTED)).serving() as url:
        await alert(url, alertname="Down")
        await alert(url, alertname="Slow")
        assert await commands.alerts(Server(url), [], as_json=False) == 0
        lines = {line.split()[0]: line for line in said(capsys).splitlines()[1:]}
        assert "  muted by always, ever  " in lines["Down"]
        assert "  active  " in lines["Slow"]
        assert await commands.alerts(Server(url), ["Down"], as_json=True) == 0
        (shown,) = json.loads(said(capsys))
        assert (shown["status"]["state"], shown["status"]["mutedBy"]) == ("suppressed", ["always", "ever"])


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted([], "x", "ada"), "Say which alerts"),
        (Wanted(["Down"], " ", "ada"), "Say why"),
        (Wanted(["Down", "a:b"], "x", "ada"), "'a:b' cannot be read at column"),
        (Wanted(["a=~("], "x", "ada"), "no regular expression"),
        (Wanted(["a=~.*"], "x", "ada"), "invalid silence: at least one matcher must not match the empty string."),
        (Wanted(["Down"], "x", "ada", duration="soon"), "--duration 'soon': not a valid duration string"),
        (Wanted(["Down"], "x", "ada", duration="300000d"), "--duration"),
        (Wanted(["Down"], "x", "ada", end="soon"), "--end 'soon' is no time"),
        (Wanted(["Down"], "x", "ada", end="2020-01-01"), "start time must be before end time."),
    ],
)
async def test_what_is_wrong_is_told(wanted: Wanted, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()
    async with door.serving() as url:
        assert await commands.add(Server(url), wanted, as_json=False) == 1
    assert told in capsys.readouterr().err
    assert not door.desk.all()


async def test_ids_that_mean_nothing_or_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    async with Door().serving() as url:
        assert await commands.expire(Server(url), ["nope"], as_json=False) == 1
        assert "There is no silence 'nope'" in capsys.readouterr().err


async def test_nobody_there_or_a_wrong_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.alerts(Server("http://127.0.0.1:9"), [], as_json=False) == 1
    assert "Start it, or name another: --url." in capsys.readouterr().err
    async with Door().serving() as url:
        assert await commands.alerts(Server(url, "wrong"), [], as_json=False) == 1
    assert "PILOTHOUSE_TOKEN" in capsys.readouterr().err


async def test_a_token_says_who_it_was() -> None:
    door = Door()
    async with door.serving() as url:
        header: Any = await door.token("ada")
        token = header["Authorization"].removeprefix("Bearer ")
        assert await commands.add(Server(url, token), WANTED, as_json=False) == 0
    (fact,) = await door.database.log.read(f"silence-{door.desk.all()[0].id}")
    assert fact.actor.lower() == "ada"
