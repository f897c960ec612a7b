"""A workspace with a stand-in app and a real Chromium, for the tests of the workspace's page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientWebSocketResponse
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import ChannelSpec, Manifest, Workspace, random_config
from bot.workspace.manifest import Shortcut, SlashCommand

Json = dict[str, Any]
Answering = Callable[[Json], Awaitable[Json | None]]


class StandInApp:
    """``async with StandInApp(workspace) as app``: `app.web` calls the Web API, `app.on` sets what acks carry.

    `on` maps an action id, callback id or command to what is awaited before the ack; its result is the ack's
    content. Anything else is acked at once, empty. `heard` keeps every payload.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.on: dict[str, Answering] = {}
        self.heard: list[Json] = []
        self._news: asyncio.Queue[Json] = asyncio.Queue()
        self._workspace = workspace
        self._session: ClientSession
        self._socket: ClientWebSocketResponse
        self._reading: asyncio.Task[None]
        self.web: AsyncWebClient

    async def __aenter__(self) -> Self:
        keys = self._workspace.config.credentials
        self._session = ClientSession()
        self.web = AsyncWebClient(keys.bot_token, base_url=self._workspace.api_url, session=self._session)
        opened = await self.web.apps_connections_open(app_token=keys.app_token)
        self._socket = await self._session.ws_connect(opened["url"])
        self._reading = asyncio.create_task(self._read(), name="stand-in app")
        await self._workspace.app_connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()
        await self._session.close()

    async def next_heard(self) -> Json:
        """The oldest payload that was not asked for yet; TimeoutError when none comes within five seconds."""
        async with asyncio.timeout(5):
            return await self._news.get()

    async def _read(self) -> None:
        """Answer side by side; an answer that raises ends all, and leaving the app raises it."""
        async with asyncio.TaskGroup() as answers:
            async for frame in self._socket:
                envelope = frame.json()
                if "envelope_id" in envelope:
                    answers.create_task(self._answer(envelope), name="answer")

    async def _answer(self, envelope: Json) -> None:
        payload = envelope["payload"]
        self.heard.append(payload)
        self._news.put_nowait(payload)
        answer = self.on.get(_subject(payload))
        content = await answer(payload) if answer else None
        await self._socket.send_json(
            {"envelope_id": envelope["envelope_id"], **({"payload": content} if content else {})}
        )


def _subject(payload: Json) -> str:
    """What a payload is about: the action id, the callback id or the command."""
    actions = payload.get("actions") or [{}]
    found = actions[0].get("action_id") or payload.get("command") or payload.get("callback_id")
    return str(found or payload.get("action_id") or (payload.get("view") or {}).get("callback_id") or "")


async def never(payload: Json) -> Json | None:
    """An answer that does not come."""
    await asyncio.Event().wait()
    return None


CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MANIFEST = Manifest(
    name="Pilot",
    bot_name="pilot",
    commands=(
        SlashCommand("/ops", "Everything there is", "help | status"),
        SlashCommand("/oops", "Takes it back", ""),
    ),
    shortcuts=(Shortcut("Make an incident", "make_incident", "message", "From this message"),),
)
CHANNELS = (ChannelSpec("general", purpose="Talk"), ChannelSpec("deploys", topic="Ships"), ChannelSpec("random"))


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(text: str, action_id: str, **more: Any) -> Json:
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": "v", **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "block_id": "acts", "elements": list(elements)}


@dataclass(slots=True)
class House:
    """A running workspace with its app, and a way to open pages in it."""

    workspace: Workspace
    app: StandInApp
    open: Callable[..., Awaitable[Page]]
    bare: Callable[[], Awaitable[Page]]

    def channel(self, name: str) -> str:
        return next(one.id for one in self.workspace.state.channels.values() if one.name == name)

    async def post(self, channel: str, text: str, **more: Any) -> str:
        answer = await self.app.web.chat_postMessage(channel=self.channel(channel), text=text, **more)
        return str(answer["ts"])

    async def open_modal(self, page: Page, view: Json) -> None:
        """The app answers /ops with a modal; the person types the command."""

        async def show(payload: Json) -> None:
            await self.app.web.views_open(trigger_id=payload["trigger_id"], view=view)

        self.app.on["/ops"] = show
        await say(page, "/ops ")
        await page.locator("dialog[open]").wait_for()


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="browser")
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module", name="house")
async def a_house(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[House]:
    settings = getattr(request, "param", {})
    config = random_config(manifest=MANIFEST, channels=CHANNELS, team_name="Harbour", rates=None, **settings)
    faults: list[str] = []
    async with AsyncExitStack() as stack:
        workspace = await stack.enter_async_context(Workspace(config))
        app = await stack.enter_async_context(StandInApp(workspace))
        context = await browser.new_context(viewport={"width": 1200, "height": 760})
        stack.push_async_callback(context.close)

        async def open_page(place: str = "", user: str = "U0ADA", **viewport: int) -> Page:
            page = await context.new_page()
            page.set_default_timeout(5000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: faults.extend(_policy_fault(message)))
            if viewport:
                await page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
            await page.goto(f"{workspace.url}#/{user}/{place}" if user else workspace.url)
            await expect(page.locator(".person")).to_contain_text("You are")
            return page

        async def bare_page() -> Page:
            """A page of the same origin with nothing on it, to try single modules in."""
            page = await context.new_page()
            await page.goto(f"{workspace.url}theme.js")
            return page

        yield House(workspace, app, open_page, bare_page)
    assert faults == []


def _policy_fault(message: ConsoleMessage) -> list[str]:
    return [message.text] if "Content Security Policy" in message.text else []


def composer(page: Page) -> Locator:
    return page.locator("ws-conversation textarea.composer-text")


def log(page: Page) -> Locator:
    return page.locator("ws-conversation .log")


async def say(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await composer(page).press("Enter")
