"""The state machine of one alert rule: from a query's samples and the alerts before to the alerts after.

Source of the rules: AlertingRule.Eval of Prometheus 3 (rules/alerting.go).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerting.metrics.port import Labels, Sample
from alerting.rules.fingerprint import fingerprint
from alerting.rules.rule import AlertRule
from alerting.rules.template import Data, Template

RESOLVED_RETENTION: Final = timedelta(minutes=15)
_SAME_LABELS: Final = "vector contains metrics with the same labelset after applying alert labels"


class State(StrEnum):
    """Of one alert: true but not for long enough, true, no longer true."""

    PENDING = "pending"
    FIRING = "firing"
    INACTIVE = "inactive"


class Change(StrEnum):
    """What a transition tells.

    PENDING may follow FIRING, when a reload raised `for`: the alert no longer fires. UPDATED is a firing alert
    with another value or annotation. DROPPED is a firing alert whose rule broke its limit and forgot its alerts:
    nobody knows whether it still fires, so let it expire.
    """

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    UPDATED = "updated"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Alert:
    """One series for which a rule is or was true. Times are aware; None means not yet or no longer.

    `sample_labels` are those of the query's result that the annotations were made from; None asks for them to be
    made anew with the next sample, as after a restart or a change of the rule.
    """

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    state: State
    active_at: datetime
    fingerprint: str
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_firing_since: datetime | None = None
    sample_labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """Every alert a rule remembers, by fingerprint."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transition:
    """One alert of one rule changed at `at`; `alert` is how it is now."""

    change: Change
    rule: AlertRule
    alert: Alert
    at: datetime


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of one evaluation; a `problem` is an error of the rule, told with its health."""

    state: RuleState
    transitions: tuple[Transition, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """What templates may say of the installation: its external labels and address."""

    external_labels: Labels = field(default_factory=dict)
    external_url: str = ""


def evaluate(
    rule: AlertRule,
    state: RuleState,
    samples: Sequence[Sample],
    *,
    at: datetime,
    limit: int = 0,
    installation: Installation = Installation(),  # a value that never changes
) -> Evaluated:
    """The alerts after the query of `rule` gave `samples` at the time `at`; `limit` 0 allows any number.

    Two samples with the same labels after expansion change nothing and are a problem; more alerts than the
    limit are a problem and empty the state.
    """
    seen: dict[str, Alert] = {}
    for sample in samples:
        alert = _observed(rule, state, sample, at, installation)
        if alert.fingerprint in seen:
            return Evaluated(state, problem=_SAME_LABELS)
        seen[alert.fingerprint] = alert
    present = {mark: _present(rule, alert, at) for mark, alert in seen.items()}
    absent = dict(_absent(rule, state, seen, at))
    active = sum(alert.state is not State.INACTIVE for alert in [*present.values(), *absent.values()])
    if 0 < limit < active:
        return _over_limit(rule, state, f"exceeded limit of {limit} with {active} alerts", at)
    after = RuleState({**absent, **present})
    return Evaluated(after, tuple(_transitions(rule, state, after, at)))


def _observed(rule: AlertRule, state: RuleState, sample: Sample, at: datetime, installation: Installation) -> Alert:
    """The alert a sample stands for: a new pending one, or the known one with its new value."""
    data = Data(sample.labels, sample.value, installation.external_labels, installation.external_url)
    labels = _identity(rule, sample, data)
    mark = fingerprint(labels)
    known = state.alerts.get(mark)
    if known is not None and _same_source(known, sample):
        return known
    annotations = _expanded(rule.annotation_templates, data)
    if known is None or known.state is State.INACTIVE:
        return Alert(labels, annotations, sample.value, State.PENDING, at, mark, sample_labels=sample.labels)
    return replace(known, annotations=annotations, value=sample.value, sample_labels=sample.labels)


def _same_source(known: Alert, sample: Sample) -> bool:
    """Whether expanding the templates again would change nothing."""
    return (
        known.state is not State.INACTIVE
        and known.sample_labels == sample.labels
        and _same_value(known.value, sample.value)
    )


def _same_value(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def _identity(rule: AlertRule, sample: Sample, data: Data) -> Labels:
    """The alert's labels: the sample's without its metric, those of the rule over them (empty deletes)."""
    labels = {**sample.labels, **_expanded(rule.label_templates, data), "alertname": rule.name}
    labels.pop("__name__", None)
    return {name: value for name, value in labels.items() if value}


def _expanded(templates: Mapping[str, Template], data: Data) -> Mapping[str, str]:
    return {name: template.render(data) for name, template in templates.items()}


def _present(rule: AlertRule, alert: Alert, at: datetime) -> Alert:
    """An alert that the query's result holds; it fires once it has held for the rule's `for`."""
    held_long = at - alert.active_at >= rule.for_
    if alert.state is State.PENDING and held_long:
        return replace(alert, state=State.FIRING, fired_at=at, keep_firing_since=None)
    if alert.state is State.FIRING and not held_long:
        return replace(alert, state=State.PENDING, fired_at=None, keep_firing_since=None)
    return replace(alert, keep_firing_since=None) if alert.keep_firing_since else alert


def _absent(rule: AlertRule, state: RuleState, seen: Mapping[str, Alert], at: datetime) -> Iterator[tuple[str, Alert]]:
    """The known alerts that the query's result no longer holds, less those to forget."""
    for mark, alert in state.alerts.items():
        if mark not in seen and (left := _without_sample(rule, alert, at)) is not None:
            yield mark, left


