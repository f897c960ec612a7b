"""The state machine of one alert rule: from a query's samples and the alerts before to the alerts after. Pure.

Source of the rules: AlertingRule.Eval of Prometheus 3 (rules/alerting.go).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from alerting.alerts.fingerprint import fingerprint
from alerting.metrics.port import Labels, Sample
from alerting.rules.expansion import Expansion, Installation, Moment, depends_on_time, depends_on_value, expanded
from alerting.rules.rule import AlertRule
from alerting.rules.state import Alert, Change, Evaluated, RuleState, State, Transition
from alerting.rules.template import Answers, Data, QueriesNeeded

RESOLVED_RETENTION: Final = timedelta(minutes=15)
_NONE: Final = timedelta(0)
_NOWHERE: Final = Installation()
_NO_ANSWERS: Final[Answers] = {}
_SAME_LABELS: Final = "vector contains metrics with the same labelset after applying alert labels"


def evaluate(
    rule: AlertRule,
    state: RuleState,
    samples: Sequence[Sample],
    *,
    at: datetime,
    limit: int = 0,
    installation: Installation = _NOWHERE,
    answers: Answers = _NO_ANSWERS,
) -> Evaluated:
    """The alerts after the query of `rule` gave `samples` at the time `at`; `limit` 0 allows any number.

    Two samples with the same labels after expansion change nothing and are a problem; more alerts than the
    limit are a problem and empty the state. Where nothing changed the state is the same object.

    Raises QueriesNeeded, naming all it can, while `answers` lacks those of queries that templates ask.
    """
    if not samples and not state.alerts:
        return Evaluated(state)
    seen = _Look(rule, state, Moment(installation, at, answers)).all(samples)
    if seen is None:
        return Evaluated(state, problem=_SAME_LABELS)
    after = {**dict(_absent(rule, state, seen, at)), **{mark: _present(rule, one, at) for mark, one in seen.items()}}
    active = sum(alert.state is not State.INACTIVE for alert in after.values())
    if 0 < limit < active:
        return _over_limit(rule, state, f"exceeded limit of {limit} with {active} alerts", at)
    if _same(state.alerts, after):
        return Evaluated(state)
    return Evaluated(RuleState(after), tuple(_transitions(rule, state, after, at)))


def _same(before: Mapping[str, Alert], after: Mapping[str, Alert]) -> bool:
    return len(before) == len(after) and all(before.get(mark) is alert for mark, alert in after.items())


class _Look:
    """One look at what a rule's query gave."""

    __slots__ = ("_labels_move", "_moment", "_rule", "_state", "_volatile")

    def __init__(self, rule: AlertRule, state: RuleState, moment: Moment) -> None:
        labels, annotations = rule.label_templates.values(), rule.annotation_templates.values()
        self._rule, self._state, self._moment = rule, state, moment
        self._labels_move = depends_on_value(labels)
        self._volatile = depends_on_time(labels) or depends_on_time(annotations)

    def all(self, samples: Sequence[Sample]) -> dict[str, Alert] | None:
        """The alerts that the samples stand for, by fingerprint; None when two are the same."""
        seen: dict[str, Alert] = {}
        for alert in self._each_answered(samples) if self._volatile else map(self._one, samples):
            if alert.fingerprint in seen:
                return None
            seen[alert.fingerprint] = alert
        return seen

    def _each_answered(self, samples: Sequence[Sample]) -> Sequence[Alert]:
        """All of them expanded at once, so that whoever answers queries knows all of them."""
        found, needed = [], list[str]()
        for sample in samples:
            try:
                alert = self._unknown(sample)
                if isinstance(alert.words, Expansion):
                    _ = alert.words.texts
                found.append(alert)
            except QueriesNeeded as need:
                needed += need.queries
        if needed:
            raise QueriesNeeded(list(dict.fromkeys(needed)))
        return found

    def _one(self, sample: Sample) -> Alert:
        known = self._state.by_sample.get(id(sample.labels))
        if known is None or known.sample_labels is not sample.labels or known.state is State.INACTIVE:
            return self._unknown(sample)
        return self._known(known, sample)

    def _known(self, known: Alert, sample: Sample) -> Alert:
        """What became of an alert whose series was there before."""
        if known.value == sample.value or _same_value(known.value, sample.value):
            return known
        return self._unknown(sample) if self._labels_move else self._moved(known, sample)

    def _unknown(self, sample: Sample) -> Alert:
        """A new pending alert, or the one that goes by the same labels, with its new value."""
        words = self._words(sample)
        labels = _identity(self._rule, sample, words.data)
        mark = fingerprint(labels)
        known = self._state.alerts.get(mark)
        if known is None or known.state is State.INACTIVE:
            return Alert(labels, words, sample.value, State.PENDING, self._moment.at, mark, sample_labels=sample.labels)
        unchanged = known.sample_labels == sample.labels and _same_value(known.value, sample.value)
        if unchanged and not self._volatile:
            return replace(known, sample_labels=sample.labels)
        return self._moved(known, sample)

    def _moved(self, known: Alert, sample: Sample) -> Alert:
        words = self._words(sample)
        return Alert(
            known.labels,
            words,
            sample.value,
            known.state,
            known.active_at,
            known.fingerprint,
            known.fired_at,
            known.resolved_at,
            known.keep_firing_since,
            sample.labels,
        )

    def _words(self, sample: Sample) -> Expansion:
        return Expansion(self._rule.annotation_templates, sample, self._moment)


