"""A stand-in app for the workspace's page: connects over Socket Mode and answers as a test tells it to."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import Workspace

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
        self._answers: set[asyncio.Task[None]] = set()
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
        tasks = [self._reading, *self._answers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()
        await self._session.close()

    async def next_heard(self) -> Json:
        """The oldest payload that was not asked for yet; TimeoutError when none comes within five seconds."""
        async with asyncio.timeout(5):
            return await self._news.get()

    async def _read(self) -> None:
        async for frame in self._socket:
            envelope = frame.json()
            if "envelope_id" not in envelope:
                continue
            answering = asyncio.create_task(self._answer(envelope), name="answer")
            self._answers.add(answering)
            answering.add_done_callback(self._answers.discard)

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