def _without_sample(rule: AlertRule, alert: Alert, at: datetime) -> Alert | None:
    match alert.state:
        case State.PENDING:
            return None
        case State.INACTIVE:
            resolved = alert.resolved_at or at
            return alert if at - resolved <= RESOLVED_RETENTION else None
        case State.FIRING:
            since = alert.keep_firing_since or at
            if at - since < rule.keep_firing_for:
                return replace(alert, keep_firing_since=since)
            return replace(alert, state=State.INACTIVE, resolved_at=at, keep_firing_since=None)


def _over_limit(rule: AlertRule, state: RuleState, problem: str, at: datetime) -> Evaluated:
    lost = (alert for alert in state.alerts.values() if alert.state is State.FIRING)
    dropped = tuple(Transition(Change.DROPPED, rule, alert, at) for alert in lost)
    return Evaluated(RuleState(), dropped, problem)


def _transitions(rule: AlertRule, before: RuleState, after: RuleState, at: datetime) -> Iterator[Transition]:
    for mark, alert in after.alerts.items():
        change = _change(before.alerts.get(mark), alert)
        if change is not None:
            yield Transition(change, rule, alert, at)


def _change(before: Alert | None, after: Alert) -> Change | None:
    was = before.state if before else State.INACTIVE
    if before is None or was is not after.state:
        return _TOLD[after.state]
    told_anew = after.annotations != before.annotations or not _same_value(after.value, before.value)
    return Change.UPDATED if after.state is State.FIRING and told_anew else None


_TOLD: Final = {
    State.PENDING: Change.PENDING,
    State.FIRING: Change.FIRING,
    State.INACTIVE: Change.RESOLVED,
}


def resolve_all(rule: AlertRule, state: RuleState, at: datetime) -> tuple[Transition, ...]:
    """What ends when a rule is taken out of its file: everything it has firing."""
    firing = (alert for alert in state.alerts.values() if alert.state is State.FIRING)
    ended = (replace(alert, state=State.INACTIVE, resolved_at=at, keep_firing_since=None) for alert in firing)
    return tuple(Transition(Change.RESOLVED, rule, alert, at) for alert in ended)


def expand_anew(state: RuleState) -> RuleState:
    """The same alerts, their annotations to be made anew: for a rule whose text has changed."""
    return RuleState({mark: replace(alert, sample_labels=None) for mark, alert in state.alerts.items()})
