"""What a webhook is sent, and what its answers mean."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from alerting.alerts.fingerprint import shown_fingerprint
from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.notify.notification import Notification, Reason
from alerting.notify.webhook import AT_ONCE, WebhookTeller
from alerting.routing.config import WebhookReceiver
from tests.fakes.dispatch import alert, minutes, resolved

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FIRING = alert(NOW - minutes(5), "Down", instance="b", job="node")
OVER = resolved(alert(NOW - minutes(9), "Down", instance="a", job="node"), NOW)


def notification(receiver: str = "team") -> Notification:
    return Notification(
        key="k1",
        group='{}:{alertname="Down"}',
        group_labels={"alertname": "Down"},
        receiver=receiver,
        reason=Reason.FIRST,
        firing=(FIRING,),
        resolved=(OVER,),
        at=NOW,
    )


class Hook:
    """A webhook that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.said = ""
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[Any, dict[str, str]]] = []
        self.hold: asyncio.Event | None = None
        self.at_once = 0
        self.full = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((json.loads(await request.read()), dict(request.headers)))
        self.at_once += 1
        if self.at_once == AT_ONCE:
            self.full.set()
        if self.hold:
            await self.hold.wait()
        self.at_once -= 1
        return web.Response(status=self.status, text=self.said, headers=self.headers)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made, app = Hook(), web.Application()
    app.router.add_post("/hook", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def teller(session: aiohttp.ClientSession, url: str, **more: Any) -> WebhookTeller:
    return WebhookTeller(WebhookReceiver(url, **more), session, external_url="http://here", now=lambda: NOW)


async def test_the_payload_is_alertmanagers(hook: Hook, session: aiohttp.ClientSession) -> None:
    await teller(session, hook.url).tell(notification("team.a"))
    ((body, headers),) = hook.requests
    alerts = body.pop("alerts")
    assert body == {
        "receiver": "team\\.a",
        "status": "firing",
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {"alertname": "Down", "job": "node"},
        "commonAnnotations": {},
        "externalURL": "http://here",
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
    }
    assert [(one["status"], one["labels"]["instance"]) for one in alerts] == [("resolved", "a"), ("firing", "b")]
    assert alerts[1] == {
        "status": "firing",
        "labels": {"alertname": "Down", "instance": "b", "job": "node"},
        "annotations": {},
        "startsAt": "2026-01-05T08:55:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": shown_fingerprint(FIRING.labels),
    }
    assert headers["Idempotency-Key"] == "k1"


async def test_a_long_list_is_cut(hook: Hook, session: aiohttp.ClientSession) -> None:
    await teller(session, hook.url, max_alerts=1).tell(notification())
    ((body, _),) = hook.requests
    assert (len(body["alerts"]), body["truncatedAlerts"], body["status"]) == (1, 1, "resolved")


async def test_headers_are_sent(hook: Hook, session: aiohttp.ClientSession) -> None:
    await teller(session, hook.url, headers={"Authorization": "Bearer t"}).tell(notification())
    assert hook.requests[0][1]["Authorization"] == "Bearer t"


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_what_may_pass_is_temporary(hook: Hook, session: aiohttp.ClientSession, status: int) -> None:
    hook.status, hook.said = status, "later"
    with pytest.raises(TemporaryFailure, match=f"{status}: later") as failed:
        await teller(session, hook.url).tell(notification())
    assert failed.value.retry_after is None


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_what_will_not_pass_is_permanent(hook: Hook, session: aiohttp.ClientSession, status: int) -> None:
    hook.status = status
    with pytest.raises(PermanentFailure, match=str(status)):
        await teller(session, hook.url).tell(notification())


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("7", timedelta(seconds=7)),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), timedelta(0)),
        ("99999999", timedelta(hours=1)),
        ("9" * 400, None),
        ("soon", None),
    ],
)
async def test_a_wait_that_it_asks_for(
    hook: Hook, session: aiohttp.ClientSession, said: str, wait: timedelta | None
) -> None:
    hook.status, hook.headers = 429, {"Retry-After": said}
    with pytest.raises(TemporaryFailure) as failed:
        await teller(session, hook.url).tell(notification())
    assert failed.value.retry_after == wait


async def test_an_answer_that_does_not_come(hook: Hook, session: aiohttp.ClientSession) -> None:
    hook.hold = asyncio.Event()
    with pytest.raises(TemporaryFailure, match=r"within 0\.05 s"):
        await teller(session, hook.url, timeout=timedelta(milliseconds=50)).tell(notification())
    hook.hold.set()


async def test_nobody_there_and_no_address_is_told(session: aiohttp.ClientSession) -> None:
    with pytest.raises(TemporaryFailure, match="cannot be reached") as failed:
        await teller(session, "http://127.0.0.1:1/secret").tell(notification())
    assert "secret" not in str(failed.value)
    with pytest.raises(PermanentFailure, match="address"):
        await teller(session, "http://[secret").tell(notification())


async def test_a_slow_webhook_takes_few_connections(hook: Hook, session: aiohttp.ClientSession) -> None:
    hook.hold = asyncio.Event()
    one = teller(session, hook.url)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for _ in range(2 * AT_ONCE):
            tasks.create_task(one.tell(notification()))
        await hook.full.wait()
        assert hook.at_once == AT_ONCE
        hook.hold.set()
    assert len(hook.requests) == 2 * AT_ONCE