def _same_value(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def _identity(rule: AlertRule, sample: Sample, data: Data) -> Labels:
    """The alert's labels: the sample's without its metric, those of the rule over them (empty deletes)."""
    labels = {**sample.labels, **expanded(rule.label_templates, data), "alertname": rule.name}
    labels.pop("__name__", None)
    return {name: value for name, value in labels.items() if value}


def _present(rule: AlertRule, alert: Alert, at: datetime) -> Alert:
    """An alert that the query's result holds."""
    return _held(rule, replace(alert, keep_firing_since=None) if alert.keep_firing_since else alert, at)


def _held(rule: AlertRule, alert: Alert, at: datetime) -> Alert:
    """An active alert fires once it has held for the rule's `for`, and no longer when a reload raised that."""
    held = at - alert.active_at
    if alert.state is State.PENDING:
        # A clock that was set back: what waits begins anew, what fires goes on.
        alert = replace(alert, active_at=at) if held < _NONE else alert
        return replace(alert, state=State.FIRING, fired_at=at) if held >= rule.for_ else alert
    if _NONE <= held < rule.for_:
        return replace(alert, state=State.PENDING, fired_at=None, keep_firing_since=None)
    return alert


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
            since = min(alert.keep_firing_since or at, at)
            if at - since < rule.keep_firing_for:
                kept = alert if alert.keep_firing_since == since else replace(alert, keep_firing_since=since)
                return _held(rule, kept, at)
            return _ended(alert, at)


def _over_limit(rule: AlertRule, state: RuleState, problem: str, at: datetime) -> Evaluated:
    dropped = tuple(Transition(Change.DROPPED, rule, alert, at) for alert in state.firing())
    return Evaluated(RuleState(), dropped, problem)


def _transitions(rule: AlertRule, before: RuleState, after: Mapping[str, Alert], at: datetime) -> Iterator[Transition]:
    for mark, alert in after.items():
        change = _change(before.alerts.get(mark), alert)
        if change is not None:
            yield Transition(change, rule, alert, at)


def _change(before: Alert | None, after: Alert) -> Change | None:
    if before is after:
        return None
    was = before.state if before else State.INACTIVE
    if before is None or was is not after.state:
        return _TOLD[after.state]
    return Change.UPDATED if after.state is State.FIRING and _told_anew(before, after) else None


def _told_anew(before: Alert, after: Alert) -> bool:
    if not _same_value(after.value, before.value):
        return True
    return after.words is not before.words and after.annotations != before.annotations


_TOLD: Final = {
    State.PENDING: Change.PENDING,
    State.FIRING: Change.FIRING,
    State.INACTIVE: Change.RESOLVED,
}


def end_all(rule: AlertRule, state: RuleState, at: datetime, heirs: Sequence[AlertRule] = ()) -> tuple[Transition, ...]:
    """What ends when a rule is taken out of its file: everything it has firing.

    An alert that one of the `heirs` may tell again, being of the same name and not of other labels, is dropped.
    """
    return tuple(
        Transition(Change.DROPPED, rule, alert, at)
        if any(_may_tell(heir, alert) for heir in heirs)
        else Transition(Change.RESOLVED, rule, _ended(alert, at), at)
        for alert in state.firing()
    )


def _may_tell(rule: AlertRule, alert: Alert) -> bool:
    plain = {name: one.source for name, one in rule.label_templates.items() if one.is_plain}
    return rule.name == alert.labels["alertname"] and all(
        alert.labels.get(name, "") == value for name, value in plain.items() if name != "alertname"
    )


def _ended(alert: Alert, at: datetime) -> Alert:
    return replace(alert, state=State.INACTIVE, resolved_at=at, keep_firing_since=None)


def expand_anew(state: RuleState) -> RuleState:
    """The same alerts, their annotations to be made anew: for a rule whose text has changed."""
    return RuleState({mark: replace(alert, sample_labels=None) for mark, alert in state.alerts.items()})
