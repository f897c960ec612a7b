"""The addresses of webhooks: who is let in, what is taken down, and what no sender can break."""

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.inputs.webhooks.doors import LARGEST_BODY, Parts, add_webhooks
from bot.inputs.webhooks.inbox import WAITING, Inbox
from bot.settings.triggers import Trigger
from engine.commands import Request, Response
from storage.errors import StorageUnavailable
from tests.fakes.ci_payloads import SECRET, deployment, from_anybody, from_github, from_gitlab, pipeline, workflow_run
from tests.fakes.ci_server import REPOSITORY, SHA
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

OTHER = "another secret that is long enough"
TRIGGERS = (
    Trigger("runs", "github", SECRET, "shop", "staging", repository=REPOSITORY, workflow="release", branch="main"),
    Trigger("tags", "github", SECRET, "shop", "production", "{ref}", REPOSITORY, workflow="release", branch="v*"),
    Trigger("made", "github", SECRET, "shop", "staging", "{payload.version}", REPOSITORY, "deployment"),
    Trigger("theirs", "github", OTHER, "shop", "staging", repository=REPOSITORY, workflow="release", branch="main"),
    Trigger("lab", "gitlab", SECRET, "shop", "staging", "{short_sha}", "acme/web/shop", branch="main"),
    Trigger("anybody", "generic", SECRET, "shop", "staging"),
)


class Nobody:
    """No door, no results: nothing is worked on in these tests."""

    async def handle(self, request: Request) -> Response:
        raise AssertionError("nothing is done while somebody waits for the answer")

    async def begun(self, wish: Any, deployment: str) -> None: ...

    async def settled(self, wish: Any, reason: str, *, well: bool) -> None: ...


async def _nothing(*_: str) -> None:
    return None


class Hooks:
    """The addresses on a port of their own; `post` gives status and answer."""

    def __init__(self) -> None:
        self.now = VirtualClock()
        self.database = MemoryDatabase()
        records = self.database.records
        self.inbox = Inbox(records, Nobody(), Nobody(), _nothing, _nothing, now=self.now)
        self.url = ""
        self.http: aiohttp.ClientSession

    async def post(self, path: str, **given: Any) -> tuple[int, Any]:
        async with self.http.post(f"{self.url}/webhooks/{path}", **given) as answer:
            return answer.status, await answer.json()

    async def waiting(self) -> list[dict[str, Any]]:
        return [one["wish"] for one in (await self.database.records.all(WAITING)).values()]


@asynccontextmanager
async def serving() -> AsyncIterator[Hooks]:
    hooks = Hooks()
    app = web.Application()
    add_webhooks(app, Parts(TRIGGERS, hooks.inbox, hooks.now))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as hooks.http:
        yield hooks
    await runner.cleanup()


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    async with serving() as opened:
        yield opened


async def test_a_successful_run_is_written_down_and_answered_at_once(hooks: Hooks) -> None:
    status, answer = await hooks.post("github", **from_github("workflow_run", workflow_run(hooks.now())))
    assert (status, answer) == (202, {"requests": ["webhook:runs:run 1001.1"]})
    (wish,) = await hooks.waiting()
    assert (wish["service"], wish["environment"], wish["version"]) == ("shop", "staging", SHA)
    assert wish["origin"] == {"project": REPOSITORY, "sha": SHA, "ref": "main", "deployment": 0, "pipeline": 0}


async def test_the_version_is_made_of_what_is_told(hooks: Hooks) -> None:
    run = workflow_run(hooks.now(), head_branch="v7", id=2)
    assert (await hooks.post("github", **from_github("workflow_run", run)))[0] == 202
    assert (await hooks.post("github", **from_github("deployment", deployment(hooks.now()), delivery="d-2")))[0] == 202
    assert (await hooks.post("gitlab", **from_gitlab(pipeline(hooks.now()))))[0] == 202
    asked = from_anybody(hooks.now(), {"service": "shop", "environment": "staging", "version": "v9"})
    assert (await hooks.post("anybody", **asked))[0] == 202
    versions = {(one["trigger"], one["version"]) for one in await hooks.waiting()}
    assert versions == {("tags", "v7"), ("made", "v2"), ("lab", SHA[:8]), ("anybody", "v9")}


async def test_a_delivery_that_comes_again_is_taken_once(hooks: Hooks) -> None:
    told = from_github("workflow_run", workflow_run(hooks.now()))
    assert (await hooks.post("github", **told))[0] == 202
    assert await hooks.post("github", **told) == (200, {"taken": "already taken"})


