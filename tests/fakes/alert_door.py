"""Alertmanager's API on the real rooms behind it, without telling anybody: in a test, or as a process of its own.

`python -m tests.fakes.alert_door PORT CONFIGURATION DATABASE_URL` serves until it is ended.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from aiohttp import web

from alerting.alerts.intake import Intake
from alerting.alerts.store import AlertStore
from alerting.notify.dispatcher import Dispatcher
from alerting.routing.config import Receiver, RoutingConfig
from alerting.routing.load import load_routing
from alerting.routing.tree import Route
from alerting.silences.desk import SilenceDesk
from bot.inputs.alertmanager.parts import Cluster, Parts
from bot.inputs.alertmanager.routes import add_alertmanager_routes
from bot.inputs.webhooks import alertmanager as webhook
from bot.web.access import Access
from engine.deployments.deployment import PersonId
from engine.security.audit import Audit
from engine.security.identity import Directory, Person
from engine.security.permissions import Role
from engine.security.sessions import Sessions
from engine.security.tokens import Tokens
from storage.database import Database, open_database
from tests.fakes.memory_storage import MemoryDatabase

HOST = "127.0.0.1"
PEOPLE = {"ada": Role.DEPLOYER, "cleo": Role.VIEWER}
PLAIN = RoutingConfig(Route("{}", "default"), {"default": Receiver("default")}, text="route: {receiver: default}\n")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Door:
    """`listens_on` is what the access rules believe; the server itself is always on loopback."""

    routing: RoutingConfig = PLAIN
    database: Database = field(default_factory=MemoryDatabase)
    now: Callable[[], datetime] = utc_now
    listens_on: str = HOST
    url: str = ""

    def __post_init__(self) -> None:
        people = [Person(PersonId(name), name.title(), roles={"*": role}) for name, role in PEOPLE.items()]
        people.append(Person(PersonId("stan"), "Stan", roles={"*": Role.VIEWER, "staging": Role.DEPLOYER}))
        self.directory = Directory(people)
        self.tokens = Tokens(self.database.records)
        self.store = AlertStore(self.database.records, now=self.now)
        self.desk = SilenceDesk(self.database.log, now=self.now)
        self.dispatcher = Dispatcher(
            self.routing, self.store, self.database.records, self.database.log, self.desk, lambda _: (), now=self.now
        )
        self.audit = Audit(self.database.log, self.now)
        self.intake = Intake(self.store, resolve_timeout=lambda: self.routing.resolve_timeout, now=self.now)
        self.access = Access(
            self.tokens,
            Sessions(self.database.records, self.database.claims),
            lambda: self.directory,
            listens_on=self.listens_on,
            address=f"http://{self.listens_on}",
            now=self.now,
        )

    @property
    def parts(self) -> Parts:
        return Parts(
            access=self.access,
            directory=lambda: self.directory,
            trail=self.audit,
            intake=self.intake,
            alerts=self.store,
            silences=self.desk,
            groups=self.dispatcher.groups,
            status_of=self.dispatcher.status_of,
            routing=lambda: self.routing,
            cluster=_alone,
            started_at=self.now(),
            version="0",
            now=self.now,
        )

    def build(self) -> web.Application:
        """All its addresses."""
        app = web.Application()
        add_alertmanager_routes(app, self.parts)
        webhook.add_alertmanager_webhook(app, webhook.Parts(self.access, lambda: self.directory, self.intake))
        return app

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve, dispatching; gives the address."""
        await self.desk.load()
        await self.dispatcher.load()
        task = asyncio.create_task(self.dispatcher.run(), name="dispatcher")
        runner = web.AppRunner(self.build(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
            self.url = f"http://{HOST}:{runner.addresses[0][1]}"
            yield self.url
        finally:
            await runner.cleanup()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def token(self, name: str) -> dict[str, str]:
        """Headers of a program of that person."""
        text, _ = await self.tokens.create(PersonId(name), "tests", at=self.now())
        return {"Authorization": f"Bearer {text}"}


async def _alone() -> Cluster:
    return Cluster()


async def serve(port: int, configuration: Path, url: str) -> None:
    """Serve until the process is ended."""
    database = await open_database(url)
    door = Door(load_routing(configuration), database)
    try:
        async with door.serving(port):
            print("listening", flush=True)
            await asyncio.Event().wait()
    finally:
        await database.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
