"""Health next to a simple model that remembers every check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.catalog import HealthCheck
from engine.components.health import HealthBook, Outcome
from engine.ports import Instance, InstanceHealth
from tests.unit.components.house import PLACE, V1, name


class Health(RuleBasedStateMachine):
    """One instance, checked, killed and started at random times."""

    @initialize(rise=st.integers(1, 4), fall=st.integers(1, 4), grace=st.integers(0, 20))
    def begin(self, rise: int, fall: int, grace: int) -> None:
        self.check = HealthCheck(healthy_after=rise, unhealthy_after=fall, grace=timedelta(seconds=grace))
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self.pid = 0
        self.book = HealthBook()
        self.start()

    @rule()
    def start(self) -> None:
        self.pid += 1
        self.instance = Instance(
            name("v1", 0),
            PLACE.service,
            PLACE.environment,
            V1,
            "127.0.0.1:1",
            self.pid,
            self.now,
            InstanceHealth.STARTING,
        )
        self.seen: list[bool] = []
        self.before = InstanceHealth.STARTING
        self.expected = InstanceHealth.STARTING

    @rule(seconds=st.integers(0, 10), well=st.booleans())
    def look(self, seconds: int, well: bool) -> None:
        if self.expected is InstanceHealth.DEAD:
            return
        self.now += timedelta(seconds=seconds)
        self.seen.append(well)
        self.expected = self.model()
        tally = self.book.note(self.instance, Outcome(well, "" if well else "503"), self.check, now=self.now)
        assert tally.health is self.expected

    def model(self) -> InstanceHealth:
        rise, fall = self.check.healthy_after, self.check.unhealthy_after
        if self.seen[-rise:] == [True] * rise:
            return InstanceHealth.HEALTHY
        excused = self.expected is InstanceHealth.STARTING and self.now - self.instance.started_at < self.check.grace
        if self.seen[-fall:] == [False] * fall and not excused:
            return InstanceHealth.UNHEALTHY
        return self.expected

    @rule()
    def die(self) -> None:
        self.expected = InstanceHealth.DEAD
        assert self.book.note_dead(self.instance, now=self.now).health is InstanceHealth.DEAD

    @invariant()
    def the_book_says_what_the_model_says(self) -> None:
        if hasattr(self, "book"):
            tally = self.book.tally(self.instance)
            assert (InstanceHealth.STARTING if tally is None else tally.health) is self.expected


TestHealth = Health.TestCase
TestHealth.settings = settings(max_examples=60, deadline=None)
