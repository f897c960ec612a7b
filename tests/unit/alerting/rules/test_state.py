from datetime import UTC, datetime, timedelta

import pytest

from alerting.metrics.port import Sample
from alerting.rules.load import parse_rules
from alerting.rules.machine import end_all, evaluate, expand_anew
from alerting.rules.rule import AlertRule
from alerting.rules.state import Change, Evaluated, RuleState, State

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rule(**fields: object) -> AlertRule:
    lines = [f"        {name.rstrip('_')}: {value}" for name, value in fields.items()]
    head = ["groups:", "  - name: g", "    rules:", "      - alert: Down", "        expr: up == 0"]
    loaded = parse_rules("r.yml", "\n".join([*head, *lines]))
    assert not loaded.problems
    return loaded.groups[0].alert_rules[0]


def up(value: float = 0.0, **labels: str) -> Sample:
    return Sample({"__name__": "up", "job": "shop", **labels}, value)


class Machine:
    """One rule evaluated minute by minute."""

    def __init__(self, rule: AlertRule, limit: int = 0) -> None:
        self.rule, self.limit, self.state, self.minute = rule, limit, RuleState(), 0

    def step(self, *samples: Sample) -> list[Change]:
        return [told.change for told in self.outcome(*samples).transitions]

    def outcome(self, *samples: Sample) -> Evaluated:
        at = T0 + self.minute * MINUTE
        done = evaluate(self.rule, self.state, samples, at=at, limit=self.limit)
        self.state, self.minute = done.state, self.minute + 1
        return done

    @property
    def states(self) -> list[State]:
        return [alert.state for alert in self.state.alerts.values()]


def test_fires_at_once_without_for() -> None:
    machine = Machine(rule())
    assert machine.step(up()) == [Change.FIRING]
    (alert,) = machine.state.alerts.values()
    assert dict(alert.labels) == {"job": "shop", "alertname": "Down"}
    assert (alert.active_at, alert.fired_at) == (T0, T0)


def test_waits_for_as_long_as_for_says() -> None:
    machine = Machine(rule(for_="2m"))
    assert [machine.step(up()) for _ in range(4)] == [[Change.PENDING], [], [Change.FIRING], []]


def test_a_gap_while_pending_starts_anew_and_tells_nothing() -> None:
    machine = Machine(rule(for_="2m"))
    machine.step(up())
    assert machine.step() == []
    assert machine.state.alerts == {}
    assert [machine.step(up()) for _ in range(3)] == [[Change.PENDING], [], [Change.FIRING]]


def test_resolves_and_is_remembered_for_15_minutes() -> None:
    machine = Machine(rule())
    machine.step(up())
    assert machine.step() == [Change.RESOLVED]
    for _ in range(15):
        assert machine.step() == []
        assert machine.states == [State.INACTIVE]
    machine.step()
    assert machine.state.alerts == {}


def test_comes_back_as_a_new_alert() -> None:
    machine = Machine(rule(for_="1m"))
    machine.step(up())
    machine.step(up())
    machine.step()
    assert machine.step(up()) == [Change.PENDING]
    (alert,) = machine.state.alerts.values()
    assert alert.active_at == T0 + 3 * MINUTE
    assert alert.resolved_at is None


def test_keeps_firing_for_a_while() -> None:
    machine = Machine(rule(keep_firing_for="2m"))
    machine.step(up())
    assert [machine.step() for _ in range(3)] == [[], [], [Change.RESOLVED]]


def test_keep_firing_counts_from_the_latest_miss() -> None:
    machine = Machine(rule(keep_firing_for="2m"))
    steps = [machine.step(*s) for s in ([up()], [], [up()], [], [], [])]
    assert steps == [[Change.FIRING], [], [], [], [], [Change.RESOLVED]]


