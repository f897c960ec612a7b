"""The composition root: lays the ground, starts the rooms, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from bot.chat.silence_notices import SilenceNotices
from bot.clock.jobs import alert_jobs, house_jobs, loop_jobs
from bot.house.alerting_half import Loaded
from bot.house.build import build
from bot.house.ground import Ground
from bot.house.rooms import Pilothouse
from bot.house.single import only_process
from bot.settings.domain import to_catalog, to_people
from bot.settings.read import Settings
from bot.settings.routing import load_routes
from bot.settings.rules import load_rules
from bot.settings.shortages import Shortages
from engine.catalog import Placement
from engine.components.probe import HttpProbe
from engine.security.identity import Directory
from storage.database import PoolSettings, open_database

log = logging.getLogger(__name__)

DRAIN: Final = timedelta(seconds=5)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


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
    stack.push_async_callback(house.engine.platforms.close)
    stack.push_async_callback(house.durable.close)
    await engine.resume_all()
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
            *house.triggering.jobs(),
            *house_jobs(engine, _reachable(ground), house.listening, house.reloader),
        ]
    )


def _reachable(ground: Ground) -> list[Placement]:
    """The places whose platform can be asked."""
    shortages = Shortages(ground.settings)
    return [place for place in ground.catalog().placements() if not shortages.blocks(place)]


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
