"""The composition root: builds the rooms, joins them, starts them, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from bot.alert_rows import alert_rows
from bot.alerting_half import Alerting, Loaded, build_alerting
from bot.chat.assembly import Listening, Speaking, build_listening, build_speaking
from bot.chat.operators import Operators
from bot.chat.silence_notices import SilenceNotices
from bot.chat.tellers import deployment_teller, incident_teller
from bot.clockwork import Clockwork
from bot.duties import Duties, Work
from bot.engine_half import Engine, build_engine, join
from bot.ground import Ground
from bot.inputs.slack.socket import Socket
from bot.jobs import alert_jobs, house_jobs, loop_jobs
from bot.membership import Membership, own_name
from bot.meters import Meters
from bot.readings import Readings
from bot.reload import Reloader
from bot.reload_sources import reload_sources
from bot.routes import Rooms, build_routes
from bot.settings.domain import to_catalog, to_people
from bot.settings.read import Settings
from bot.settings.routing import load_routes
from bot.settings.rules import load_rules
from bot.silence_routes import SilenceRooms, silence_routes
from bot.single import only_process
from bot.tour import Tour
from bot.troubles import Troubles
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
    clockwork: Clockwork
    duties: Duties
    reloader: Reloader
    troubles: Troubles
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""

    def give_up(self, why: str) -> None:
        """End the process because it must not act any more."""
        log.error("%s", why)
        self.failure = why
        self.stop.set()

    def fail(self, name: str, error: BaseException) -> None:
        """Something the house cannot do without has ended by an error."""
        log.error("%s failed", name, exc_info=error)
        self.give_up(f"{name} failed: {error}")


@asynccontextmanager
async def running(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Pilothouse]:
    """The product from start to stop. Raises SettingsWrong, AlreadyRunning, StorageError before any effect."""
    rules, routing = load_rules(settings), load_routes(settings)
    for warning in (*rules.warnings, *routing.warnings):
        log.warning("%s", warning)
    async with AsyncExitStack() as stack:
        stack.enter_context(only_process(settings.data))
        ground = await _lay_ground(settings, stack, now)
        house = build(ground, Loaded(rules.groups, routing))
        await _start(house, stack)
        yield house


async def _lay_ground(settings: Settings, stack: AsyncExitStack, now: Callable[[], datetime]) -> Ground:
    pool = settings.file.pool
    database = await open_database(settings.database_url, pool=PoolSettings(**dict(pool)))
    stack.push_async_callback(database.close)
    # Each user of it bounds itself: Prometheus must not wait for webhooks that hang.
    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    probe = await stack.enter_async_context(HttpProbe())
    catalog, directory = to_catalog(settings), Directory(to_people(settings.file))
    return Ground(settings, database, session, probe, lambda: catalog, lambda: directory, now)


def build(ground: Ground, loaded: Loaded) -> Pilothouse:
    """All rooms, joined and not yet started."""
    settings, now = ground.settings, ground.now
    executor = own_name()
    membership = Membership(ground.database.leases, executor, lost=lambda: house.give_up("Another process took over."))
    durable = DbosDurable(_durable_url(settings), _turn_of(ground), executor_id=executor, alive=membership.alive)
    journal = DeploymentJournal(ground.database.log)
    speaking = build_speaking(settings, ground.database, ground.session, ground.directory, now=now)
    engine = build_engine(ground, durable, journal)

    def acting() -> bool:
        return house.clockwork.acting

    alerting = build_alerting(ground, loaded, durable, journal, speaking, acting)
    join(ground, engine, alerting, acting)
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

    def failed(name: str, error: BaseException) -> None:
        house.fail(name, error)

    duties = Duties(_duties(alerting, listening, tour), failed)
    house = Pilothouse(
        ground,
        engine,
        alerting,
        readings,
        orchestrator,
        speaking,
        listening,
        durable,
        membership,
        socket,
        tour,
        meters,
        _clockwork(ground, executor, alerting, duties),
        duties,
        Reloader(reload_sources(settings, alerting), operators.tell, now=now),
        Troubles(
            alerting.evaluator.snapshot, alerting.dispatcher.failing, operators.tell, metrics=settings.prometheus_url
        ),
    )
    return house


def _duties(alerting: Alerting, listening: Listening, tour: Tour | None) -> dict[str, Work]:
    """What one replica does without an end."""
    works: dict[str, Work] = {"live messages": listening.live.follow, "alert dispatch": alerting.dispatcher.run}
    return works | ({"tour": tour.follow} if tour else {})


def _clockwork(ground: Ground, executor: str, alerting: Alerting, duties: Duties) -> Clockwork:
    async def taken() -> None:
        await alerting.take_up()
        await duties.begin()

    return Clockwork(ground.database.leases, executor, now=ground.now, taken=taken, lost=duties.end)


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
        lambda: alert_rows(alerting.watch.rows(), alerting.store.all(), ground.now()),
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
    silences = SilenceRooms(alerting.silences, alerting.journal, readings.alerts, ground.now)
    database = ground.database
    return Orchestrator(
        {**build_routes(rooms), **silence_routes(silences), **(tour.routes() if tour else {})},
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


def _notices(house: Pilothouse) -> SilenceNotices:
    speaking, alerting = house.speaking, house.alerting
    channel = house.ground.settings.file.channels.incidents
    return SilenceNotices(
        alerting.silences,
        alerting.journal,
        speaking.outbox,
        speaking.ledger,
        speaking.mention,
        channel=channel,
        wake=alerting.desk.wake,
    )


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
    stack.push_async_callback(house.duties.end)
    stack.push_async_callback(lambda: house.listening.tasks.drain(within=DRAIN))
    if house.socket is not None:
        stack.push_async_callback(house.socket.close)
        _own(stack, house.socket.run(), "socket mode", house)
    stack.push_async_callback(house.clockwork.stop)
    await house.clockwork.start(
        [
            *loop_jobs(engine, house.durable, house.membership),
            *alert_jobs(house.alerting, _notices(house), house.troubles, lambda: house.clockwork.acting),
            *house_jobs(engine, ground.catalog(), house.listening, house.reloader),
        ]
    )


def _own(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str, house: Pilothouse) -> None:
    """Run `work` until the stack closes; the house cannot do without it, so its failure ends the process."""
    task = asyncio.create_task(work, name=name)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            house.fail(name, error)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task.add_done_callback(ended)
    stack.push_async_callback(end)
