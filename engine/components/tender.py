"""Does what a component needs while no deployment is in charge: starts, restarts, scales, brings up and stops.

Each call comes one step nearer and may be repeated; the order is always that what answers requests goes last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Placement, Version
from engine.components import changes
from engine.components.hung import LEAST
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import Component, ComponentState, InstanceNote, Seen, ordinal_of, wanted
from engine.components.repair import all_well, may_shrink, missing, next_to_restart, surplus
from engine.components.routing import kept
from engine.errors import NotNow, PermanentFailure, TemporaryFailure
from engine.ports import InstanceHealth, InstanceId, InstanceManager, Spot, TrafficShifter
from storage.events import NewEvent

DRAIN: Final = timedelta(seconds=30)  # open requests of what is stopped are waited for so long

Decide = Callable[[Component], Sequence[NewEvent]]


class Tender:
    """Acts on one place at a time; whoever calls sees to it that nobody else does meanwhile."""

    def __init__(
        self,
        journal: ComponentJournal,
        manager: InstanceManager,
        shifter: TrafficShifter,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._manager = manager
        self._shifter = shifter
        self._now = now

    async def tend(self, place: Placement, component: Component) -> bool:
        """Come nearer to the end of what is under way; False when nothing is."""
        match component.state:
            case ComponentState.SCALING:
                await self._surely(place, self._scale(place, component))
            case ComponentState.STOPPING:
                await self._surely(place, self._stop(place, component))
            case ComponentState.DEPLOYING:
                await self._surely(place, self._go_on(place, component), may_fail=True)
            case ComponentState.UPDATING:
                await self._go_on(place, component)
            case _:
                return False
        return True

    async def start(
        self, place: Placement, component: Component, instances: Collection[InstanceId], *, asked: bool = False
    ) -> None:
        """Start recorded instances again and tell each; what can never be started fails the component."""
        for one in instances:
            note = component.instances[one]
            try:
                await self._manager.start(place, note.version, [ordinal_of(one)])
            except TemporaryFailure as failure:
                await self._tell(place, _not_restarted(one, note, failure.reason))
            except PermanentFailure as failure:
                await self._tell(place, _not_restarted(one, note, failure.reason))
                await self.give_up(place, f"{failure.reason} {failure.remedy}".strip())
            else:
                await self._tell(place, _restarted(one, note, component, asked=asked))

    async def replace(self, place: Placement, component: Component, instance: InstanceId) -> None:
        """Stop one that hangs, whatever it holds open, and start it again."""
        await self._surely(place, self._replace(place, component, instance))

    async def _replace(self, place: Placement, component: Component, instance: InstanceId) -> None:
        await self.route(place, without=[instance])
        await self._manager.stop(place, [instance])
        await self.start(place, component, [instance])
        await self.route(place)

    async def give_up(self, place: Placement, reason: str) -> None:
        """Nothing will help: the component has failed."""
        await self.change(place, lambda one: changes.repair_failed(one, reason))

    async def change(self, place: Placement, decide: Decide) -> Component | None:
        """Record what `decide` answers to the component as it is now. Raises NotNow when there is none."""
        return await self._journal.record(place, lambda one: decide(known(one, place)), at=self._now())

    async def route(self, place: Placement, without: Collection[InstanceId] = ()) -> None:
        """Tell the router the addresses that are alive, with its weights. Never while a deployment is in charge."""
        component = await self._journal.load(place.service, place.environment)
        if component is None or component.aim is None or component.in_charge or component.rests:
            return
        reading = await self._shifter.read(place)
        alive = [one for one in await self._manager.observe(place) if one.health is not InstanceHealth.DEAD]
        # Weights of what does not run are another hand's: kept, they would let nobody answer.
        weights = kept(reading.weights, {one.version for one in alive}) or {component.aim: 100}
        routed = [one for one in alive if one.version in weights and one.id not in without]
        if routed:
            await self._shifter.configure(place, routed, weights)

    async def _surely(self, place: Placement, work: Awaitable[None], *, may_fail: bool = False) -> None:
        """What does not work is told once, and tried again at the next look, unless that is in vain and it may fail."""
        try:
            await work
        except (TemporaryFailure, PermanentFailure) as failure:
            reason = f"{failure.reason} {failure.remedy}".strip()
            if may_fail and isinstance(failure, PermanentFailure):
                await self.give_up(place, reason)
            else:
                await self.change(place, lambda one: changes.troubled(one, reason))

    async def _scale(self, place: Placement, component: Component) -> None:
        """More are started and routed; too many are drained and stopped, never the last that are well."""
        more, less = missing(component), surplus(component)
        if less and not may_shrink(component):
            await self.route(place)
            return
        await self.route(place, without=less)
        if more and component.version is not None:
            await self._start_more(place, component.version, more)
        elif less and await self._let_go(place, less):
            await self._manager.stop(place, less)
        elif not less and await self._serve(place, wanted(component), component):
            await self.change(place, changes.scaled)

    async def _let_go(self, place: Placement, leaving: Collection[InstanceId]) -> bool:
        """Whether the router sends nothing there any more, and nothing is being answered there."""
        reading = await self._shifter.read(place)
        return not set(leaving) & set(reading.ready) and await self._shifter.drained(place, leaving)

    async def _serve(self, place: Placement, instances: Collection[InstanceId], component: Component) -> bool:
        """Whether all of these are well and the router says that they take requests."""
        return all_well(component, instances) and set(instances) <= set((await self._shifter.read(place)).ready)

    async def _start_more(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        try:
            await self._manager.start(place, version, ordinals)
        except PermanentFailure as failure:
            await self.give_up(place, f"{failure.reason} {failure.remedy}".strip())

    async def _go_on(self, place: Placement, component: Component) -> None:
        """Come nearer to the end of an update or a start of our own."""
        alive = {one.id for one in await self._manager.observe(place) if one.health is not InstanceHealth.DEAD}
        instance = next_to_restart(component, alive)
        if instance is not None:
            await self._restart_one(place, component, instance, alive=instance in alive)
        elif component.state is ComponentState.DEPLOYING and component.aim is not None:
            await self._bring_up(place, component, component.aim)
        else:
            await self.route(place)
            if not component.pending and all_well(component, wanted(component)):
                await self.change(place, changes.repair_done)

    async def _restart_one(self, place: Placement, component: Component, instance: InstanceId, *, alive: bool) -> None:
        # A single instance has nobody to answer for it: it is stopped as it is. One that is gone only has to come back.
        if alive and len(wanted(component)) > 1:
            await self.route(place, without=[instance])
            if not await self._may_stop(place, component, instance):
                return
        await self._manager.stop(place, [instance])
        await self.start(place, component, [instance], asked=True)
        await self.route(place)

    async def _may_stop(self, place: Placement, component: Component, instance: InstanceId) -> bool:
        """Whether nothing is lost by it. What one that hangs holds open is not waited for."""
        if all_well(component, [instance]):
            return await self._let_go(place, [instance])
        note = component.instances[instance]
        hung = note.since is not None and self._now() - note.since >= LEAST
        return hung or await self._shifter.drained(place, [instance])

    async def _bring_up(self, place: Placement, component: Component, version: Version) -> None:
        """All of a version run and get all requests; only then what is left of others is drained and stopped."""
        more = missing(component)
        if more:
            await self._start_more(place, version, more)
        well = not more and not component.pending and all_well(component, wanted(component))
        seen, others = await self._aim(place, version, well=well)
        if not (well and seen):
            return
        if others and await self._let_go(place, others):
            await self._manager.stop(place, others)
        elif not others:
            await self.change(place, changes.repair_done)

    async def _aim(self, place: Placement, version: Version, *, well: bool) -> tuple[bool, list[InstanceId]]:
        """Send all requests to the version once it is well, or while nobody else answers; whether the router does.

        Also what runs of other versions.
        """
        instances, reading = await self._manager.observe(place), await self._shifter.read(place)
        mine = [one for one in instances if one.version == version and one.health is not InstanceHealth.DEAD]
        if mine and (well or set(_sent(reading.weights)) <= {version}):
            await self._shifter.configure(place, mine, {version: 100})
            reading = await self._shifter.read(place)
        ready = {one.id for one in mine} <= set(reading.ready)
        return _sent(reading.weights) == {version: 100} and ready, [
            one.id for one in instances if one.version != version
        ]

    async def _stop(self, place: Placement, component: Component) -> None:
        """The router lets go of all first; open requests get some time; then all are stopped."""
        instances = [one.id for one in await self._manager.observe(place)]
        await self._shifter.configure(place, (), {})
        if instances and (self._late(component) or await self._let_go(place, instances)):
            await self._manager.stop(place, instances)
            instances = [one.id for one in await self._manager.observe(place)]
        if not instances:
            await self.change(place, changes.stopped)

    def _late(self, component: Component) -> bool:
        since = component.last_change_at
        return since is not None and self._now() - since > DRAIN

    async def _tell(self, place: Placement, event: NewEvent) -> None:
        await self.change(place, lambda _: [event])


def known(component: Component | None, place: Spot) -> Component:
    """The component. Raises NotNow when there is none."""
    if component is None:
        raise NotNow(f"{place.service} in {place.environment} was never registered.", "Deploy it first.")
    return component


def _sent(weights: Mapping[Version, int]) -> dict[Version, int]:
    return {version: weight for version, weight in weights.items() if weight > 0}


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
