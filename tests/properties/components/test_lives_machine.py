"""Whatever people and others do in whatever order, a component moves by the diagram and serves until it may not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.catalog import Placement, Version
from engine.components.lifecycle import LEADS_TO, MOVES, Component, ComponentState, Moved, wanted
from engine.errors import NotNow, TemporaryFailure
from engine.ports import InstanceHealth
from tests.fakes.clock import VirtualClock
from tests.fakes.infrastructure import FakeManager
from tests.unit.components.house import PLACE, V1, V2, House, name, with_instances

T = TypeVar("T")
REST = {
    ComponentState.RUNNING,
    ComponentState.STOPPED,
    ComponentState.FAILED,
    ComponentState.UNREGISTERED,
    ComponentState.REGISTERED,
}
SETTLED = 60  # checks, a second each


class Watched(FakeManager):
    """Notes whom it stops while the router still sends requests there."""

    def __init__(self, house: House) -> None:
        super().__init__(house.effects, now=house.clock)
        self._house = house
        self.cut_off: list[str] = []

    async def stop(self, place: Placement, instances: Any) -> None:
        ready = set((await self._house.shifter.read(place)).ready)
        alive = {one.id for one in await self.observe(place) if one.health is not InstanceHealth.DEAD}
        # The last one alive has nobody to answer for it while it is restarted.
        self.cut_off += [one for one in instances if one in ready & alive and alive - set(instances)]
        await super().stop(place, instances)


class Lives(RuleBasedStateMachine):
    """One service with all its surroundings in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(VirtualClock())
        self.platform = Watched(self.house)
        self.house.instances = self.platform
        self.house.start_again()
        self.deployments = 0
        self.run(self.house.manager.register_all(self.house.clock()))
        self.deploy(V1)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if not hasattr(self, "_loop"):
            self._loop = asyncio.new_event_loop()
        return self._loop

    @property
    def component(self) -> Component:
        return self.run(self.house.component())

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.loop.close()

    def settle(self) -> None:
        """With everything well and nobody asking, it comes to rest, and what runs serves in full."""
        self.forget_failures()
        self.house.probe.ill.clear()
        self.house.shifter.busy.clear()
        self.tick(SETTLED)
        component = self.component
        assert component.state in REST
        if component.state is ComponentState.RUNNING:
            assert len(wanted(component)) == component.desired == component.healthy
            assert set(self.run(self.house.shifter.read(PLACE)).ready) == set(wanted(component))
        if component.state in {ComponentState.STOPPED, ComponentState.UNREGISTERED}:
            assert not self.run(self.house.shifter.read(PLACE)).weights

    # People

    @rule(version=st.sampled_from([V1, V2]))
    def deploy(self, version: Version) -> None:
        self.deployments += 1
        deployment, before = f"d{self.deployments}", len(self.platform.cut_off)
        self.forget_failures()
        with suppress(NotNow, TemporaryFailure):
            self.run(self.house.deploy(version, deployment))
        del self.platform.cut_off[before:]  # the tests' own deployment is not a careful one

    @rule(instances=st.integers(1, 5))
    def scale(self, instances: int) -> None:
        with suppress(NotNow):
            self.run(self.house.manager.scale(PLACE, instances, by="ada", at=self.house.clock()))

    @rule(wish=st.sampled_from(["stop", "start", "retry", "restart", "unregister"]))
    def wish(self, wish: str) -> None:
        with suppress(NotNow):
            self.run(getattr(self.house.manager, wish)(PLACE, by="ada", at=self.house.clock()))

    @rule(instances=st.integers(1, 3))
    def set_up(self, instances: int) -> None:
        self.place = with_instances(PLACE, instances)

    place = PLACE

    # Time, crashes and others

    @rule(times=st.integers(1, 4))
    def tick(self, times: int) -> None:
        for _ in range(times):
            self.house.clock.advance(timedelta(seconds=1))
            with suppress(TemporaryFailure):
                self.run(self.house.manager.check(self.place))

    @rule(ordinal=st.integers(0, 3))
    def kill(self, ordinal: int) -> None:
        self.house.kill(name("v1", ordinal))

    @rule(ordinal=st.integers(0, 3))
    def take_away(self, ordinal: int) -> None:
        before = len(self.platform.cut_off)
        self.forget_failures()
        self.run(self.platform.stop(PLACE, [name("v1", ordinal)]))
        del self.platform.cut_off[before:]

    @rule(ordinal=st.integers(0, 3))
    def make_ill(self, ordinal: int) -> None:
        for one in self.run(self.platform.observe(PLACE)):
            if one.id.endswith(str(ordinal)) and one.health is not InstanceHealth.DEAD:
                self.house.probe.ill.add(one.address)

    @rule()
    def make_well(self) -> None:
        self.house.probe.ill.clear()

    @precondition(lambda self: self.component.state is ComponentState.STOPPED)
    @rule()
    def start_by_another_hand(self) -> None:
        self.forget_failures()
        self.run(self.platform.start(PLACE, V1, [1]))

    @rule(what=st.sampled_from(["platform", "router"]))
    def fail_once(self, what: str) -> None:
        failures = self.platform.failures if what == "platform" else self.house.shifter.failures
        failures[:] = [TemporaryFailure("It does not answer.")]

    @rule()
    def crash(self) -> None:
        self.house.start_again()

    def forget_failures(self) -> None:
        self.platform.failures.clear()
        self.house.shifter.failures.clear()

    # Promises

    @invariant()
    def nobody_was_cut_off(self) -> None:
        assert not self.platform.cut_off

    @invariant()
    def only_arrows_of_the_diagram_were_taken(self) -> None:
        events = self.run(self.house.database.log.read("component-shop-production"))
        states = [LEADS_TO[Moved(event.type)] for event in events if event.type in set(Moved)]
        for old, new in itertools.pairwise(states):
            assert new in MOVES[old] or (old, new) == (ComponentState.UNREGISTERED, ComponentState.REGISTERED)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_restart_begins_with_the_instance_that_is_gone() -> None:
    """The other one answers for both until it is back."""
    lives = Lives()
    lives.wish(wish="restart")
    lives.take_away(ordinal=1)
    lives.teardown()
