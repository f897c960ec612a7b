"""Looks after components: checks the health of their instances, starts dead and hung ones again, keeps their book.

While a deployment is in charge it changes no weight and no version; it only reports, and starts again what the
deployment has started.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from engine.catalog import Catalog, Placement, Version
from engine.components import changes, wishes
from engine.components.health import HealthBook, Tally
from engine.components.hung import next_hung
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import Component, ComponentState, InstanceNote, wanted
from engine.components.orphans import EndOf, released
from engine.components.probe import Probe
from engine.components.repair import Judged, Repair, all_well, next_repair, out_of_size, sightings
from engine.components.sizes import chosen_of, holds, with_choices
from engine.components.tender import Decide, Tender, known
from engine.errors import NotFound
from engine.ports import Instance, InstanceHealth, InstanceId, InstanceManager, Spot, TrafficShifter
from storage.events import EventLog


class ComponentManager:
    """The component book of the engine (see ComponentBook in ports), and the agent behind the health schedule.

    `catalog` is called each time, so that the settings may be reloaded. `end_of` tells how a deployment ended, for
    those that did not let go. Every call may be repeated.
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
        end_of: EndOf | None = None,
    ) -> None:
        self._journal = ComponentJournal(log)
        self._manager = manager
        self._tender = Tender(self._journal, manager, shifter, now=now)
        self._probe = probe
        self._catalog = catalog
        self._now = now
        self._end_of = end_of
        self._book = HealthBook()
        self._looked: set[tuple[str, str]] = set()
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    # The book

    async def register_all(self, at: datetime) -> None:
        """Write down every placement of the settings that is not known yet, and free what an ended deployment holds."""
        for place in self._catalog().placements():
            await self._journal.record(place, partial(changes.registered, place=place), at=at)
        for component in await self._journal.all():
            await self._release(component)

    async def components(self) -> list[Component]:
        """Every component ever registered, by service and environment."""
        return await self._journal.all()

    async def component(self, service: str, environment: str) -> Component | None:
        """One component; None when it was never registered."""
        return await self._journal.load(service, environment)

    async def stable(self, place: Placement) -> Version | None:
        """The version that last finished a deployment here; None when nothing ever did, or once it is stopped."""
        component = await self._journal.load(place.service, place.environment)
        return None if component is None or component.rests else component.version

    def sized(self) -> Catalog:
        """The settings' catalog with the numbers of instances that people chose, as far as this process has read."""
        return with_choices(self._catalog(), self._journal.known())

    async def begin(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """A deployment takes the component. Raises NotNow when another is at it, TemporaryFailure while it stops."""
        await self._journal.record(place, lambda one: changes.begun(one, place, version, deployment), at=at)

    async def finish(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """The deployment ended with `version` running. Raises IllegalMove when it never was in charge."""
        await self._change(place, lambda one: changes.finished(one, version, deployment), at)

    async def fail(self, place: Spot, reason: str, *, deployment: str, at: datetime, restored: bool) -> None:
        """The deployment ended badly; `restored` says the stable version runs as before."""
        await self._change(place, lambda one: changes.failed(one, reason, deployment, restored=restored), at)

    async def restart(self, place: Placement, *, by: str, at: datetime) -> Component | None:
        """Ask for all instances to be started anew, one at a time; the health checks do it. Raises NotNow."""
        return await self._change(place, lambda one: changes.restart_asked(one, place, wanted(one), by), at)

    # What people ask; the health checks do it

    async def scale(self, place: Placement, instances: int, *, by: str, at: datetime) -> Component | None:
        """Have so many instances, until the settings change or somebody scales again. Raises NotNow."""
        settings = self._settings(place)
        return await self._change(place, lambda one: wishes.scale_wished(one, place, instances, settings, by), at)

    async def stop(self, place: Placement, *, by: str, at: datetime, seen: int | None = None) -> Component | None:
        """Stop all of it, keeping its record; `seen` as in commands.Stop. Raises NotNow."""
        return await self._change(place, lambda one: wishes.stop_wished(one, place, by, seen), at)

    async def start(self, place: Placement, *, by: str, at: datetime) -> Component | None:
        """Bring back what was stopped. Raises NotNow."""
        return await self._change(place, lambda one: wishes.start_wished(one, place, by), at)

    async def retry(self, place: Placement, *, by: str, at: datetime) -> Component | None:
        """Bring back what was stable before it failed. Raises NotNow."""
        return await self._change(place, lambda one: wishes.retry_wished(one, place, by), at)

    async def unregister(self, place: Placement, *, by: str, at: datetime, seen: int | None = None) -> Component | None:
        """Look after it no longer; `seen` as in commands.Stop. Raises NotNow unless it is stopped."""
        return await self._change(place, lambda one: wishes.unregister_wished(one, place, by, seen), at)

    async def _change(self, place: Spot, decide: Decide, at: datetime) -> Component | None:
        return await self._journal.record(place, lambda one: decide(known(one, place)), at=at)

    def _settings(self, place: Placement) -> int:
        """How many instances the settings ask for now; what runs may be as an earlier release was."""
        try:
            return self._catalog().placement(place.service, place.environment).target.instances
        except NotFound:
            return place.target.instances

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
            if component is None or self._at_rest(place, component):
                return  # the usual case costs no read
            component = await self._journal.load(place.service, place.environment)
            if component is not None:
                component = await self._release(component)
                await self._repair(place, component, judged)

    async def _release(self, component: Component) -> Component:
        """The component, freed if the deployment that is in charge has ended."""
        deployment = component.deployment
        end = await self._end_of(deployment) if deployment and self._end_of is not None else None
        if end is None:
            return component
        return await self._change(component, lambda one: released(one, deployment, end), self._now()) or component

    def _at_rest(self, place: Placement, component: Component) -> bool:
        """Whether all is well and as it is meant to be."""
        well = component.state is ComponentState.RUNNING and all_well(component, component.instances)
        return well and self._right_size(place, component)

    async def _look(self, place: Placement, *, anew: bool) -> tuple[Sequence[Judged], Component | None]:
        component = await self._journal.latest(place.service, place.environment, now=self._now())
        instances = await self._manager.observe(place)
        self._adopt(component, instances)
        tallies = await asyncio.gather(*(self._judge(place, one, anew) for one in instances))
        judged = [Judged(*pair) for pair in zip(instances, tallies, strict=True)]
        away = (place.service, place.environment) not in self._looked
        self._looked.add((place.service, place.environment))
        if component is None or component.state is ComponentState.UNREGISTERED:
            return judged, None
        self._book.forget(set(component.instances) - {one.id for one in instances})
        if not sightings(component, judged, away=away):
            return judged, component
        return judged, await self._change(place, lambda one: sightings(one, judged, away=away), self._now())

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
            await self._tender.start(place, component, repair.start)
        elif repair.hopeless:
            await self._tender.give_up(place, repair.hopeless)
        else:
            hung = next_hung(component, judged, place.health, now=self._now())
            await self._repair_alone(place, component, repair, hung)

    async def _repair_alone(
        self, place: Placement, component: Component, repair: Repair, hung: InstanceId | None
    ) -> None:
        if repair.start:
            reason = " ".join(f"{one}: {component.instances[one].reason}" for one in repair.start)
            await self._tender.change(place, lambda one: changes.repair_begun(one, reason))
            await self._tender.start(place, component, repair.start)
            await self._tender.route(place)
        elif hung is not None:
            reason = f"{hung} is alive and does not answer well: {component.instances[hung].reason}"
            await self._tender.change(place, lambda one: changes.repair_begun(one, reason))
            await self._tender.replace(place, component, hung)
        elif not await self._tender.tend(place, component):
            await self._keep_size(place, component)

    async def _keep_size(self, place: Placement, component: Component) -> None:
        if not self._right_size(place, component):
            chosen = chosen_of(component, self._settings(place))
            instances = place.target.instances if chosen is None else chosen.instances
            await self._tender.change(place, lambda one: changes.scale_asked(one, instances, chosen))

    def _right_size(self, place: Placement, component: Component) -> bool:
        """Whether as many run as are wanted, and what somebody chose still holds."""
        settings = self._settings(place)
        chosen = chosen_of(component, settings)
        instances = place.target.instances if chosen is None else chosen.instances
        return holds(component, settings) and not out_of_size(component, instances)


def _still_true(note: InstanceNote, one: Instance) -> bool:
    """Whether the note is about this run of the instance and not about one before."""
    return note.since is not None and note.since >= one.started_at and note.health is not InstanceHealth.DEAD