async def test_what_happened_once_is_done_once_under_whatever_delivery(hooks: Hooks) -> None:
    # GitHub does not sign the delivery's id, so whoever saw one could send it again under another.
    run = workflow_run(hooks.now())
    assert (await hooks.post("github", **from_github("workflow_run", run)))[0] == 202
    answer = await hooks.post("github", **from_github("workflow_run", run, delivery="d-2"))
    assert answer == (200, {"taken": "already taken"})
    again = workflow_run(hooks.now(), run_attempt=2)
    assert (await hooks.post("github", **from_github("workflow_run", again, delivery="d-3")))[0] == 202


async def test_deliveries_at_the_same_time_are_one_wish(hooks: Hooks) -> None:
    told = from_github("workflow_run", workflow_run(hooks.now()))
    answers = await asyncio.gather(*(hooks.post("github", **told) for _ in range(8)))
    assert {status for status, _ in answers} <= {200, 202}
    assert len(await hooks.waiting()) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"conclusion": "failure"}, "no success"),
        ({"conclusion": None}, "no success"),
        ({"name": "nightly"}, "no trigger is for the workflow 'nightly'"),
        ({"head_branch": "feature"}, "no trigger is for the workflow 'release' on 'feature'"),
        ({"head_repository": {"full_name": "mallory/shop"}}, "a pull request or a fork"),
        ({"head_repository": None}, "a pull request or a fork"),
        ({"event": "pull_request"}, "a pull request or a fork"),
        ({"updated_at": "2020-01-01T00:00:00Z"}, "more than 3 days from now"),
        ({"updated_at": "2036-01-01T00:00:00Z"}, "more than 3 days from now"),
    ],
)
async def test_a_run_that_is_nothing_to_deploy(hooks: Hooks, changes: dict[str, Any], told: str) -> None:
    status, answer = await hooks.post("github", **from_github("workflow_run", workflow_run(hooks.now(), **changes)))
    assert status == 200
    assert told in answer["ignored"]
    assert not await hooks.waiting()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "failed"}, "no success"),
        ({"ref": "feature"}, "no trigger is for pipelines"),
        ({"source": "merge_request_event"}, "of the kind merge_request_event"),
        ({"source": "external"}, "of the kind external"),
        ({"finished_at": "2020-01-01 00:00:00 UTC"}, "more than 3 days from now"),
        ({"finished_at": None}, "more than 3 days from now"),
    ],
)
async def test_a_pipeline_that_is_nothing_to_deploy(hooks: Hooks, changes: dict[str, Any], told: str) -> None:
    status, answer = await hooks.post("gitlab", **from_gitlab(pipeline(hooks.now(), **changes)))
    assert status == 200
    assert told in answer["ignored"]


async def test_a_pipeline_that_ends_anew_because_of_our_own_status_deploys_nothing(hooks: Hooks) -> None:
    assert (await hooks.post("gitlab", **from_gitlab(pipeline(hooks.now()))))[0] == 202
    hooks.now.advance(timedelta(minutes=5))
    again = from_gitlab(pipeline(hooks.now()), delivery="d-2")
    assert await hooks.post("gitlab", **again) == (200, {"taken": "already taken"})


async def test_a_ping_is_answered(hooks: Hooks) -> None:
    assert await hooks.post("github", **from_github("ping", {"zen": "Keep it simple."})) == (
        200,
        {"pong": ["runs", "tags", "made"]},
    )
    status, answer = await hooks.post("github", **from_github("push", {}, delivery="d-2"))
    assert (status, answer["ignored"][:14]) == (200, "events 'push' ")


async def test_a_sender_triggers_only_what_has_its_secret(hooks: Hooks) -> None:
    told = from_github("workflow_run", workflow_run(hooks.now()), secret=OTHER)
    assert (await hooks.post("github", **told))[1] == {"requests": ["webhook:theirs:run 1001.1"]}


@pytest.mark.parametrize("wrong", ["", "sha256=", "sha256=0", f"sha256={'0' * 64}", "sha1=0", "ü", "\udce9"])
async def test_without_a_right_signature_nothing_is_read(hooks: Hooks, wrong: str) -> None:
    told = from_github("workflow_run", b"{this is no JSON")
    told["headers"]["X-Hub-Signature-256"] = wrong
    assert (await hooks.post("github", **told))[0] == 401
    told["headers"]["X-Gitlab-Token"] = wrong
    assert (await hooks.post("gitlab", **told))[0] == 401
    told["headers"] |= {"X-Signature-256": wrong, "X-Timestamp": wrong, "X-Delivery": wrong}
    assert (await hooks.post("anybody", **told))[0] == 401


async def test_a_body_that_was_changed_on_the_way_is_refused(hooks: Hooks) -> None:
    told = from_github("workflow_run", workflow_run(hooks.now()))
    assert (await hooks.post("github", **told | {"data": told["data"] + b" "}))[0] == 401


@pytest.mark.parametrize(("late", "status"), [(299, 202), (301, 401), (-299, 202), (-301, 401)])
async def test_a_generic_delivery_has_five_minutes(hooks: Hooks, late: int, status: int) -> None:
    told = from_anybody(hooks.now() - timedelta(seconds=late), {"version": "v1"})
    assert (await hooks.post("anybody", **told))[0] == status


