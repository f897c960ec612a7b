"""The demo's tour: ticks off what was tried, and kills what it is asked to. Only where `tour: true` is set."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bot.chat.live import Teller, Telling
from bot.views.tour import render_tour
from bot.words.commands import KillInstance, KillPilothouse, ShowStatus
from engine.catalog import Catalog
from engine.commands import Request, Response
from engine.deployments.deployment import Outcome, Purpose, State
from engine.deployments.journal import PREFIX, DeploymentJournal, id_of
from engine.errors import NotNow
from engine.orchestrator import Data, Route
from engine.ports import InstanceHealth, InstanceManager
from engine.security.identity import Person
from engine.security.permissions import Permission
from storage.errors import Conflict
from storage.events import CardChange, Event, EventLog, NewEvent

log = logging.getLogger(__name__)

STREAM: Final = "tour-1"
CARD: Final = CardChange("tour", "welcome", "open", True, {})
NOTICED: Final = {"IncidentAcknowledged": 4, "InstanceRestarted": 5, "SilenceSet": 7}
KILL: Final = "PilothouseKilled"
KILL_AFTER: Final = 0.5  # seconds


class Tour:
    """Keeps the stream of what was tried."""

    def __init__(
        self,
        events: EventLog,
        deployments: DeploymentJournal,
        manager: InstanceManager,
        catalog: Callable[[], Catalog],
        *,
        channel: str,
        board: str,
        now: Callable[[], datetime],
    ) -> None:
        self._events = events
        self._deployments = deployments
        self._manager = manager
        self._catalog = catalog
        self._channel = channel
        self._board = board
        self._now = now

    def teller(self) -> Teller:
        """How the welcome stands in chat."""

        async def tell(stream: str) -> Telling:
            events = await self._events.read(stream)
            message = render_tour(_done(events), board=self._board)
            return Telling(f"#{self._channel}", message, (), "", len(events), ended=False)

        return Teller("tour", "tour-", tell)

    def routes(self) -> dict[type, Route]:
        """The two deeds that only a demo may offer."""
        return {
            KillInstance: Route(
                "kill an instance", Permission.RESTART, lambda _: None, self._kill_instance, audited=True
            ),
            KillPilothouse: Route("kill Pilothouse", Permission.RESTART, lambda _: None, self._kill_us, audited=False),
        }

    async def follow(self) -> None:
        """Welcome people, then tick off what happens, until cancelled."""
        position = await self._events.last_position()
        known = await self._events.read(STREAM)
        if not known:
            await self._write("TourBegan", {})
        if known and known[-1].type == KILL:
            await self._tick(6)
        async for event in self._events.follow(after=position):
            await self._notice(event)

    async def asked(self, request: Request, response: Response) -> None:
        """Somebody looked around."""
        if response.ok and isinstance(request.command, ShowStatus):
            await self._tick(1)

    async def _notice(self, event: Event) -> None:
        number = NOTICED.get(event.type)
        if number is not None:
            await self._tick(number)
        if event.stream.startswith(PREFIX) and event.type in {"DeploymentSucceeded", "DeploymentRolledBack"}:
            deployment = await self._deployments.load(id_of(event.stream))
            replaced = deployment.plan.previous is not None and deployment.purpose is Purpose.DEPLOY
            if deployment.state is State.SUCCEEDED and replaced:
                await self._tick(2)
            if deployment.outcome is Outcome.GATE_FAILED:
                await self._tick(3)

    async def _tick(self, number: int) -> None:
        if number not in _done(await self._events.read(STREAM)):
            await self._write("TourStepDone", {"step": number})

    async def _write(self, kind: str, data: dict[str, Any]) -> None:
        expected = len(await self._events.read(STREAM))
        try:
            await self._events.append(STREAM, [NewEvent(kind, data)], expected=expected, at=self._now(), card=CARD)
        except Conflict:
            await self._write(kind, data)

    async def _kill_instance(self, request: Request, person: Person) -> Data:  # noqa: ARG002
        for place in self._catalog().placements():
            alive = [one for one in await self._manager.observe(place) if one.health is not InstanceHealth.DEAD]
            if len(alive) > 1:
                os.kill(alive[0].pid, signal.SIGKILL)
                return {"text": f"Killed {alive[0].id}, process {alive[0].pid}. The status shows it come back."}
        raise NotNow("No service has two instances to kill one of.", "Deploy shop to production first.")

    async def _kill_us(self, request: Request, person: Person) -> Data:  # noqa: ARG002
        await self._write(KILL, {"by": str(person.id)})
        log.warning("killed for the tour by %s", person.id)
        # A moment later, so that the click is answered first.
        asyncio.get_running_loop().call_later(KILL_AFTER, os.kill, os.getpid(), signal.SIGKILL)
        return {"text": "Killing Pilothouse with -9 now. It comes back by itself."}


def _done(events: list[Event]) -> set[int]:
    return {int(event.data["step"]) for event in events if event.type == "TourStepDone"}
