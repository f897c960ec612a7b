"""Whatever happens in whatever order, the lifecycle keeps its promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.catalog import Version
from engine.components import changes, wishes
from engine.components.lifecycle import LEADS_TO, MOVES, Component, ComponentState, Moved, fold
from engine.errors import IllegalMove, NotNow, TemporaryFailure
from engine.ports import InstanceHealth, InstanceId
from storage.events import Event, NewEvent
from tests.unit.components.house import PLACE, name, stored, unhealthy

VERSIONS = st.sampled_from([Version("v1"), Version("v2"), Version("v3")])
DEPLOYMENTS = st.sampled_from([f"d{number}" for number in range(1, 5)])
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


WISHES: Mapping[str, Callable[[Component], Sequence[NewEvent]]] = {
    "scale": lambda one: wishes.scale_wished(one, PLACE, 3, 2, "ada"),
    "stop": lambda one: wishes.stop_wished(one, PLACE, "ada"),
    "start": lambda one: wishes.start_wished(one, PLACE, "ada"),
    "retry": lambda one: wishes.retry_wished(one, PLACE, "ada"),
    "unregister": lambda one: wishes.unregister_wished(one, PLACE, "ada"),
}


class Lifecycle(RuleBasedStateMachine):
    """Appends what the deciders answer, as the journal does."""

    def __init__(self) -> None:
        super().__init__()
        self.component: Component | None = None
        self.log: list[Event] = []
        self.stable: Version | None = None

    def append(self, events: Sequence[NewEvent]) -> bool:
        for event in events:
            before = None if self.component is None else self.component.state
            at = START + timedelta(seconds=len(self.log))
            self.log.append(stored(event, len(self.log) + 1, at))
            self.component = fold(self.component, self.log[-1:])
            self.follows_the_diagram(before, event)
        return bool(events)

    def follows_the_diagram(self, before: ComponentState | None, event: NewEvent) -> None:
        assert self.component is not None
        if event.type in set(Moved) and before not in {None, ComponentState.UNREGISTERED}:
            assert LEADS_TO[Moved(event.type)] in MOVES[before]
        elif event.type not in set(Moved):
            assert self.component.state is before

    @rule()
    def register(self) -> None:
        self.append(changes.registered(self.component, PLACE))

    @rule(version=VERSIONS, deployment=DEPLOYMENTS)
    def begin(self, version: Version, deployment: str) -> None:
        before = self.component
        try:
            began = self.append(changes.begun(before, PLACE, version, deployment))
        except NotNow:
            assert before is not None
            assert before.in_charge
            return
        except TemporaryFailure:
            assert self.stopping()
            return
        if began:
            assert self.component is not None
            assert (self.component.deployment, self.component.target) == (deployment, version)

    @precondition(lambda self: self.component is not None)
    @rule(version=VERSIONS, deployment=DEPLOYMENTS)
    def finish(self, version: Version, deployment: str) -> None:
        assert self.component is not None
        try:
            if self.append(changes.finished(self.component, version, deployment)):
                self.stable = version
        except IllegalMove:
            assert self.component.deployment != deployment

    @precondition(lambda self: self.component is not None)
    @rule(deployment=DEPLOYMENTS, restored=st.booleans())
    def fail(self, deployment: str, restored: bool) -> None:
        assert self.component is not None
        had_stable = self.component.version is not None
        if self.append(changes.failed(self.component, "because", deployment, restored=restored)):
            running = restored and had_stable
            assert self.component.state is (ComponentState.RUNNING if running else ComponentState.FAILED)

    @precondition(lambda self: self.component is not None)
    @rule(by=st.sampled_from(["ada", "ben"]))
    def restart(self, by: str) -> None:
        assert self.component is not None
        instances = [InstanceId(one) for one in self.component.instances]
        try:
            self.append(changes.restart_asked(self.component, PLACE, instances, by))
        except NotNow:
            one = self.component
            assert one.in_charge or one.version is None or not instances or one.rests

    def stopping(self) -> bool:
        return self.component is not None and self.component.state is ComponentState.STOPPING

    @precondition(lambda self: self.component is not None)
    @rule(which=st.sampled_from(["begun", "done", "failed"]))
    def repair(self, which: str) -> None:
        assert self.component is not None
        in_charge = self.component.in_charge
        events = {
            "begun": changes.repair_begun(self.component, "died"),
            "done": changes.repair_done(self.component),
            "failed": changes.repair_failed(self.component, "loop"),
        }[which]
        assert not (in_charge and self.append(events))

    @precondition(lambda self: self.component is not None and self.component.state is not ComponentState.UNREGISTERED)
    @rule(ordinal=st.integers(0, 2), health=st.sampled_from(list(InstanceHealth)))
    def see(self, ordinal: int, health: InstanceHealth) -> None:
        self.append([unhealthy(name("v1", ordinal), health)])

    @precondition(lambda self: self.component is not None)
    @rule(wish=st.sampled_from(list(WISHES)))
    def wish(self, wish: str) -> None:
        assert self.component is not None
        with suppress(NotNow):
            self.append(WISHES[wish](self.component))

    @precondition(lambda self: self.component is not None)
    @rule()
    def scaled(self) -> None:
        assert self.component is not None
        self.append(changes.scaled(self.component))

    @precondition(lambda self: self.stopping())
    @rule()
    def stopped(self) -> None:
        assert self.component is not None
        self.append(changes.stopped(self.component))

    @invariant()
    def nobody_is_in_charge_of_what_rests(self) -> None:
        if self.component is not None and self.component.in_charge:
            assert self.component.state in {ComponentState.DEPLOYING, ComponentState.UPDATING}
            assert self.component.target is not None

    @invariant()
    def stable_is_what_finished_last(self) -> None:
        if self.component is not None and self.component.version is not None:
            assert self.component.version == self.stable

    @invariant()
    def the_fold_of_all_is_the_fold_of_each(self) -> None:
        assert fold(None, self.log) == self.component


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=60, deadline=None)
