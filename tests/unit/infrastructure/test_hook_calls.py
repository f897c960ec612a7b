"""A check that is asked over HTTP: signatures, answers of every kind, and silence."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine.errors import PermanentFailure, TemporaryFailure
from engine.hooks import HookAnswer, HookCall, HookStatus
from engine.infrastructure.hooks import MOST_BYTES, HttpHooks, signed_headers

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECRETS = {"PLAIN": "a plain secret", "CODED": "whsec_" + base64.b64encode(b"\x00\xff").decode(), "BROKEN": "whsec_!"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Check:
    """A server that answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.handler: Handler | None = None
        self.url = ""

    def says(self, text: str | bytes = b"", *, status: int = 200, **headers: str) -> None:
        body = text.encode() if isinstance(text, str) else text

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.handler = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((dict(request.headers), await request.read()))
        assert self.handler
        return await self.handler(request)


@pytest.fixture
async def check() -> AsyncIterator[Check]:
    made, app = Check(), web.Application()
    app.router.add_post("/gate", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/gate"
    yield made
    await runner.cleanup()


async def call(url: str, *, secret: str = "", timeout: float = 5, **facts: Any) -> HookAnswer:
    asking = HookCall(url, facts, "key-1", secret, timedelta(seconds=timeout), AT)
    async with aiohttp.ClientSession() as session:
        return await HttpHooks(session, SECRETS.get).call(asking)


@pytest.mark.parametrize(
    ("said", "status", "answer"),
    [
        ('{"status": "succeeded", "message": "all well"}', 200, HookAnswer(HookStatus.SUCCEEDED, "all well")),
        ('{"status": "failed"}', 201, HookAnswer(HookStatus.FAILED)),
        ('{"status": "in-progress", "message": "3 of\\n 12"}', 200, HookAnswer(HookStatus.IN_PROGRESS, "3 of 12")),
        ('{"status": "succeeded", "message": 7, "more": []}', 202, HookAnswer(HookStatus.SUCCEEDED)),
        ("", 202, HookAnswer(HookStatus.IN_PROGRESS)),
    ],
)
async def test_answers(check: Check, said: str, status: int, answer: HookAnswer) -> None:
    check.says(said, status=status)
    assert await call(check.url) == answer


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ("", 200, "The check answered something that is no JSON. Answer with"),
        ("", 204, "The check answered something that is no JSON."),
        ("<h1>Sign in</h1>", 200, "no JSON: <h1>Sign in</h1> Answer with"),
        ("\xff\xfe", 200, "no JSON"),
        ("[" * 50_000, 200, "no JSON"),
        ("[]", 200, "The check's answer has no status that is known: []"),
        ('{"status": "ok"}', 200, 'no status that is known: {"status": "ok"}'),
        ('{"status": ["succeeded"]}', 200, "no status that is known"),
        ('{"status": true}', 200, "no status that is known"),
        ("gate unknown", 404, "The check refused with 404: gate unknown"),
        ('{"status": "succeeded"}', 403, "The check refused with 403"),
        ('{"status": "succeeded"}', 302, "The check answered 302. Give the gate the address that answers itself."),
        (" " * (MOST_BYTES + 1), 200, "The check answered with more than 64 KiB."),
    ],
)
async def test_answers_that_are_none(check: Check, said: str, status: int, told: str) -> None:
    check.says(said, status=status, Location="/gate")
    with pytest.raises(PermanentFailure) as failure:
        await call(check.url)
    assert told in str(failure.value)
    assert len(str(failure.value)) < 500
    assert len(check.asked) == 1


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (500, "", None),
        (503, "30", 30),
        (429, "7", 7),
        (503, "Mon, 05 Jan 2026 09:01:30 GMT", 90),
        (503, "Mon, 05 Jan 2026 08:00:00 GMT", 0),
        (503, "999999999999", 3600),
        (503, "soon", None),
        (503, "-5", None),
        (408, "1.5", None),
    ],
)
async def test_a_check_in_trouble_is_asked_again(check: Check, status: int, header: str, wait: float | None) -> None:
    check.says("no workers", status=status, Retry_After=header)
    with pytest.raises(TemporaryFailure, match=f"The check answered {status}: no workers") as failure:
        await call(check.url)
    assert failure.value.retry_after == (None if wait is None else timedelta(seconds=wait))


async def test_who_is_at_work_says_when_to_come_back(check: Check) -> None:
    check.says(status=202, Retry_After="20")
    assert await call(check.url) == HookAnswer(HookStatus.IN_PROGRESS, retry_after=timedelta(seconds=20))


async def test_silence_is_no_answer(check: Check) -> None:
    never = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    check.handler = silent
    with pytest.raises(TemporaryFailure, match=r"The check did not answer within 0.1 s\."):
        await call(check.url, timeout=0.1)
    never.set()


async def test_a_body_that_never_ends_is_no_answer(check: Check) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" " * 4096)

    check.handler = endless
    with pytest.raises(PermanentFailure, match="more than 64 KiB"):
        await call(check.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/gate", "http://nowhere.invalid/gate"])
async def test_nobody_there_is_no_answer(url: str) -> None:
    with pytest.raises(TemporaryFailure, match="The check could not be asked: "):
        await call(url)


async def test_an_address_that_is_none() -> None:
    with pytest.raises(PermanentFailure, match="is no address that can be asked"):
        await call("http:///gate")


async def test_what_is_sent(check: Check) -> None:
    check.says('{"status": "succeeded"}')
    await call(check.url, version="v2", step=1, previous=None)
    headers, body = check.asked[0]
    assert json.loads(body) == {"version": "v2", "step": 1, "previous": None}
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "key-1"
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(("secret", "key"), [("PLAIN", b"a plain secret"), ("CODED", b"\x00\xff")])
async def test_signatures(check: Check, secret: str, key: bytes) -> None:
    check.says('{"status": "succeeded"}')
    await call(check.url, secret=secret, version="v2")
    headers, body = check.asked[0]
    signed = b"key-1." + str(int(AT.timestamp())).encode() + b"." + body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "key-1"
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert headers["webhook-signature"] == f"v1,{made}"


def test_the_signature_of_the_specification() -> None:
    """The example of the reference libraries' documentation."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    made = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("UNSET", "The check was not asked: UNSET is not set. Set the variable"),
        ("BROKEN", "BROKEN starts with whsec_ and is no base64."),
    ],
)
async def test_without_its_secret_nobody_is_asked(check: Check, secret: str, told: str) -> None:
    check.says('{"status": "succeeded"}')
    with pytest.raises(PermanentFailure) as failure:
        await call(check.url, secret=secret)
    assert told in str(failure.value)
    assert not check.asked
