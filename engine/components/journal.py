"""Components as they are written down: one stream for each, decided upon and appended in one step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from engine.components.lifecycle import Component, fold
from engine.errors import TemporaryFailure
from engine.ports import Spot
from storage.cards import every_card
from storage.codec import JSON
from storage.errors import Conflict
from storage.events import Card, CardChange, Event, EventLog, NewEvent
from storage.growth import Growth

KIND: Final = "component"
PREFIX: Final = "component-"
_ATTEMPTS: Final = 10

Decide = Callable[[Component | None], Sequence[NewEvent]]


def stream_of(service: str, environment: str) -> str:
    """The stream of a component. Names hold no character beside letters, digits and dashes."""
    return f"{PREFIX}{service}-{environment}"


async def all_cards(log: EventLog) -> list[Card]:
    """The card of every component that was ever registered, the one begun last first."""
    return await every_card(log, KIND)


class ComponentJournal:
    """Loads components and appends to them. Remembers what it read, and reads only what came after."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[str, Component] = {}
        self._growth = Growth(log, PREFIX)

    async def latest(self, service: str, environment: str, *, now: datetime) -> Component | None:
        """The component without a read of its own, usually: what other replicas wrote is seen a second later."""
        stream = stream_of(service, environment)
        known = self._known.get(stream)
        if known is None or await self._growth.beyond(stream, known.stream_version, now=now):
            return await self.load(service, environment)
        return known

    async def load(self, service: str, environment: str) -> Component | None:
        """The component as it is now; None when it was never registered."""
        await self._growth.begin()
        stream = stream_of(service, environment)
        known = self._known.get(stream)
        after = 0 if known is None else known.stream_version
        component = fold(known, await self._log.read(stream, after=after))
        if component is not None:
            self._known[stream] = component
        return component

    def known(self) -> Collection[Component]:
        """The components that were read so far, as they were then."""
        return self._known.values()

    async def all(self) -> list[Component]:
        """Every component that was ever registered, by service and environment."""
        cards = await all_cards(self._log)
        found = [await self.load(card.data["service"], card.data["environment"]) for card in cards]
        known = [component for component in found if component is not None]
        return sorted(known, key=lambda component: (component.service, component.environment))

    async def record(self, place: Spot, decide: Decide, *, at: datetime) -> Component | None:
        """Append what `decide` answers to the present component; it is asked again when another was faster.

        Raises what `decide` raises, IllegalMove when its events do not fit, TemporaryFailure after ten lost races.
        """
        for _ in range(_ATTEMPTS):
            before = await self.load(place.service, place.environment)
            events = decide(before)
            if not events:
                return before
            try:
                return await self._append(place, before, events, at)
            except Conflict:
                continue
        name = f"{place.service} in {place.environment}"
        raise TemporaryFailure(f"Too many write about {name} at once.", "Try again in a moment.")

    async def _append(
        self, place: Spot, before: Component | None, events: Sequence[NewEvent], at: datetime
    ) -> Component | None:
        stream = stream_of(place.service, place.environment)
        expected = 0 if before is None else before.stream_version
        # Folded before it is written: an event that does not fit must never get into the log.
        after = fold(before, [_stored(stream, event, expected + nth, at) for nth, event in enumerate(events, 1)])
        card = None if after is None else _card(after)
        await self._log.append(stream, events, expected=expected, at=at, card=card)
        if after is not None:
            self._known[stream] = after
        return after


def _stored(stream: str, event: NewEvent, version: int, at: datetime) -> Event:
    return Event(0, "", stream, version, event.type, event.data, at, event.actor, event.correlation, event.priority)


def _card(component: Component) -> CardChange:
    data: JSON = {
        "service": component.service,
        "environment": component.environment,
        "version": component.version,
        "target": component.target,
        "deployment": component.deployment,
        "desired": component.desired,
        "healthy": component.healthy,
        "health": component.health,
        "reason": component.reason,
        "router": component.router_trouble if component.router_given_up and not component.rests else "",
    }
    key = f"{component.service}/{component.environment}"
    return CardChange(KIND, key, component.state, open=True, data=data)
