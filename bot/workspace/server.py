"""The workspace as a whole: built here, started and stopped here."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.workspace import site
from bot.workspace.acts import Acts
from bot.workspace.client import WorkspaceClient
from bot.workspace.client_api import ClientApi
from bot.workspace.config import WorkspaceConfig
from bot.workspace.deliver import Deliverer
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.faults import Faults
from bot.workspace.http_events import HttpEvents
from bot.workspace.journal import Journal
from bot.workspace.model import State
from bot.workspace.notices import EVERYONE, Notice
from bot.workspace.responses import Responses
from bot.workspace.socket import SocketMode
from bot.workspace.stream import Stream
from bot.workspace.web_api import WebApi

LONGEST_BODY = 4 * 1024 * 1024


def wall_clock() -> datetime:
    """The time of this machine, aware and in UTC."""
    return datetime.now(UTC)


class Workspace:
    """A running workspace: ``async with Workspace(config) as workspace``.

    `now` gives aware UTC times; a test may put its own clock here for trigger ids, response_urls and timestamps.
    Starting raises OSError when the port is taken, JournalBroken when the journal cannot be read, JournalInUse
    when another workspace has it.
    """

    def __init__(self, config: WorkspaceConfig, *, now: Callable[[], datetime] = wall_clock) -> None:
        self.config = config
        self.faults = Faults()
        self._now = now
        self._stack = AsyncExitStack()
        self._clients: dict[str, WorkspaceClient] = {}
        self._desk: Desk
        self._carrier: SocketMode | HttpEvents
        self._deliverer: Deliverer

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """Where the page is, with a final /."""
        return self._desk.url

    @property
    def api_url(self) -> str:
        """The base URL for an app: what SLACK_API_URL is set to."""
        return f"{self.url}api/"

    @property
    def state(self) -> State:
        """Everything in the workspace, to look at."""
        return self._desk.state

    @property
    def connected(self) -> bool:
        """Whether the app holds a Socket Mode connection, or answers at its request URL."""
        return self._deliverer.connected

    async def app_connected(self) -> None:
        """Return as soon as the app is connected."""
        await self._carrier.reachable()

    async def client(self, user: str) -> WorkspaceClient:
        """One who acts as a person, by id or name. Closed together with the workspace."""
        known = (one.id for one in self.state.users.values() if user in (one.id, one.name))
        user_id = next(known, user)
        if user_id not in self._clients:
            client = WorkspaceClient(self.url, user_id)
            await self._stack.enter_async_context(client)
            self._clients[user_id] = client
        return self._clients[user_id]

    async def refresh_sockets(self) -> int:
        """Ask the app to replace its Socket Mode connections, as Slack does now and then. Returns how many."""
        return await self._sockets().refresh()

    def drop_sockets(self) -> int:
        """Cut the app's Socket Mode connections without a word. Returns how many."""
        return self._sockets().drop()

    def _sockets(self) -> SocketMode:
        if not isinstance(self._carrier, SocketMode):
            raise Refused("socket_mode_not_enabled")
        return self._carrier

    async def _start(self, stack: AsyncExitStack) -> None:
        journal = stack.enter_context(Journal(self.config.journal))
        self._carrier = self._open_carrier()
        stack.push_async_callback(self._carrier.close)
        self._deliverer = Deliverer(self.config, self._carrier, self.config.event_retries)
        stack.push_async_callback(self._deliverer.close)
        self._desk = Desk(self.config, journal, self._now, self._deliverer.tell, self.faults)
        self._desk.restore()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        self._desk.url = await self._listen(runner)
        if isinstance(self._carrier, HttpEvents):
            verifying = asyncio.create_task(self._carrier.verify(), name="url verification")
            stack.push_async_callback(_cancelled, verifying)

    async def _listen(self, runner: web.AppRunner) -> str:
        site_ = web.TCPSite(runner, self.config.host, self.config.port)
        await site_.start()
        port = runner.addresses[0][1]
        host = "127.0.0.1" if self.config.host in ("0.0.0.0", "::") else self.config.host
        return f"http://{host}:{port}/"

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[site.own_hosts_only(self.config.host)], client_max_size=LONGEST_BODY)
        app.on_response_prepare.append(site.add_headers)
        app.on_shutdown.append(self._end_streams)
        api = WebApi(self._desk, self._socket_address)
        app.router.add_post("/api/{method}", api.handle)
        app.router.add_get("/api/{method}", api.handle)
        app.router.add_post("/response/{team}/{token}", Responses(self._desk).handle)
        app.router.add_get("/client/events", Stream(self._desk).handle)
        app.add_routes(ClientApi(self._desk, Acts(self._desk, self._deliverer), self._deliverer).routes())
        if isinstance(self._carrier, SocketMode):
            app.router.add_get("/socket", self._carrier.handle)
        if self.config.page:
            app.router.add_get("/archives/{channel}/{mark}", site.permalink)
            app.router.add_get("/{path:.*}", site.page_files(site.load_page()))
        return app

    def _open_carrier(self) -> SocketMode | HttpEvents:
        keys, seconds = self.config.credentials, self.config.ack_timeout.total_seconds()
        if self.config.request_url is None:
            return SocketMode(keys.app_id, seconds, self.faults, self._app_changed)
        return HttpEvents(
            self.config.request_url, keys.signing_secret, seconds, self.faults, self._now, self._app_changed
        )

    def _socket_address(self) -> str:
        word = self._sockets().ticket()
        return f"{self.url.replace('http', 'ws', 1)}socket?ticket={word}"

    def _app_changed(self, connections: int) -> None:
        data = {"app": self.config.credentials.app_id, "connected": connections > 0}
        self._desk.hub.publish(Notice(EVERYONE, "app", data))

    async def _end_streams(self, _app: web.Application) -> None:
        self.faults.released.set()
        self._desk.hub.close()
        if isinstance(self._carrier, SocketMode):
            await self._carrier.close()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
