"""Builds the rooms and joins them: who knows whom is decided here and nowhere else."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from bot.chat.assembly import Listening, Speaking, build_listening, build_speaking
from bot.chat.lifecycle_notices import LifecycleNotices
from bot.chat.operators import Operators
from bot.chat.permit_tellers import freeze_teller, lock_teller
from bot.chat.tellers import deployment_teller, incident_teller
from bot.chat.train_tellers import train_teller
from bot.clock.clockwork import Clockwork
from bot.clock.duties import Duties, Work
from bot.clock.membership import TTL, Membership, own_name
from bot.clock.reload import Reloader
from bot.clock.reload_sources import reload_sources
from bot.house.alerting_half import Alerting, Loaded, build_alerting
from bot.house.engine_half import Engine, build_engine, join
from bot.house.ground import Ground
from bot.house.rooms import Pilothouse
from bot.house.triggering import Triggering, around_of, build_triggering
from bot.inputs.slack.socket import Socket
from bot.readings.alerts import alert_rows
from bot.readings.held_back import held_back
from bot.readings.now import Readings
from bot.routes.lifecycle import lifecycle_routes
from bot.routes.permits import PermitRooms, permit_routes
from bot.routes.reports import ReportRooms, report_routes
from bot.routes.silences import SilenceRooms, silence_routes
from bot.routes.table import Rooms, build_routes
from bot.routes.trains import TrainRooms, train_routes
from bot.settings.read import Settings
from bot.settings.shortages import Shortages
from bot.settings.triggers import load_triggers, to_schedules
from bot.tour import Tour
from bot.watch.troubles import Troubles
from bot.web.meters import Meters
from engine.commands import Request, Response
from engine.deployments.journal import DeploymentJournal
from engine.durable import Turn
from engine.durable_dbos import DbosDurable
from engine.orchestrator import Notify, Orchestrator, Publish
from engine.security.secrets import mask

log = logging.getLogger(__name__)

TAKEN_OVER: Final = (
    f"This process could not renew its lease for {TTL.total_seconds():g} s, so another took over its work. "
    "It does nothing more and ends; start it again."
)


def build(ground: Ground, loaded: Loaded) -> Pilothouse:
    """All rooms, joined and not yet started."""
    settings, now = ground.settings, ground.now
    executor = own_name()
    membership = Membership(ground.database.leases, executor, lost=lambda: house.give_up(TAKEN_OVER))
    turn = _turn_of(ground, membership)
    durable = DbosDurable(_durable_url(settings), turn, executor_id=executor, alive=membership.alive)
    journal = DeploymentJournal(ground.database.log)
    speaking = build_speaking(settings, ground.database, ground.session, ground.directory, now=now)
    engine = build_engine(ground, durable, journal, membership.check)

    def acting() -> bool:
        return house.clockwork.acting

    alerting = build_alerting(ground, loaded, durable, journal, speaking, acting)
    join(ground, engine, alerting, acting, membership.check)
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
            board=settings.board_url,
            now=now,
        ),
        lock_teller(
            engine.permit_journal, ground.catalog, speaking, ground.directory, fallback=settings.file.channels.deploys
        ),
        freeze_teller(
            engine.permit_journal, ground.catalog, speaking, ground.directory, fallback=settings.file.channels.deploys
        ),
        train_teller(engine.train_journal, speaking.mention, ground.directory, channel=settings.file.channels.deploys),
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

    around = around_of(
        ground, orchestrator, engine.journal, engine.platforms, engine.components, operators.tell, acting
    )
    triggering = build_triggering(load_triggers(settings), to_schedules(settings.file), around)
    notices = _notices(ground, speaking)
    duties = Duties(_duties(alerting, listening, triggering, tour, notices), failed)
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
        triggering,
        _clockwork(ground, executor, alerting, duties),
        duties,
        Reloader(reload_sources(settings, alerting), operators.tell, now=now),
        Troubles(
            alerting.evaluator.broken,
            alerting.dispatcher.failing,
            speaking.outbox.closed,
            operators.tell,
            metrics=settings.prometheus_url,
            channel=f"#{settings.file.channels.incidents}",
            settings=[str(one) for one in Shortages(settings).problems],
        ),
    )
    return house


def _notices(ground: Ground, speaking: Speaking) -> LifecycleNotices:
    database = ground.database
    return LifecycleNotices(
        database.log,
        database.records,
        speaking.outbox,
        speaking.ledger,
        speaking.mention,
        ground.catalog,
        fallback=ground.settings.file.channels.deploys,
        now=ground.now,
    )


def _duties(
    alerting: Alerting, listening: Listening, triggering: Triggering, tour: Tour | None, notices: LifecycleNotices
) -> dict[str, Work]:
    """What one replica does without an end."""
    works: dict[str, Work] = {
        "live messages": listening.live.follow,
        "alert dispatch": alerting.dispatcher.run,
        "messages of components": notices.follow,
    }
    return {**works, **triggering.duties(), **({"tour": tour.follow} if tour else {})}


def _clockwork(ground: Ground, executor: str, alerting: Alerting, duties: Duties) -> Clockwork:
    async def taken() -> None:
        await alerting.take_up()
        await duties.begin()

    async def lost() -> None:
        await duties.end()
        alerting.evaluator.lay_down()

    return Clockwork(ground.database.leases, executor, now=ground.now, taken=taken, lost=lost)


def _durable_url(settings: Settings) -> str:
    """PostgreSQL holds the loops in a schema of its own; SQLite in a file of its own, as it has one writer."""
    return settings.environment.database_url or f"sqlite:///{settings.data / 'durable.sqlite'}"


def _turn_of(ground: Ground, membership: Membership) -> Turn:
    async def turn(subject: str) -> timedelta | None:
        await membership.check()
        take = next(take for prefix, take in ground.turns.items() if subject.startswith(prefix))
        return await take(subject)

    return turn


def _readings(ground: Ground, engine: Engine, alerting: Alerting) -> Readings:
    return Readings(
        ground.catalog,
        engine.components,
        engine.journal,
        alerting.journal,
        engine.platforms,
        lambda: alert_rows(alerting.watch.rows(), alerting.store.all(), ground.now()),
        lambda: alerting.rotations,
        now=ground.now,
        lacks=Shortages(ground.settings).of,
    )


def _tour(ground: Ground, engine: Engine) -> Tour:
    settings = ground.settings
    return Tour(
        ground.database.log,
        engine.journal,
        engine.platforms,
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
    held = held_back(alerting.store.get, alerting.dispatcher.status_of)
    silences = SilenceRooms(alerting.silences, alerting.journal, readings.alerts, held, ground.now)
    permits = PermitRooms(
        ground.catalog, ground.directory, engine.permits, engine.permit_journal, engine.releases, ground.now
    )
    reports = ReportRooms(engine.journal, alerting.journal, ground.settings.board_url, ground.now)
    channel = ground.settings.file.channels.deploys
    trains = TrainRooms(ground.catalog, ground.directory, engine.trains, engine.train_journal, channel)
    database = ground.database
    return Orchestrator(
        {
            **build_routes(rooms),
            **permit_routes(permits),
            **lifecycle_routes(engine.lifecycle, ground.catalog),
            **report_routes(reports),
            **silence_routes(silences),
            **train_routes(trains),
            **(tour.routes() if tour else {}),
        },
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
