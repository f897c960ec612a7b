"""Our state machine beside a plain model of Prometheus' rules for alerts, over histories of any length."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.metrics.port import Sample
from alerting.rules.load import parse_rules
from alerting.rules.machine import evaluate
from alerting.rules.rule import AlertRule
from alerting.rules.state import Alert, Change, RuleState, State, Transition

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RETENTION = 15
HOSTS = ("a", "b", "c")
LABELS = {host: {"__name__": "up", "host": host} for host in HOSTS}


@dataclass(slots=True)
class Plain:
    """One alert of the model; times in minutes."""

    state: str
    value: float
    active: int
    fired: int | None = None
    resolved: int | None = None
    kept: int | None = None


@dataclass(slots=True)
class Model:
    """The rules, step by step, without anything to make them quick."""

    alerts: dict[str, Plain] = field(default_factory=dict)

    def step(self, now: int, present: dict[str, float], *, hold: int, keep: int, limit: int) -> bool:
        """Whether the evaluation went well."""
        for host, value in present.items():
            if host in self.alerts and self.alerts[host].state != "inactive":
                self.alerts[host].value = value
            else:
                self.alerts[host] = Plain("pending", value, now)
        active = sum([self._one(host, now, host in present, hold, keep) for host in list(self.alerts)])
        if 0 < limit < active:
            self.alerts.clear()
            return False
        return True

    def _one(self, host: str, now: int, present: bool, hold: int, keep: int) -> bool:
        """Whether the alert is pending or firing then."""
        alert = self.alerts[host]
        if present:
            alert.kept = None
        elif not self._keeps(alert, now, keep):
            if alert.state == "pending" or (alert.resolved is not None and now - alert.resolved > RETENTION):
                del self.alerts[host]
            elif alert.state == "firing":
                alert.state, alert.resolved, alert.kept = "inactive", now, None
            return False
        if alert.state == "pending" and now - alert.active >= hold:
            alert.state, alert.fired = "firing", now
        if alert.state == "firing" and now - alert.active < hold:
            alert.state, alert.fired, alert.kept = "pending", None, None
        return True

    def _keeps(self, alert: Plain, now: int, keep: int) -> bool:
        if alert.state != "firing" or keep == 0:
            return False
        alert.kept = now if alert.kept is None else alert.kept
        return now - alert.kept < keep


def rule(hold: int, keep: int) -> AlertRule:
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: a, for: {hold}m, keep_firing_for: {keep}m}}]}}]"
    return parse_rules("r.yml", text).groups[0].alert_rules[0]


RULES = {(hold, keep): rule(hold, keep) for hold in range(5) for keep in range(5)}


def plain(alert: Alert) -> Plain:
    def minutes(at: datetime | None) -> int | None:
        return None if at is None else int((at - T0) / MINUTE)

    active = minutes(alert.active_at)
    assert active is not None
    times = [minutes(at) for at in (alert.fired_at, alert.resolved_at, alert.keep_firing_since)]
    return Plain(alert.state.value, alert.value, active, *times)


steps = st.tuples(
    st.integers(1, 20).map(lambda n: 1 if n < 18 else n),  # minutes since the last; seldom many were missed
    st.dictionaries(st.sampled_from(HOSTS), st.sampled_from([0.0, 1.0, math.inf, math.nan]), max_size=3),
    st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)),  # an edit of `for` and `keep_firing_for`
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=40), st.sampled_from([0, 0, 0, 1, 2]))
def test_the_state_machine_does_as_the_model(
    history: list[tuple[int, dict[str, float], tuple[int, int] | None]], limit: int
) -> None:
    model, state, now, current = Model(), RuleState(), 0, (2, 0)
    for later, present, edited in history:
        now, current = now + later, edited or current
        samples = [Sample(LABELS[host], value) for host, value in present.items()]
        before = {mark for mark, alert in state.alerts.items() if alert.state is State.FIRING}
        done = evaluate(RULES[current], state, samples, at=T0 + now * MINUTE, limit=limit)
        went_well = model.step(now, present, hold=current[0], keep=current[1], limit=limit)
        state = done.state
        ours = {alert.labels["host"]: repr(plain(alert)) for alert in state.alerts.values()}
        assert ours == {host: repr(alert) for host, alert in model.alerts.items()}
        assert (done.problem is None) == went_well
        follow(before, done.transitions, state)


def follow(before: set[str], transitions: tuple[Transition, ...], state: RuleState) -> None:
    """Whoever hears the transitions alone knows what fires."""
    known = set(before)
    for one in transitions:
        if one.change is Change.FIRING:
            known.add(one.alert.fingerprint)
        elif one.change is not Change.UPDATED:
            known.discard(one.alert.fingerprint)
    assert known == {alert.fingerprint for alert in state.firing()}
