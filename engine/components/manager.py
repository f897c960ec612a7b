"""Looks after components: checks the health of their instances, starts dead ones again, and keeps their book.

While a deployment is in charge it changes no weight and no version; it only reports, and starts again what the
deployment has started.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from engine.catalog import Catalog, Placement, Version
from engine.components import changes
from engine.components.health import HealthBook, Tally
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import (
    Component,
    ComponentState,
    InstanceNote,
    Seen,
    ordinal_of,
    wanted,
)
from engine.components.probe import Probe
from engine.components.repair import (
    Judged,
    Repair,
    all_well,
    missing,
    next_repair,
    next_to_restart,
    out_of_size,
    sightings,
    surplus,
)
from engine.errors import NotNow, PermanentFailure, TemporaryFailure
from engine.ports import Instance, InstanceHealth, InstanceId, InstanceManager, TrafficShifter
from storage.events import EventLog, NewEvent


class ComponentManager:
    """The component book of the engine (see ComponentBook in ports), and the agent behind the health schedule.

    `catalog` is called each time, so that the settings may be reloaded. Every call may be repeated.
    """

    def __init__(
        self,
        log: EventLog,
        manager: InstanceManager,
        shifter: TrafficShifter,
        probe: Probe,
        catalog: Callable[[], Catalog],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = ComponentJournal(log)
        self._manager = manager
        self._shifter = shifter
        self._probe = probe
        self._catalog = catalog
        self._now = now
        self._book = HealthBook()
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    # The book

    async def register_all(self, at: datetime) -> None:
        """Write down every placement of the settings that is not known yet."""
        for place in self._catalog().placements():
            await self._journal.record(place, partial(changes.registered, place=place), at=at)

    async def components(self) -> list[Component]:
        """Every component ever registered, by service and environment."""
        return await self._journal.all()

    async def component(self, service: str, environment: str) -> Component | None:
        """One component; None when it was never registered."""
        return await self._journal.load(service, environment)

    async def stable(self, place: Placement) -> Version | None:
        """The version that last finished a deployment here; None when nothing ever did."""
        component = await self._journal.load(place.service, place.environment)
        return None if component is None else component.version

    async def begin(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """A deployment takes the component. Raises NotNow when another is at it."""
        await self._journal.record(place, lambda one: changes.begun(one, place, version, deployment), at=at)

    async def finish(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """The deployment ended with `version` running. Raises IllegalMove when it never was in charge."""
        await self._change(place, lambda one: changes.finished(one, version, deployment), at)

    async def fail(self, place: Placement, reason: str, *, deployment: str, at: datetime, restored: bool) -> None:
        """The deployment ended badly; `restored` says the stable version runs as before."""
        await self._change(place, lambda one: changes.failed(one, reason, deployment, restored=restored), at)

    async def restart(self, place: Placement, *, by: str, at: datetime) -> Component | None:
        """Ask for all instances to be started anew, one at a time; the health checks do it. Raises NotNow."""
        return await self._change(place, lambda one: changes.restart_asked(one, place, wanted(one), by), at)

    async def _change(
        self, place: Placement, decide: Callable[[Component], Sequence[NewEvent]], at: datetime
    ) -> Component | None:
        return await self._journal.record(place, lambda one: decide(_known(one, place)), at=at)

    # Looking

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All instances, judged by checks no older than the health interval. Changes seen in passing are recorded."""
        async with self._turns[place.service, place.environment]:
            judged, _ = await self._look(place, anew=False)
        return [replace(one.instance, health=one.tally.health, note=one.tally.reason) for one in judged]

    async def check(self, place: Placement) -> None:
        """The scheduled health check: look at every instance, record what changed, and repair what may be."""
        async with self._turns[place.service, place.environment]:
            judged, component = await self._look(place, anew=True)
            if component is not None:
                await self._repair(place, component, judged)

    async def _look(self, place: Placement, *, anew: bool) -> tuple[Sequence[Judged], Component | None]:
        component = await self._journal.load(place.service, place.environment)
        instances = await self._manager.observe(place)
        self._adopt(component, instances)
        tallies = await asyncio.gather(*(self._judge(place, one, anew) for one in instances))
        judged = [Judged(*pair) for pair in zip(instances, tallies, strict=True)]
        if component is None:
            return judged, None
        self._book.forget(set(component.instances) - {one.id for one in instances})
        if not sightings(component, judged):
            return judged, component  # the usual case costs one read
        return judged, await self._change(place, lambda one: sightings(one, judged), self._now())

    def _adopt(self, component: Component | None, instances: Sequence[Instance]) -> None:
        """What ran before this process did keeps the health it was recorded with, until its checks say otherwise."""
        for one in instances:
            note = None if component is None else component.instances.get(one.id)
            if note is not None and self._book.tally(one) is None and _still_true(note, one):
                self._book.adopt(one, note.health)

    async def _judge(self, place: Placement, one: Instance, anew: bool) -> Tally:
        if one.health is InstanceHealth.DEAD:
            return self._book.note_dead(one, now=self._now())
        if one.judged:
            return self._book.note_judged(one, now=self._now())
        known = self._book.tally(one)
        if known is not None and not anew and not self._book.due(one, place.health, now=self._now()):
            return known
        outcome = await self._probe.check(one.address, place.health)
        return self._book.note(one, outcome, place.health, now=self._now())

    # Repairing

    async def _repair(self, place: Placement, component: Component, judged: Sequence[Judged]) -> None:
        tallies = {one.instance.id: one.tally for one in judged}
        repair = next_repair(component, tallies, patience=place.health.interval, now=self._now())
        if component.in_charge:
            await self._start(place, component, repair.start)
        elif repair.hopeless:
            await self._give_up(place, repair.hopeless)
        else:
            await self._repair_alone(place, component, repair)

    async def _repair_alone(self, place: Placement, component: Component, repair: Repair) -> None:
        if repair.start:
            reason = " ".join(f"{one}: {component.instances[one].reason}" for one in repair.start)
            await self._change(place, lambda one: changes.repair_begun(one, reason), self._now())
            await self._start(place, component, repair.start)
            await self._route(place)
        elif component.state is ComponentState.SCALING:
            await self._scale(place, component)
        elif component.state in {ComponentState.UPDATING, ComponentState.DEPLOYING}:
            await self._go_on(place, component)
        elif out_of_size(component, place.target.instances):
            await self._change(place, lambda one: changes.scale_asked(one, place.target.instances), self._now())

    async def _scale(self, place: Placement, component: Component) -> None:
        """Come nearer to the number of instances that is wanted: more are started, too many drained and stopped."""
        more, less = missing(component), surplus(component)
        await self._route(place, without=less)
        if more and component.version is not None:
            await self._start_more(place, component.version, more)
        elif less and await self._shifter.drained(place, less):
            await self._manager.stop(place, less)
        elif not less and all_well(component, wanted(component)):
            await self._change(place, changes.scaled, self._now())

    async def _start_more(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        try:
            await self._manager.start(place, version, ordinals)
        except PermanentFailure as failure:
            await self._give_up(place, f"{failure.reason} {failure.remedy}".strip())

    async def _go_on(self, place: Placement, component: Component) -> None:
        """Come nearer to the end of an update of our own."""
        instance = next_to_restart(component)
        if instance is not None:
            await self._restart_one(place, component, instance)
            return
        await self._route(place)
        if not component.pending and all_well(component, wanted(component)):
            await self._change(place, changes.repair_done, self._now())

    async def _restart_one(self, place: Placement, component: Component, instance: InstanceId) -> None:
        # A single instance has nobody to answer for it: it is stopped as it is.
        if len(wanted(component)) > 1:
            await self._route(place, without=[instance])
            if not await self._shifter.drained(place, [instance]):
                return
        await self._manager.stop(place, [instance])
        await self._start(place, component, [instance], asked=True)
        await self._route(place)

    async def _start(
        self, place: Placement, component: Component, instances: Collection[InstanceId], *, asked: bool = False
    ) -> None:
        for one in instances:
            note = component.instances[one]
            try:
                await self._manager.start(place, note.version, [ordinal_of(one)])
            except TemporaryFailure as failure:
                await self._tell(place, _not_restarted(one, note, failure.reason))
            except PermanentFailure as failure:
                await self._tell(place, _not_restarted(one, note, failure.reason))
                await self._give_up(place, f"{failure.reason} {failure.remedy}".strip())
            else:
                await self._tell(place, _restarted(one, note, component, asked=asked))

    async def _tell(self, place: Placement, event: NewEvent) -> None:
        await self._change(place, lambda _: [event], self._now())

    async def _give_up(self, place: Placement, reason: str) -> None:
        await self._change(place, lambda one: changes.repair_failed(one, reason), self._now())

    async def _route(self, place: Placement, without: Collection[InstanceId] = ()) -> None:
        """Tell the router the addresses that are alive, with its weights. Never while a deployment is in charge."""
        component = await self._journal.load(place.service, place.environment)
        if component is None or component.version is None or component.in_charge:
            return
        reading = await self._shifter.read(place)
        weights = reading.weights or {component.version: 100}
        alive = [one for one in await self._manager.observe(place) if one.health is not InstanceHealth.DEAD]
        routed = [one for one in alive if one.version in weights and one.id not in without]
        if routed:
            await self._shifter.configure(place, routed, weights)


def _known(component: Component | None, place: Placement) -> Component:
    if component is None:
        raise NotNow(f"{place.service} in {place.environment} was never registered.", "Deploy it first.")
    return component


def _still_true(note: InstanceNote, one: Instance) -> bool:
    """Whether the note is about this run of the instance and not about one before."""
    return note.since is not None and note.since >= one.started_at and note.health is not InstanceHealth.DEAD


def _restarted(instance: InstanceId, note: InstanceNote, component: Component, *, asked: bool) -> NewEvent:
    reason = component.reason if asked else note.reason
    data = {
        "instance": instance,
        "version": note.version,
        "health": InstanceHealth.STARTING,
        "reason": reason,
        "asked": asked,
    }
    return NewEvent(Seen.RESTARTED, data)


def _not_restarted(instance: InstanceId, note: InstanceNote, reason: str) -> NewEvent:
    data = {"instance": instance, "version": note.version, "health": InstanceHealth.DEAD, "reason": reason}
    return NewEvent(Seen.RESTART_FAILED, data, priority="high")
