"""What webhooks asked for, written down before the sender is answered, and done afterwards by one replica.

A wish waits here until the single door has answered it for good. Its request's id comes from what happened elsewhere,
so that neither a crash in between nor a delivery that comes twice makes two deployments of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from bot.inputs.webhooks.wish import Wish
from engine.commands import Actor, Deploy, Request, Response
from engine.errors import NotNow, TemporaryFailure
from storage.records import Records

log = logging.getLogger(__name__)

WAITING: Final = "webhook-waiting"
TAKEN: Final = "webhook-taken"
FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=1)
PATIENCE: Final = timedelta(hours=1)
"""How long a wish is tried again."""
REMEMBERED: Final = timedelta(days=8)
"""How long a delivery is known again; longer than what is still listened to may be old."""

_PASSING: Final = frozenset({TemporaryFailure.__name__, NotNow.__name__})
"""What may go well later: something failed for a moment, or another deployment is in its way."""

Tell = Callable[[str, str], Awaitable[None]]
Runs = Callable[[str, str], Awaitable[str | None]]
"""Which version of a service is the stable one in an environment."""


class Door(Protocol):
    """The orchestrator, as this room needs it."""

    async def handle(self, request: Request) -> Response: ...


class Results(Protocol):
    """Who writes back how it went."""

    async def begun(self, wish: Wish, deployment: str) -> None:
        """The wish became this deployment. Safe to repeat."""
        ...

    async def settled(self, wish: Wish, reason: str, *, well: bool) -> None:
        """No deployment came of the wish: nothing was to be done (`well`), or it was refused. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wish that is not done yet. `attempts` failed so far, the next is due at `due`."""

    wish: Wish
    at: datetime
    due: datetime
    attempts: int = 0


class Inbox:
    """Takes wishes in on any replica, and does them on the one that `work`s. May raise StorageUnavailable."""

    def __init__(
        self, records: Records, door: Door, results: Results, runs: Runs, tell: Tell, *, now: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._door = door
        self._results = results
        self._runs = runs
        self._tell = tell
        self._now = now

    async def known(self, delivery: str) -> bool:
        """Whether this delivery was taken before."""
        return await self._records.get(TAKEN, delivery) is not None

    async def take(self, delivery: str, wishes: list[Wish]) -> list[str]:
        """Write down what is asked for; the ids of the requests that are new.

        The wishes come first: a crash before the delivery is noted makes it be taken again, and find them known.
        """
        now = self._now()
        fresh = [one for one in wishes if await self._records.get(TAKEN, one.request) is None]
        waiting = {one.request: _data(Waiting(one, now, now)) for one in fresh}
        if waiting:
            await self._records.put_many(WAITING, waiting, at=now)
        noted = {key: {"at": now.isoformat()} for key in (*waiting, delivery)}
        await self._records.put_many(TAKEN, noted, at=now)
        return list(waiting)

    async def work(self, _: datetime) -> None:
        """Do what is due, of each trigger the oldest first."""
        kept = sorted(map(_waiting, (await self._records.all(WAITING)).values()), key=lambda one: one.at)
        async with asyncio.TaskGroup() as tasks:
            # Side by side: a registry that hangs holds up one service and not the others.
            for name in {one.wish.trigger for one in kept}:
                mine = [one for one in kept if one.wish.trigger == name]
                tasks.create_task(self._work_on(mine), name=f"webhooks of {name}")

    async def sweep(self, at: datetime) -> None:
        """Forget deliveries that nobody will send again."""
        old = [
            key
            for key, value in (await self._records.all(TAKEN)).items()
            if at - datetime.fromisoformat(value["at"]) > REMEMBERED
        ]
        await self._records.put_many(TAKEN, {}, at=at, delete=old)

    async def _work_on(self, mine: list[Waiting]) -> None:
        for number, one in enumerate(mine):
            if one.due <= self._now():
                # The same trigger asked for something newer while this one had to wait.
                await self._do(one, overtaken=one.attempts > 0 and number < len(mine) - 1)

    async def _do(self, one: Waiting, *, overtaken: bool) -> None:
        wish = one.wish
        if overtaken:
            await self._end(one, "A newer version was asked for while this one waited.")
            return
        command = Deploy(wish.service, wish.version, wish.environment)
        actor = Actor("token", wish.trigger)
        response = await self._door.handle(Request(wish.request, self._now(), "webhook", actor, command))
        if response.ok:
            await self._results.begun(wish, str(response.data["deployment"]))
            await self._records.delete(WAITING, wish.request)
        else:
            await self._not_done(one, response)

    async def _not_done(self, one: Waiting, response: Response) -> None:
        wish = one.wish
        if response.kind == NotNow.__name__ and await self._runs(wish.service, wish.environment) == wish.version:
            await self._end(one, response.error, well=True)
        elif response.kind in _PASSING and self._now() - one.at < PATIENCE:
            await self._again(one)
        else:
            await self._end(one, response.error)
            await self._tell(f"The trigger {wish.trigger} could not deploy: {response.error}", response.remedy)

    async def _again(self, one: Waiting) -> None:
        now = self._now()
        pause = min(FIRST_PAUSE * 2 ** min(one.attempts, 10), LONGEST_PAUSE)
        later = replace(one, due=now + pause, attempts=one.attempts + 1)
        await self._records.put(WAITING, one.wish.request, _data(later), at=now)

    async def _end(self, one: Waiting, reason: str, *, well: bool = False) -> None:
        log.info("%s came to no deployment: %s", one.wish.request, reason)
        await self._results.settled(one.wish, reason, well=well)
        await self._records.delete(WAITING, one.wish.request)


def _data(waiting: Waiting) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(waiting)
    return data


def _waiting(data: Mapping[str, Any]) -> Waiting:
    return msgspec.convert(dict(data), Waiting)
