"""Alerts, people, time and restarts in any order: what holds of incidents all along."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from alerting.errors import TemporaryFailure
from alerting.incidents.errors import IncidentEnded
from alerting.incidents.incident import Incident, PersonId, State, stream_of
from alerting.incidents.intake import AlertChange
from alerting.incidents.journal import IncidentJournal
from tests.unit.alerting.incidents.world import ADA, BOB, CY, START, World, firing, resolved

T = TypeVar("T")
Incidents: TypeAlias = tuple[Incident, ...]
names = st.sampled_from(["Slow", "Down", "Full"])
persons = st.sampled_from([ADA, BOB, CY])
waits = st.sampled_from([0, 1, 59, 60, 61, 119, 120, 180, 400])


class IncidentLife(RuleBasedStateMachine):
    """Each alert's firings are told in order at first, and repeated at any time after."""

    told = Bundle("told")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World()
        self.fires: dict[str, datetime] = {}  # by fingerprint, since when it fires by what was told
        self.began: dict[str, datetime] = {}  # by fingerprint, since when it fires or fired last
        self.away = False
        self.settled: set[tuple[str, datetime]] = set()  # firings whose incident a person resolved

    def teardown(self) -> None:
        self.runner.close()

    def wait_for(self, action: Awaitable[T]) -> T:
        async def act() -> T:
            return await action

        return self.runner.run(act())

    def incidents(self) -> Incidents:
        return self.wait_for(self.world.journal.recent(1000))

    def take(self, change: AlertChange) -> AlertChange:
        self.wait_for(self.world.take([change]))
        self.world.clock.at += timedelta(milliseconds=1)
        return change

    @rule(target=told, name=names, value=st.floats())
    def an_alert_fires(self, name: str, value: float) -> AlertChange:
        return self.fires_since(name, value, self.world.clock.at)

    @rule(target=told, name=names, value=st.floats())
    def an_alert_fires_since_it_did_before(self, name: str, value: float) -> AlertChange:
        return self.fires_since(name, value, self.began.get(f"fp-{name}", START))

    def fires_since(self, name: str, value: float, since: datetime) -> AlertChange:
        since = self.began[f"fp-{name}"] = self.fires.setdefault(f"fp-{name}", since)
        change = firing(name, (since - START).total_seconds(), value=value, seen=self.world.clock.passed)
        return self.take(AlertChange("firing", replace(change.alert, since=since)))

    @rule(target=told, name=names)
    def an_alert_ends(self, name: str) -> AlertChange:
        since = self.fires.pop(f"fp-{name}", START)
        self.settled = {firing for firing in self.settled if firing[0] != f"fp-{name}"}
        change = resolved(name, ended=self.world.clock.passed)
        return self.take(AlertChange("resolved", replace(change.alert, since=since)))

    @rule(change=told)
    def something_is_told_again(self, change: AlertChange) -> None:
        before = repr([(one.id, one.state, one.firing) for one in self.incidents()])
        self.take(change)
        after = repr([(one.id, one.state, one.firing) for one in self.incidents()])
        # As text, since a value may be NaN.
        if change.ends or self.fires.get(change.alert.fingerprint) != change.alert.since:
            assert before == after

    @rule(person=persons, which=st.integers(0, 3))
    def somebody_acknowledges(self, person: PersonId, which: int) -> None:
        for incident in self.incidents()[which : which + 1]:
            self.decide(incident, self.world.desk.acknowledge(incident.id, person))
            now = self.wait_for(self.world.journal.load(incident.id))
            assert incident.ended or now.acknowledged_by == person

    @rule(person=persons, which=st.integers(0, 3))
    def somebody_gives_back(self, person: PersonId, which: int) -> None:
        for incident in self.incidents()[which : which + 1]:
            self.decide(incident, self.world.desk.unacknowledge(incident.id, person))

    @rule(person=persons, which=st.integers(0, 3))
    def somebody_escalates(self, person: PersonId, which: int) -> None:
        for incident in self.incidents()[which : which + 1]:
            self.decide(incident, self.world.desk.escalate(incident.id, person, incident.level))

    @rule(person=persons, which=st.integers(0, 3))
    def somebody_resolves(self, person: PersonId, which: int) -> None:
        for incident in self.incidents()[which : which + 1]:
            self.settled |= {(alert.fingerprint, alert.since) for alert in incident.firing if not incident.ended}
            if not (incident.ended and incident.resolved_by == person):
                self.decide(incident, self.world.desk.resolve(incident.id, person))

    def decide(self, incident: Incident, decision: Awaitable[object]) -> None:
        try:
            self.wait_for(decision)
        except IncidentEnded:
            assert incident.ended
        else:
            assert not incident.ended

    @rule(wait=waits)
    def time_passes(self, wait: float) -> None:
        self.wait_for(self.world.run(until=self.world.clock.passed + wait))
        for incident in self.incidents():
            tried_again = wait >= 60  # the longest wait after a failure
            assert self.away or not tried_again or not any(page.pending for page in incident.pages)
            assert incident.next_page_at is None or incident.next_page_at > self.world.clock.at
            assert incident.ended == (stream_of(incident.id) not in self.world.durable.due)

    @rule(away=st.booleans())
    def the_chat_goes_or_comes(self, away: bool) -> None:
        self.away = away
        self.world.pager.trouble = lambda _: TemporaryFailure("the chat is away") if away else None

    @rule()
    def the_process_is_started_anew(self) -> None:
        self.world.restart()
        self.wait_for(self.world.desk.adopt())

    @invariant()
    def all_of_it_holds(self) -> None:
        incidents = self.incidents()
        self.every_alert_fires_in_one_open_incident_or_was_settled_by_hand(incidents)
        self.an_open_incident_has_a_firing_alert_and_a_loop_and_its_group_alone(incidents)
        self.an_open_incident_goes_on_paging_until_everybody_was_paged(incidents)
        self.what_somebody_has_is_paged_on_request_only(incidents)
        self.who_has_it_or_ended_it_silenced_the_pages_before(incidents)
        self.nobody_is_paged_twice_for_one_step(incidents)
        self.reading_tells_what_writing_told(incidents)

    def every_alert_fires_in_one_open_incident_or_was_settled_by_hand(self, incidents: Incidents) -> None:
        open_ = [one for one in incidents if not one.ended]
        shown = Counter((alert.fingerprint, alert.since) for one in open_ for alert in one.firing)
        wanted = set(self.fires.items()) - self.settled
        assert shown == dict.fromkeys(wanted, 1)

    def an_open_incident_has_a_firing_alert_and_a_loop_and_its_group_alone(self, incidents: Incidents) -> None:
        open_ = [one for one in incidents if not one.ended]
        assert all(one.firing for one in open_)
        assert all(stream_of(one.id) in self.world.durable.due for one in open_)
        assert len({one.key for one in open_}) == len(open_)

    def an_open_incident_goes_on_paging_until_everybody_was_paged(self, incidents: Incidents) -> None:
        for incident in incidents:
            waits_for_page = incident.next_page_at is not None
            assert incident.state is not State.OPEN or waits_for_page != incident.exhausted

    def what_somebody_has_is_paged_on_request_only(self, incidents: Incidents) -> None:
        for incident in incidents:
            planned = incident.next_page_at is not None and incident.next_page_at > self.world.clock.at
            assert incident.state is State.OPEN or not planned

    def who_has_it_or_ended_it_silenced_the_pages_before(self, incidents: Incidents) -> None:
        for incident in incidents:
            silent_since = incident.resolved_at or incident.acknowledged_at or START
            assert not any(page.pending and page.at < silent_since for page in incident.pages)

    def nobody_is_paged_twice_for_one_step(self, incidents: Incidents) -> None:
        assert len(self.world.pager.keys) == len(set(self.world.pager.keys))
        paged = Counter((one.id, page.round, page.step, page.person) for one in incidents for page in one.pages)
        assert set(paged.values()) <= {1}

    def reading_tells_what_writing_told(self, incidents: Incidents) -> None:
        read = self.wait_for(IncidentJournal(self.world.log).recent(1000))
        assert repr(read) == repr(incidents)
        for incident in incidents:
            events = self.wait_for(self.world.log.read(stream_of(incident.id)))
            assert incident.stream_version == len(events)


IncidentLife.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestIncidentLife = IncidentLife.TestCase
