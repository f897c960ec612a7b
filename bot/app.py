"""The composition root: builds the rooms, joins them, starts them, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from alerting.rules.rule import RuleGroup
from bot.chat.assembly import Listening, Speaking, build_listening, build_speaking
from bot.chat.operators import Operators
from bot.chat.tellers import deployment_teller, incident_teller
from bot.clockwork import Clockwork, Job
from bot.inputs.slack.socket import Socket
from bot.membership import TTL, Membership, own_name
from bot.meters import Meters
from bot.parts import Alerting, Engine, Ground, build_alerting, build_engine, join
from bot.readings import Readings
from bot.routes import Rooms, build_routes
from bot.settings.domain import to_catalog, to_people
from bot.settings.read import Settings
from bot.settings.rules import load_rules
from bot.single import only_process
from bot.tour import Tour
from engine.catalog import Placement
from engine.commands import Request, Response
from engine.components.probe import HttpProbe
from engine.deployments.journal import DeploymentJournal
from engine.durable import Turn
from engine.durable_dbos import DbosDurable
from engine.orchestrator import Notify, Orchestrator, Publish
from engine.security.identity import Directory
from engine.security.secrets import mask
from storage.database import PoolSettings, open_database

log = logging.getLogger(__name__)

RECONCILE: Final = timedelta(seconds=15)
REFRESH: Final = timedelta(seconds=3)
SECOND: Final = timedelta(seconds=1)
COME_BACK: Final = timedelta(seconds=30)
DAY: Final = timedelta(days=1)
DRAIN: Final = timedelta(seconds=5)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Pilothouse:
    """The running product. Set `stop` to end it; `failure` says why when it ended itself."""

    ground: Ground
    engine: Engine
    alerting: Alerting
    readings: Readings
    orchestrator: Orchestrator
    speaking: Speaking
    listening: Listening
    durable: DbosDurable
    membership: Membership
    socket: Socket | None
    tour: Tour | None
    meters: Meters
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""

    def give_up(self, why: str) -> None:
        """End the process because it must not act any more."""
        log.error("%s", why)
        self.failure = why
        self.stop.set()


@asynccontextmanager
async def running(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Pilothouse]:
    """The product from start to stop. Raises SettingsWrong, AlreadyRunning, StorageError before any effect."""
    loaded = load_rules(settings)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    async with AsyncExitStack() as stack:
        stack.enter_context(only_process(settings.data))
        ground = await _lay_ground(settings, stack, now)
        house = build(ground, loaded.groups)
        await _start(house, stack)
        yield house


async def _lay_ground(settings: Settings, stack: AsyncExitStack, now: Callable[[], datetime]) -> Ground:
    pool = settings.file.pool
    database = await open_database(settings.database_url, pool=PoolSettings(**dict(pool)))
    stack.push_async_callback(database.close)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    probe = await stack.enter_async_context(HttpProbe())
    catalog, directory = to_catalog(settings), Directory(to_people(settings.file))
    return Ground(settings, database, session, probe, lambda: catalog, lambda: directory, now)


def build(ground: Ground, groups: Sequence[RuleGroup]) -> Pilothouse:
    """All rooms, joined and not yet started."""
    settings, now = ground.settings, ground.now
    executor = own_name()
    membership = Membership(ground.database.leases, executor, lost=lambda: house.give_up("Another process took over."))
    durable = DbosDurable(_durable_url(settings), _turn_of(ground), executor_id=executor, alive=membership.alive)
    journal = DeploymentJournal(ground.database.log)
    speaking = build_speaking(settings, ground.database, ground.session, ground.directory, now=now)
    engine = build_engine(ground, durable, journal)
    alerting = build_alerting(ground, groups, durable, journal, speaking)
    join(ground, engine, alerting)
    readings = _readings(ground, engine, alerting)
    tour = _tour(ground, engine) if settings.file.tour else None
    meters = Meters()
    operators = Operators(speaking.outbox, settings.file.channels.incidents, now=now)
    orchestrator = _orchestrator(
        ground, engine, alerting, readings, tour, publish=_publisher(meters, tour), notify=operators.notify
    )
    tellers = [
        deployment_teller(
            journal,
            ground.catalog,
            speaking.mention,
            ground.directory,
            fallback=settings.file.channels.deploys,
            now=now,
        ),
        incident_teller(alerting.journal, speaking.mention, ground.directory, speaking.pager.link),
        *([tour.teller()] if tour else []),
    ]
    listening = build_listening(
        settings, ground.database, speaking, orchestrator, readings, ground.catalog, ground.directory, tellers, now=now
    )
    token = settings.environment.slack_app_token
    socket = Socket(listening.app, token) if token else None
    house = Pilothouse(
        ground, engine, alerting, readings, orchestrator, speaking, listening, durable, membership, socket, tour, meters
    )
    return house


def _durable_url(settings: Settings) -> str:
    """PostgreSQL holds the loops in a schema of its own; SQLite in a file of its own, as it has one writer."""
    return settings.environment.database_url or f"sqlite:///{settings.data / 'durable.sqlite'}"


def _turn_of(ground: Ground) -> Turn:
    async def turn(subject: str) -> timedelta | None:
        take = next(take for prefix, take in ground.turns.items() if subject.startswith(prefix))
        return await take(subject)

    return turn


def _readings(ground: Ground, engine: Engine, alerting: Alerting) -> Readings:
    return Readings(
        ground.catalog,
        engine.components,
        engine.journal,
        alerting.journal,
        engine.artifacts,
        alerting.watch.rows,
        lambda: alerting.rotations,
        now=ground.now,
    )


def _tour(ground: Ground, engine: Engine) -> Tour:
    settings = ground.settings
    return Tour(
        ground.database.log,
        engine.journal,
        engine.manager,
        ground.catalog,
        channel=settings.file.channels.welcome or settings.file.channels.deploys,
        board=settings.board_url,
        now=ground.now,
    )


def _orchestrator(
    ground: Ground,
    engine: Engine,
    alerting: Alerting,
    readings: Readings,
    tour: Tour | None,
    *,
    publish: Publish,
    notify: Notify,
) -> Orchestrator:
    rooms = Rooms(
        catalog=ground.catalog,
        directory=ground.directory,
        desk=engine.desk,
        journal=engine.journal,
        components=engine.components,
        incidents=alerting.desk,
        incident_journal=alerting.journal,
        readings=readings,
        sessions=ground.sessions,
        board_url=ground.settings.board_url,
        now=ground.now,
    )
    database = ground.database
    return Orchestrator(
        {**build_routes(rooms), **(tour.routes() if tour else {})},
        ground.directory,
        ground.audit,
        database.claims,
        database.records,
        publish,
        notify,
        now=ground.now,
    )


def _publisher(meters: Meters, tour: Tour | None) -> Publish:
    async def publish(request: Request, response: Response) -> None:
        """Every request is a line of the log and a count; what it changed is in the event log already."""
        meters.passed(request, response)
        verdict = "ok" if response.ok else f"{response.kind}: {mask(response.error).text}"
        log.info("%s from %s: %s", type(request.command).__name__, request.source, verdict)
        if tour is not None:
            await tour.asked(request, response)

    return publish


async def _start(house: Pilothouse, stack: AsyncExitStack) -> None:
    """Start the rooms, the ones that others need first; each pushes its own end."""
    ground, engine = house.ground, house.engine
    await house.membership.join(alone=ground.database.kind == "sqlite")
    stack.push_async_callback(house.membership.leave)
    await engine.components.register_all(ground.now())
    stack.push_async_callback(house.speaking.outbox.close)
    await house.durable.launch()
    stack.push_async_callback(house.durable.close)
    await engine.desk.resume_all()
    _own(stack, house.listening.live.follow(), "live messages", house)
    if house.tour is not None:
        _own(stack, house.tour.follow(), "tour", house)
    stack.push_async_callback(house.listening.live.close)
    stack.push_async_callback(lambda: house.listening.tasks.drain(within=DRAIN))
    if house.socket is not None:
        stack.push_async_callback(house.socket.close)
        _own(stack, house.socket.run(), "socket mode", house)
    clock = Clockwork(
        _jobs(house), ground.database.leases, own_name(), now=ground.now, taken=house.alerting.watch.start
    )
    stack.push_async_callback(clock.stop)
    await clock.start()


def _jobs(house: Pilothouse) -> list[Job]:
    async def keep(_: datetime) -> None:
        await house.membership.keep()

    async def rules(at: datetime) -> None:
        await house.alerting.watch.tick(at.replace(microsecond=0))

    async def reconcile(_: datetime) -> None:
        await house.alerting.watch.reconcile()

    async def home(_: datetime) -> None:
        await house.listening.home.refresh()

    async def take_over(_: datetime) -> None:
        await house.durable.take_over()

    async def come_back(_: datetime) -> None:
        # A loop that the durable engine gave up is begun anew; one that runs is left alone.
        await house.engine.desk.resume_all()

    async def forget(at: datetime) -> None:
        await house.durable.forget(at - DAY)

    return [
        Job("membership", TTL / 3, keep, shared=False),
        Job("take over", TTL / 3, take_over, shared=False),
        Job("loops", COME_BACK, come_back, shared=False),
        Job("ended loops", DAY, forget),
        Job("home tabs", REFRESH, home, shared=False),
        Job("rules", SECOND, rules),
        Job("incidents", RECONCILE, reconcile),
        *(_health_job(house, place) for place in house.ground.catalog().placements()),
    ]


def _health_job(house: Pilothouse, place: Placement) -> Job:
    async def check(_: datetime) -> None:
        await house.engine.components.check(place)
        # Asking the router also starts it again after it was killed.
        await house.engine.shifter.read(place)

    return Job(f"health of {place.service} in {place.environment}", place.health.interval, check)


def _own(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str, house: Pilothouse) -> None:
    """Run `work` until the stack closes; the house cannot do without it, so its failure ends the process."""
    task = asyncio.create_task(work, name=name)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            log.error("%s failed", name, exc_info=done.exception())
            house.give_up(f"{name} failed: {done.exception()}")

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task.add_done_callback(ended)
    stack.push_async_callback(end)