def test_tells_a_new_value_of_a_firing_alert() -> None:
    machine = Machine(rule(annotations="{summary: 'is {{ $value }}'}"))
    machine.step(up(1))
    assert machine.step(up(1)) == []
    assert machine.step(up(2)) == [Change.UPDATED]
    (alert,) = machine.state.alerts.values()
    assert (alert.value, alert.annotations["summary"]) == (2, "is 2")


def test_nan_is_an_active_alert_and_equals_itself() -> None:
    machine = Machine(rule())
    assert machine.step(up(float("nan"))) == [Change.FIRING]
    assert machine.step(up(float("nan"))) == []


def test_rule_labels_win_and_an_empty_one_deletes() -> None:
    machine = Machine(rule(labels="{job: '', alertname: x, severity: '{{ $labels.job }}-{{ $value }}'}"))
    machine.step(up(3, pod="a"))
    (alert,) = machine.state.alerts.values()
    assert dict(alert.labels) == {"pod": "a", "severity": "shop-3", "alertname": "Down"}


def test_two_samples_with_one_identity_change_nothing() -> None:
    machine = Machine(rule(labels="{pod: ''}"))
    machine.step(up(pod="a"))
    before = machine.state
    done = machine.outcome(up(pod="a"), up(pod="b"))
    assert done.problem == "vector contains metrics with the same labelset after applying alert labels"
    assert (done.state, done.transitions) == (before, ())


def test_over_the_limit_forgets_everything_and_resolves_nothing() -> None:
    machine = Machine(rule(), limit=1)
    machine.step(up(pod="a"))
    done = machine.outcome(up(pod="a"), up(pod="b"))
    assert done.problem == "exceeded limit of 1 with 2 alerts"
    assert [told.change for told in done.transitions] == [Change.DROPPED]
    assert done.state == RuleState()


def test_a_raised_for_takes_firing_back_to_pending() -> None:
    machine = Machine(rule())
    machine.step(up())
    machine.rule = rule(for_="3m")
    assert [machine.step(up()) for _ in range(3)] == [[Change.PENDING], [], [Change.FIRING]]


def test_a_changed_annotation_is_made_anew() -> None:
    machine = Machine(rule(annotations="{summary: old}"))
    machine.step(up())
    machine.rule = rule(annotations="{summary: new}")
    machine.state = expand_anew(machine.state)
    assert machine.step(up()) == [Change.UPDATED]
    assert [alert.annotations["summary"] for alert in machine.state.alerts.values()] == ["new"]


def test_a_rule_that_is_taken_out_resolves_what_fires() -> None:
    machine = Machine(rule())
    machine.step(up(pod="a"), up(pod="b"))
    machine.step(up(pod="a"))
    ended = end_all(machine.rule, machine.state, T0 + 9 * MINUTE)
    assert [(told.change, told.alert.labels["pod"]) for told in ended] == [(Change.RESOLVED, "a")]


@pytest.mark.parametrize("template", ["{{ toUpper $value }}", "{{ .Nope }}"])
def test_a_failing_template_does_not_fail_the_rule(template: str) -> None:
    machine = Machine(rule(annotations=f"{{summary: '{template}'}}"))
    assert machine.step(up()) == [Change.FIRING]
    (alert,) = machine.state.alerts.values()
    assert alert.annotations["summary"].startswith("<error expanding template: ")


@pytest.mark.parametrize(
    ("heir", "change"),
    [
        ({}, Change.DROPPED),
        ({"labels": "{job: shop}"}, Change.DROPPED),
        ({"labels": "{severity: page}"}, Change.RESOLVED),
        ({"labels": "{job: '{{ $labels.job }}'}"}, Change.DROPPED),
        ({"labels": "{job: ''}"}, Change.RESOLVED),
    ],
)
def test_what_another_rule_may_tell_again_is_dropped(heir: dict[str, str], change: Change) -> None:
    machine = Machine(rule())
    machine.step(up())
    (told,) = end_all(machine.rule, machine.state, T0, [rule(**heir)])
    assert told.change is change