async def test_a_generic_delivery_cannot_be_sent_again_under_another_name(hooks: Hooks) -> None:
    told = from_anybody(hooks.now(), {"version": "v1"})
    told["headers"]["X-Delivery"] = "d-2"
    assert (await hooks.post("anybody", **told))[0] == 401


async def test_a_generic_trigger_deploys_what_it_is_for_and_nothing_else(hooks: Hooks) -> None:
    told = from_anybody(hooks.now(), {"version": "v1", "environment": "production"})
    status, answer = await hooks.post("anybody", **told)
    assert (status, "deploys shop to staging and nothing else" in answer["error"]) == (422, True)
    assert (await hooks.post("nobody", **told))[0] == 404
    assert (await hooks.post("runs", **told))[0] == 404


async def test_what_is_too_large_or_no_json_is_refused_in_words(hooks: Hooks) -> None:
    assert (await hooks.post("github", data=io.BytesIO(b" " * (LARGEST_BODY + 1))))[0] == 413
    assert (await hooks.post("github", **from_github("workflow_run", b"{")))[0] == 400
    assert (await hooks.post("github", **from_github("workflow_run", b'{"action": "completed"}')))[0] == 422
    assert (await hooks.post("github", **from_github("workflow_run", b'{"x": ' + b"[" * 100_000)))[0] == 400
    form = from_github("workflow_run", b"payload=%7B%7D")
    form["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
    assert (await hooks.post("github", **form))[0] == 415
    nameless = from_github("workflow_run", workflow_run(hooks.now()), delivery="")
    assert (await hooks.post("github", **nameless))[0] == 400


async def test_an_outage_of_the_database_asks_the_sender_to_come_again(hooks: Hooks) -> None:
    async def away(*_: Any) -> None:
        raise StorageUnavailable("The database is away", "Start it")

    hooks.database.records.get = away  # type: ignore[method-assign, assignment]
    status, answer = await hooks.post("github", **from_github("workflow_run", workflow_run(hooks.now())))
    assert (status, "database" in answer["error"]) == (503, True)


async def test_deliveries_are_forgotten_when_nobody_can_send_them_again(hooks: Hooks) -> None:
    await hooks.post("github", **from_github("workflow_run", workflow_run(hooks.now())))
    await hooks.inbox.sweep(hooks.now.advance(timedelta(days=7)))
    assert await hooks.inbox.known("github:d-1")
    await hooks.inbox.sweep(hooks.now.advance(timedelta(days=2)))
    assert not await hooks.inbox.known("github:d-1")


async def test_no_body_and_no_header_makes_it_fail(hooks: Hooks) -> None:
    dice = random.Random(5)
    for number in range(250):
        body = broken(dice, hooks)
        for path, told in (
            ("github", from_github(dice.choice(["workflow_run", "deployment", "ping"]), body, delivery=f"d{number}")),
            ("gitlab", from_gitlab(body, delivery=f"d{number}")),
            ("anybody", from_anybody(hooks.now(), body, delivery=f"d{number}")),
        ):
            if dice.random() < 0.2:
                told["headers"][dice.choice(list(told["headers"]))] = "".join(
                    chr(dice.choice([*range(33, 127), *range(160, 256)])) for _ in "12345"
                )
            status, answer = await hooks.post(path, **told)
            assert status in {200, 202, 400, 401, 415, 422}, (path, told, answer)


def broken(dice: random.Random, hooks: Hooks) -> bytes:
    """A payload with one value replaced, bytes cut or changed, or mere noise."""
    made = dice.choice([workflow_run, deployment, pipeline])(hooks.now())
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        _replace(dice, made)
    text = bytearray(json.dumps(made).encode())
    if kind == 2:
        del text[dice.randrange(len(text)) :]
    if kind == 3:
        text[dice.randrange(len(text))] = dice.randrange(256)
    return bytes(text)


def _replace(dice: random.Random, value: dict[str, Any]) -> None:
    key = dice.choice(list(value))
    if isinstance(value[key], dict) and value[key] and dice.random() < 0.8:
        _replace(dice, value[key])
        return
    odd: list[Any] = [
        None,
        -1,
        2**80,
        1.5,
        "",
        "\x00",
        "a" * 5000,
        "\u202e",
        [],
        {},
        [[]],
        True,
        "0001-01-01T00:00:00Z",
    ]
    value[key] = dice.choice(odd)


async def test_a_body_that_is_not_what_its_encoding_says(hooks: Hooks) -> None:
    told = from_github("workflow_run", b"no gzip at all")
    told["headers"]["Content-Encoding"] = "gzip"
    async with hooks.http.post(f"{hooks.url}/webhooks/github", **told) as answer:
        assert answer.status == 400
