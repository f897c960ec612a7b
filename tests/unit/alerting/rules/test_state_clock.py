"""What the state machine makes of clocks that jump, of reloads while it keeps firing, and of series that stay alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.metrics.port import Sample
from alerting.rules.expansion import Expansion
from alerting.rules.load import parse_rules
from alerting.rules.machine import evaluate
from alerting.rules.rule import AlertRule
from alerting.rules.state import Change, RuleState, State

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def rule(*, for_: str = "0s", keep: str = "0s", summary: str = "is {{ $value }}", label: str = "x") -> AlertRule:
    text = (
        f"groups: [{{name: g, rules: [{{alert: A, expr: up, for: {for_}, keep_firing_for: {keep}, "
        f"labels: {{l: '{label}'}}, annotations: {{summary: '{summary}'}}}}]}}]"
    )
    loaded = parse_rules("r.yml", text)
    assert not loaded.problems
    return loaded.groups[0].alert_rules[0]


UP = Sample({"__name__": "up", "job": "a"}, 1.0)


def states(state: RuleState) -> list[State]:
    return [alert.state for alert in state.alerts.values()]


@pytest.mark.parametrize("jump", [-HOUR, -24 * HOUR, HOUR])
def test_what_fires_goes_on_firing_when_the_clock_jumps(jump: timedelta) -> None:
    one = rule(for_="2m")
    state = RuleState()
    for minute in range(3):
        state = evaluate(one, state, [UP], at=T0 + minute * MINUTE).state
    assert states(state) == [State.FIRING]
    for minute in range(5):
        done = evaluate(one, state, [UP], at=T0 + jump + minute * MINUTE)
        state = done.state
        assert (states(state), done.transitions) == ([State.FIRING], ())


def test_what_waits_begins_anew_when_the_clock_is_set_back() -> None:
    one = rule(for_="2m")
    state = evaluate(one, RuleState(), [UP], at=T0).state
    changes = []
    for minute in range(3):
        done = evaluate(one, state, [UP], at=T0 - HOUR + minute * MINUTE)
        state = done.state
        changes += [told.change for told in done.transitions]
    assert changes == [Change.FIRING]


def test_keeps_firing_no_longer_than_it_should_when_the_clock_is_set_back() -> None:
    one = rule(keep="2m")
    state = evaluate(one, RuleState(), [UP], at=T0).state
    state = evaluate(one, state, [], at=T0 + MINUTE).state
    for minute in range(2):
        state = evaluate(one, state, [], at=T0 - HOUR + minute * MINUTE).state
        assert states(state) == [State.FIRING]
    assert states(evaluate(one, state, [], at=T0 - HOUR + 2 * MINUTE).state) == [State.INACTIVE]


def test_a_raised_for_takes_back_what_only_keeps_firing() -> None:
    state = evaluate(rule(keep="10m"), RuleState(), [UP], at=T0).state
    state = evaluate(rule(keep="10m"), state, [], at=T0 + MINUTE).state
    assert states(state) == [State.FIRING]
    raised = rule(keep="10m", for_="5m")
    done = evaluate(raised, state, [], at=T0 + 2 * MINUTE)
    assert [told.change for told in done.transitions] == [Change.PENDING]
    assert evaluate(raised, done.state, [], at=T0 + 3 * MINUTE).state.alerts == {}


def test_nothing_new_makes_nothing_new() -> None:
    one = rule()
    state = evaluate(one, RuleState(), [UP], at=T0).state
    done = evaluate(one, state, [UP], at=T0 + MINUTE)
    assert done.state is state
    assert done.transitions == ()


def test_texts_are_made_when_they_are_read() -> None:
    one = rule()
    state = evaluate(one, RuleState(), [UP], at=T0).state
    for value in range(5):
        state = evaluate(one, state, [Sample(UP.labels, value)], at=T0 + value * MINUTE).state
    (alert,) = state.alerts.values()
    assert isinstance(alert.words, Expansion)
    assert alert.annotations == {"summary": "is 4"}
    assert alert.annotations is alert.annotations


def test_equal_label_sets_are_the_same_series_whoever_holds_them() -> None:
    one = rule()
    state = evaluate(one, RuleState(), [UP], at=T0).state
    done = evaluate(one, state, [Sample(dict(UP.labels), 1.0)], at=T0 + MINUTE)
    assert done.transitions == ()
    assert done.state.alerts.keys() == state.alerts.keys()


def test_a_label_that_holds_the_value_makes_another_alert_of_another_value() -> None:
    one = rule(label="{{ $value }}")
    state = evaluate(one, RuleState(), [UP], at=T0).state
    done = evaluate(one, state, [Sample(UP.labels, 2.0)], at=T0 + MINUTE)
    assert sorted(told.change for told in done.transitions) == [Change.FIRING, Change.RESOLVED]


@pytest.mark.parametrize("label", ["{{ . }}", "{{ with $ }}{{ .Value }}{{ end }}", "{{ $v := .Value }}{{ $v }}"])
def test_a_value_in_a_label_is_seen_however_it_is_taken(label: str) -> None:
    one = rule(label=label)
    state = evaluate(one, RuleState(), [UP], at=T0).state
    assert len(evaluate(one, state, [Sample(UP.labels, 2.0)], at=T0 + MINUTE).transitions) == 2


def test_the_time_in_a_text_is_that_of_the_last_evaluation() -> None:
    one = rule(summary="{{ now }}")
    state = evaluate(one, RuleState(), [UP], at=T0).state
    done = evaluate(one, state, [UP], at=T0 + MINUTE)
    (alert,) = done.state.alerts.values()
    assert alert.annotations != next(iter(state.alerts.values())).annotations
    assert [told.change for told in done.transitions] == [Change.UPDATED]


def test_a_series_that_two_identities_share_in_turn_is_not_confused() -> None:
    """A label set may be freed and its place in memory taken by another."""
    one, state = rule(), RuleState()
    for n in range(200):
        sample = Sample({"__name__": "up", "job": str(n)}, 1.0)
        state = evaluate(one, state, [sample], at=T0 + n * timedelta(hours=1)).state
        active = [alert.labels["job"] for alert in state.alerts.values() if alert.state is State.FIRING]
        assert active == [str(n)]
        del sample


def test_a_rule_of_another_text_keeps_its_alerts() -> None:
    one = rule(for_="1m")
    state = evaluate(one, RuleState(), [UP], at=T0).state
    done = evaluate(replace(one, for_=timedelta(0)), state, [UP], at=T0 + timedelta(seconds=1))
    assert states(done.state) == [State.FIRING]
