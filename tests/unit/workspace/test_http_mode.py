"""A real bolt app behind a request URL: signed deliveries, retries, and an app that is slow or away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Workspace, WorkspaceConfig
from bot.workspace.http_events import signature

Json = dict[str, Any]


@pytest.fixture
def app(config: WorkspaceConfig) -> AsyncApp:
    keys = config.credentials
    return AsyncApp(client=AsyncWebClient(keys.bot_token), signing_secret=keys.signing_secret)


@pytest.fixture
async def workspace(app: AsyncApp, config: WorkspaceConfig) -> AsyncIterator[Workspace]:
    async with TestServer(app.web_app("/slack/events")) as server:
        url = str(server.make_url("/slack/events"))
        async with Workspace(replace(config, request_url=url)) as running:
            app.client.base_url = running.api_url
            async with asyncio.timeout(5):
                await running.app_connected()
            yield running


async def test_commands_clicks_and_events_arrive_signed(app: AsyncApp, workspace: Workspace) -> None:
    @app.command("/echo")
    async def echo(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack("acked")
        button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "é&=+"}
        blocks = [{"type": "actions", "elements": [button]}]
        await client.chat_postMessage(channel=body["channel_id"], text="Go?", blocks=blocks)

    @app.action("go")
    async def go(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        await respond(text=body["actions"][0]["value"], replace_original=True)

    @app.event("app_mention")
    async def mention(event: Json, say: Any) -> None:
        await say(text="yes?", thread_ts=event["ts"])

    ada = await workspace.client("ada")
    await ada.command("deploys", "/echo")
    await ada.wait_message("deploys", lambda one: one["text"] == "acked")
    message = await ada.wait_message("deploys", lambda one: one["text"] == "Go?")
    assert (await ada.click(message, "go"))["delivery"]["ok"]
    await ada.wait_message("deploys", lambda one: one["ts"] == message["ts"] and one["text"] == "é&=+")
    asked = await ada.say("deploys", "@parrot?")
    reply = await ada.wait_message("deploys", lambda one: one["text"] == "yes?", thread_ts=asked["ts"])
    assert reply["thread_ts"] == asked["ts"]


async def test_an_app_with_another_secret_refuses(app: AsyncApp, config: WorkspaceConfig) -> None:
    async with TestServer(app.web_app("/slack/events")) as server:
        keys = replace(config.credentials, signing_secret="another")
        url = str(server.make_url("/slack/events"))
        async with Workspace(replace(config, request_url=url, credentials=keys)) as workspace:
            ada = await workspace.client("ada")
            assert (await ada.command("deploys", "/echo"))["delivery"]["error"] == "dispatch_failed"
            assert not workspace.connected


class Answers:
    """An app that answers with these statuses in turn, 200 after them, and notes what came."""

    def __init__(self, *statuses: int, wait: float = 0) -> None:
        self.statuses = list(statuses)
        self.wait = wait
        self.came: asyncio.Queue[tuple[Json, dict[str, str]]] = asyncio.Queue()

    async def handle(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            await asyncio.sleep(self.wait)
            return web.Response()
        body = await request.json()
        if body["type"] == "url_verification":
            return web.Response(text=body["challenge"])
        await self.came.put((body, dict(request.headers)))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


def server_of(answers: Answers, port: int | None = None) -> TestServer:
    application = web.Application()
    application.router.add_post("/", answers.handle)
    return TestServer(application, port=port)


@asynccontextmanager
async def application(answers: Answers, config: WorkspaceConfig) -> AsyncIterator[Workspace]:
    """A workspace whose app is `answers`."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(server_of(answers))
        url = str(server.make_url("/"))
        yield await stack.enter_async_context(Workspace(replace(config, request_url=url)))


async def test_a_refused_event_is_repeated_with_its_number(config: WorkspaceConfig) -> None:
    answers = Answers(500, 404)
    async with application(answers, config) as workspace, asyncio.timeout(5):
        await (await workspace.client("ada")).say("deploys", "hear me")
        came = [await answers.came.get() for _ in range(3)]
    assert [headers.get("X-Slack-Retry-Num") for _, headers in came] == [None, "1", "2"]
    assert [headers.get("X-Slack-Retry-Reason") for _, headers in came] == [None, "http_error", "http_error"]
    assert len({body["event_id"] for body, _ in came}) == 1


async def test_a_slow_app_times_out(config: WorkspaceConfig) -> None:
    slow = replace(config, ack_timeout=timedelta(milliseconds=50))
    async with application(Answers(wait=0.2), slow) as workspace:
        delivery = (await (await workspace.client("ada")).command("deploys", "/echo"))["delivery"]
    assert delivery["error"] == "operation_timeout"


async def test_an_app_that_starts_later_is_found(config: WorkspaceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.workspace.http_events.ASK_EVERY", 0.02)
    port = unused_port()
    async with Workspace(replace(config, request_url=f"http://127.0.0.1:{port}/")) as workspace:
        ada = await workspace.client("ada")
        assert not (await ada.boot())["apps"][0]["connected"]
        async with server_of(Answers(), port), asyncio.timeout(5):
            await ada.wait_for(lambda seen: seen.name == "app" and seen.data["connected"])


async def test_socket_mode_is_off_in_http_mode(workspace: Workspace) -> None:
    client = AsyncWebClient(base_url=workspace.api_url)
    with pytest.raises(Exception, match="socket_mode_not_enabled"):
        await client.apps_connections_open(app_token=workspace.config.credentials.app_token)


def test_the_signature_is_slacks() -> None:
    now = int(time.time())
    body = "payload=%7B%22a%22%3A1%7D"
    made = signature("secret", now, body.encode())
    assert SignatureVerifier("secret").is_valid(body=body, timestamp=str(now), signature=made)
    assert not SignatureVerifier("other").is_valid(body=body, timestamp=str(now), signature=made)
