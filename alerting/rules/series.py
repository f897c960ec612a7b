"""The series that a rule's evaluation leaves in the metrics source. Pure.

Source of the rules: AlertingRule.sample and forStateSample, and RecordingRule.Eval, of Prometheus 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerting.metrics.port import Labels, Sample
from alerting.rules.rule import AlertRule, RecordingRule
from alerting.rules.state import Alert, RuleState, State

Identity = frozenset[tuple[str, str]]
Made = Mapping[Identity, float]
Pair = tuple[Identity, Identity]
Pairs = Mapping[tuple[str, State], Pair]

ALERTS: Final = "ALERTS"
FOR_STATE: Final = "ALERTS_FOR_STATE"
_NONE: Final[Pairs] = {}
_SAME_LABELS: Final = "vector contains metrics with the same labelset after applying rule labels"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording rule made: a value for each series. A `problem` is an error of the rule, and nothing made."""

    made: Made
    problem: str | None = None


def alert_series(rule: AlertRule, state: RuleState, known: Pairs = _NONE) -> tuple[Made, Pairs]:
    """ALERTS and ALERTS_FOR_STATE of the alerts that are pending or firing, and what they go by, to be known next time.

    A label of the rule whose template gave an empty text stands there as the template was written, since Prometheus
    lays the alert's labels over the rule's own.
    """
    pairs, made = dict[tuple[str, State], Pair](), dict[Identity, float]()
    for alert in state.alerts.values():
        if alert.state is State.INACTIVE:
            continue
        key = alert.fingerprint, alert.state
        pairs[key] = pair = known.get(key) or _pair(rule, alert)
        made[pair[0]], made[pair[1]] = 1.0, float(int(alert.active_at.timestamp()))
    return made, pairs


def _pair(rule: AlertRule, alert: Alert) -> Pair:
    labels = {**rule.labels, **alert.labels, "alertname": rule.name}
    shown = _identity({**labels, "__name__": ALERTS, "alertstate": alert.state.value})
    return shown, _identity({**labels, "__name__": FOR_STATE})


def record(rule: RecordingRule, samples: Sequence[Sample], *, limit: int = 0) -> Recorded:
    """The samples under the rule's name and labels; `limit` 0 allows any number."""
    made: dict[Identity, float] = {}
    for sample in samples:
        if sample.histogram:
            return Recorded({}, "the result holds native histograms, which cannot be written back")
        identity = _identity({**sample.labels, "__name__": rule.name, **rule.labels})
        if identity in made:
            return Recorded({}, _SAME_LABELS)
        made[identity] = sample.value
    if 0 < limit < len(made):
        return Recorded({}, f"exceeded limit of {limit} with {len(made)} series")
    return Recorded(made)


def _identity(labels: Labels) -> Identity:
    return frozenset((name, value) for name, value in labels.items() if value)
