"""The index says what asking every silence would say, whatever was added, asked, ended or forgotten before."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from alerting.routing.matcher import Matcher, Op
from alerting.silences.desk import SilenceDesk
from alerting.silences.errors import InvalidSilence
from alerting.silences.index import SilenceIndex
from alerting.silences.rules import forgotten
from alerting.silences.silence import Silence, SilenceId
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

NAMES = st.sampled_from(["alertname", "instance", "job"])
VALUES = st.sampled_from(["", "a", "b", "ab"])
MATCHERS = st.builds(Matcher, NAMES, st.sampled_from(Op), VALUES | st.sampled_from(["a.*", "a|b", ".+"]))
SEVERAL = st.lists(MATCHERS, min_size=1, max_size=3).map(tuple)
LABELS = st.dictionaries(NAMES, VALUES)
EVERY = [{"alertname": name, "instance": place, "job": "a"} for name in ("a", "b", "ab") for place in ("", "a", "b")]
NOW = VirtualClock()()
HOUR = timedelta(hours=1)


def silence(number: int, matchers: tuple[Matcher, ...]) -> Silence:
    return Silence(SilenceId(str(number)), matchers, NOW, NOW + HOUR, NOW, "ada", "x")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SEVERAL, st.lists(LABELS, max_size=3)), max_size=40), st.lists(LABELS, max_size=20))
def test_the_index_agrees_with_asking_all(
    steps: list[tuple[tuple[Matcher, ...], list[dict[str, str]]]], asked: list[dict[str, str]]
) -> None:
    index, added = SilenceIndex(), []
    for number, (matchers, between) in enumerate(steps):
        index.add(silence(number, matchers))
        added.append(silence(number, matchers))
        for labels in between:
            assert sorted(index.matching(labels)) == sorted(one.id for one in added if one.mutes(labels, NOW))
    for labels in asked * 2:
        assert sorted(index.matching(labels)) == sorted(one.id for one in added if one.mutes(labels, NOW))


class Replicas(RuleBasedStateMachine):
    """Two desks on one log, time that passes, and a plain list of what each of them knows."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        database = MemoryDatabase(self.clock)
        self.desks = [SilenceDesk(database.log, now=self.clock) for _ in range(2)]

    def teardown(self) -> None:
        self.loop.close()

    @rule(
        which=st.integers(0, 1),
        matchers=SEVERAL,
        start=st.integers(-2, 3),
        length=st.integers(0, 5),
        known=st.none() | st.integers(0, 9),
        until=st.booleans(),
    )
    def set(
        self, which: int, matchers: tuple[Matcher, ...], start: int, length: int, known: int | None, until: bool
    ) -> None:
        now, desk = self.clock(), self.desks[which]
        wanted = replace(
            silence(0, matchers),
            id=SilenceId(""),
            starts_at=now + start * HOUR,
            ends_at=now + (start + length) * HOUR,
            until_resolved=until,
        )
        remembered = [one for one in desk.all() if not forgotten(one, now)]
        old = remembered[known] if known is not None and known < len(remembered) else None
        if old is not None:
            wanted = replace(wanted, id=old.id, matchers=old.matchers if until else matchers)
        before = desk.all()
        try:
            made = self.loop.run_until_complete(desk.set(wanted))
        except InvalidSilence:
            assert desk.all() == before
            return
        kept = desk.get(made)
        assert kept is not None
        assert (kept.matchers, kept.ends_at) == (wanted.matchers, wanted.ends_at)

    @rule(which=st.integers(0, 1), nth=st.integers(0, 9))
    def expire(self, which: int, nth: int) -> None:
        desk = self.desks[which]
        if nth < len(desk.all()) and not forgotten(desk.all()[nth], self.clock()):
            ended = self.loop.run_until_complete(desk.expire(desk.all()[nth].id, "ben"))
            assert not any(ended.mutes(labels, self.clock()) for labels in EVERY)

    @rule(which=st.integers(0, 1), firing=st.lists(LABELS, max_size=3))
    def tick(self, which: int, firing: list[dict[str, str]]) -> None:
        self.loop.run_until_complete(self.desks[which].tick(self.clock(), firing))

    @rule(hours=st.integers(1, 60))
    def pass_time(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)

    @rule()
    def poll(self) -> None:
        for desk in self.desks:
            self.loop.run_until_complete(desk.poll())
            desk.forget()
        assert self.desks[0].all() == self.desks[1].all()

    @invariant()
    def muted_by_agrees(self) -> None:
        now = self.clock()
        for desk in self.desks:
            for labels in EVERY:
                assert sorted(desk.muted_by(labels, now)) == sorted(s.id for s in desk.all() if s.mutes(labels, now))


def test_replicas_agree() -> None:
    run_state_machine_as_test(Replicas, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))
