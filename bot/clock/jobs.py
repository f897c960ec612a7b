"""What happens by the clock, as a table: durable loops, rules and alerts, health checks, Home tabs, changed files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from bot.chat.assembly import Listening
from bot.chat.silence_notices import SilenceNotices
from bot.clock.clockwork import Job
from bot.clock.membership import TTL, Membership
from bot.clock.reload import Reloader
from bot.house.alerting_half import Alerting
from bot.house.engine_half import Engine
from bot.watch.troubles import Troubles
from engine.catalog import Placement
from engine.durable_dbos import DbosDurable

SECOND: Final = timedelta(seconds=1)
RELOAD: Final = timedelta(seconds=2)
REFRESH: Final = timedelta(seconds=3)
SILENCES: Final = timedelta(seconds=5)
HISTORY: Final = timedelta(seconds=2)
TROUBLES: Final = timedelta(seconds=5)
HEALTHS: Final = timedelta(seconds=5)
FAILURES: Final = timedelta(seconds=5)
PERMITS: Final = timedelta(seconds=5)
RECONCILE: Final = timedelta(seconds=30)
COME_BACK: Final = timedelta(seconds=30)
DAY: Final = timedelta(days=1)


def loop_jobs(engine: Engine, durable: DbosDurable, membership: Membership) -> list[Job]:
    """What keeps this replica and the durable loops alive."""

    async def keep(_: datetime) -> None:
        await membership.keep()

    async def take_over(_: datetime) -> None:
        await durable.take_over()

    async def come_back(_: datetime) -> None:
        # A loop that the durable engine gave up is begun anew; one that runs is left alone.
        await engine.resume_all()

    async def forget(at: datetime) -> None:
        await durable.forget(at - DAY)

    return [
        Job("membership", TTL / 3, keep, shared=False),
        Job("take over", TTL / 3, take_over, shared=False),
        Job("loops", COME_BACK, come_back, shared=False),
        Job("ended loops", DAY, forget),
    ]


def alert_jobs(
    alerting: Alerting, notices: SilenceNotices, troubles: Troubles, acting: Callable[[], bool]
) -> list[Job]:
    """Rules, what others told, silences, and what a crash left untold; `acting`: whether this replica dispatches."""

    async def rules(at: datetime) -> None:
        await alerting.watch.tick(at.replace(microsecond=0))

    async def listen(at: datetime) -> None:
        await alerting.listen(at, acting=acting())

    async def health(at: datetime) -> None:
        await alerting.share_health(at, acting=acting())

    async def reconcile(_: datetime) -> None:
        await alerting.watch.reconcile()

    return [
        Job("rules", SECOND, rules),
        Job("alerts told elsewhere", SECOND, listen, shared=False),
        Job("silences", SILENCES, alerting.look_after_silences),
        Job("rule history", HISTORY, alerting.note_history),
        Job("silence notices", SECOND, notices.tick),
        Job("troubles", TROUBLES, troubles.tick),
        Job("rule health", HEALTHS, health, shared=False),
        Job("failures", FAILURES, alerting.failures.tick),
        Job("incidents", RECONCILE, reconcile),
    ]


def house_jobs(engine: Engine, places: Iterable[Placement], listening: Listening, reloader: Reloader) -> list[Job]:
    """Health checks of these places, Home tabs and changed files."""

    async def home(_: datetime) -> None:
        await listening.home.refresh()

    return [
        Job("locks and freezes", PERMITS, engine.permits.tidy),
        Job("home tabs", REFRESH, home, shared=False),
        Job("changed files", RELOAD, reloader.tick, shared=False),
        *(_health_job(engine, place) for place in places),
    ]


def _health_job(engine: Engine, place: Placement) -> Job:
    async def check(at: datetime) -> None:
        running = await engine.releases.as_running(place, now=at)
        await engine.components.check(running)
        await engine.routers.check(running, await engine.platforms.keep_router(running))

    return Job(f"health of {place.service} in {place.environment}", place.health.interval, check)
