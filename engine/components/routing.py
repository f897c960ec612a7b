"""Holds the router of what runs to the stable version: what another hand changed is told and set right.

Only while no deployment is in charge and nothing else is under way. The decisions are pure; the watch acts on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import HealthCheck, Placement, Version
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import ROUTER_LIMIT, Component, ComponentState, Routed
from engine.errors import PermanentFailure
from engine.ports import InstanceHealth, InstanceId, InstanceManager, TrafficReading, TrafficShifter
from storage.events import EventLog, NewEvent

NOTHING: Final = "nothing"
PATIENCE: Final = 2  # looks in a row that find it wrong: a router may lag behind what it was told
SELDOM: Final = timedelta(minutes=1)  # between two reads of a router that costs calls
WINDOW: Final = timedelta(minutes=10)  # it is set right ROUTER_LIMIT times within it, and left alone then

_Key = tuple[str, str]


def steady(component: Component) -> bool:
    """Whether the router is to send all to the stable version now, and nobody else has it in hand."""
    running = component.state is ComponentState.RUNNING and component.version is not None
    return running and not component.in_charge


def well(component: Component) -> frozenset[InstanceId]:
    """The instances of the stable version that answer well."""
    notes = component.instances.items()
    healthy = InstanceHealth.HEALTHY
    return frozenset(one for one, note in notes if note.version == component.version and note.health is healthy)


def strays(component: Component, weights: Mapping[Version, int]) -> str:
    """What the router sends in place of all to the stable version, as `v9 100 %` or `nothing`; "" when it is right."""
    sent = {version: weight for version, weight in weights.items() if weight > 0}
    if component.version is not None and sent == {component.version: 100}:
        return ""
    return ", ".join(f"{version} {weight} %" for version, weight in sorted(sent.items())) or NOTHING


def patience(sends: str, check: HealthCheck) -> int:
    """How many looks in a row. A router may find all unwell before we do: ours have had their time to say so then."""
    return max(PATIENCE, check.unhealthy_after + 1) if sends == NOTHING else PATIENCE


def noticed(component: Component | None, sends: str, *, now: datetime) -> list[NewEvent]:
    """It was found to send this again and again: told, and after too many times given up."""
    if component is None or not steady(component) or component.router_given_up:
        return []
    recent = [at for at in component.router_changes if now - at < WINDOW]
    if len(recent) < ROUTER_LIMIT:
        return [NewEvent(Routed.CHANGED, {"sends": sends, "reason": _changed(component, sends)}, priority="high")]
    minutes = int(WINDOW.total_seconds() // 60)
    why = "somebody else keeps changing it" + (", or it finds none of them well" if sends == NOTHING else "")
    reason = (
        f"The router sends {sends} again, after it was set right {ROUTER_LIMIT} times within {minutes} minutes: "
        f"{why}. Pilothouse leaves it alone now."
    )
    last = component.router_given_up_at
    return given_up(component, sends, reason, again=last is not None and now - last < WINDOW)


def given_up(component: Component | None, sends: str, reason: str, *, again: bool = False) -> list[NewEvent]:
    """It stays as it is, until it is right again or somebody deploys or restarts; `again` needs no new message."""
    if component is None or not steady(component) or component.router_given_up:
        return []
    data = {"sends": sends, "reason": reason, "again": again}
    return [NewEvent(Routed.GIVEN_UP, data, priority="medium" if again else "critical")]


def restored(component: Component | None) -> list[NewEvent]:
    """It sends all to the stable version again."""
    return [NewEvent(Routed.RESTORED, {})] if component is not None and component.router else []


def kept(weights: Mapping[Version, int], running: Collection[Version]) -> Mapping[Version, int]:
    """The weights when something runs of every version with a share; none when they are not worth keeping."""
    sent = {version for version, weight in weights.items() if weight > 0}
    return weights if sent <= set(running) else {}


def _changed(component: Component, sends: str) -> str:
    if sends == NOTHING:
        well_ = f"{len(well(component))} of {component.version} answer their health checks"
        what = f"The router sends nothing, although {well_}: somebody changed it, or it finds none of them well."
    else:
        what = f"The router sends {sends} in place of all to {component.version}, and no deployment did that."
    return f"{what} Pilothouse sets it right."


class RouterWatch:
    """Looks at one place at a time; whoever calls does so after the health check of the place."""

    def __init__(
        self, log: EventLog, manager: InstanceManager, shifter: TrafficShifter, *, now: Callable[[], datetime]
    ) -> None:
        self._journal = ComponentJournal(log)
        self._manager = manager
        self._shifter = shifter
        self._now = now
        self._wrong: Counter[_Key] = Counter()
        self._left_out: Counter[_Key] = Counter()
        self._read_at: dict[_Key, datetime] = {}
        self._routed_at: dict[_Key, datetime] = {}

    async def check(self, place: Placement, reading: TrafficReading | None = None) -> None:
        """Compare with `reading`, or once a minute with a read of its own. May raise what `read` raises."""
        component = await self._journal.latest(place.service, place.environment, now=self._now())
        if component is None or not steady(component) or not well(component):
            self._forget(_key(place))
            return
        if reading is None:
            if not self._due(self._read_at, place):
                return
            # So long after the last read, our own checks have had their time.
            await self._judge(place, component, await self._shifter.read(place), often=PATIENCE)
        else:
            await self._judge(
                place, component, reading, often=patience(strays(component, reading.weights), place.health)
            )

    def _forget(self, key: _Key) -> None:
        del self._wrong[key], self._left_out[key]

    def _due(self, last: dict[_Key, datetime], place: Placement) -> bool:
        now, key = self._now(), _key(place)
        if key in last and now - last[key] < SELDOM:
            return False
        last[key] = now
        return True

    async def _judge(self, place: Placement, component: Component, reading: TrafficReading, *, often: int) -> None:
        key, sends = _key(place), strays(component, reading.weights)
        if sends:
            if _reaches(often, self._wrong, key):
                await self._set_right(place, sends)
            return
        del self._wrong[key]
        if component.router:
            await self._journal.record(place, restored, at=self._now())
        if well(component) <= set(reading.ready):
            del self._left_out[key]
        # Its own checks may be slower than ours, so that one left out is no change worth telling.
        elif _reaches(PATIENCE, self._left_out, key) and self._due(self._routed_at, place):
            await self._route(place, component)

    async def _set_right(self, place: Placement, sends: str) -> None:
        component = await self._journal.record(place, lambda one: noticed(one, sends, now=self._now()), at=self._now())
        if component is None or component.router_given_up or not steady(component):
            return
        try:
            await self._route(place, component)
        except PermanentFailure as failure:
            reason = f"The router sends {sends} and cannot be set right: {failure.reason} {failure.remedy}".strip()
            await self._journal.record(place, lambda one: given_up(one, sends, reason), at=self._now())

    async def _route(self, place: Placement, component: Component) -> None:
        """All requests to the well instances of the stable version; others follow once they are well."""
        alive = [one for one in await self._manager.observe(place) if one.health is not InstanceHealth.DEAD]
        routed = [one for one in alive if one.id in well(component)]
        if routed and component.version is not None:
            await self._shifter.configure(place, routed, {component.version: 100})


def _key(place: Placement) -> _Key:
    return place.service, place.environment


def _reaches(limit: int, counts: Counter[_Key], key: _Key) -> bool:
    """Whether this look is the one too many; counting begins anew then."""
    counts[key] += 1
    if counts[key] < limit:
        return False
    del counts[key]
    return True
