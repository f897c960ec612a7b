"""The alerts of a rule, what may change about them, and what an evaluation makes of them (`machine`). Values only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from alerting.metrics.port import Labels
from alerting.rules.expansion import Expansion, Installation
from alerting.rules.rule import AlertRule

__all__ = ["Alert", "Change", "Evaluated", "Installation", "RuleState", "State", "Transition"]


class State(StrEnum):
    """Of one alert: true but not for long enough, true, no longer true."""

    PENDING = "pending"
    FIRING = "firing"
    INACTIVE = "inactive"


class Change(StrEnum):
    """What a transition tells.

    PENDING may follow FIRING, when a reload raised `for`: the alert no longer fires. UPDATED is a firing alert
    with another value or annotation. DROPPED is a firing alert whose rule forgot it, having broken its limit or
    moved to another file: nobody knows whether it still fires, so let it expire.
    """

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    UPDATED = "updated"
    DROPPED = "dropped"


# These two are made by the thousand at every evaluation; a Struct is made in a fifth of a dataclass' time.
class Alert(msgspec.Struct, frozen=True):
    """One series for which a rule is or was true. Times are aware; None means not yet or no longer.

    `words` are its annotations, or how to make them. `sample_labels` are those of the query's result that they were
    made from; None asks for them to be made anew with the next sample, as after a restart or a change of the rule.
    """

    labels: Labels
    words: Mapping[str, str] | Expansion
    value: float
    state: State
    active_at: datetime
    fingerprint: str
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_firing_since: datetime | None = None
    sample_labels: Labels | None = None

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations, expanded when they are first read."""
        return self.words.texts if isinstance(self.words, Expansion) else self.words


@dataclass(frozen=True, slots=True)
class RuleState:
    """Every alert a rule remembers, by fingerprint."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    # By the identity of the label set they were seen with: a source gives the same object for the same series.
    by_sample: Mapping[int, Alert] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seen = {id(alert.sample_labels): alert for alert in self.alerts.values() if alert.sample_labels is not None}
        object.__setattr__(self, "by_sample", seen)

    def firing(self) -> Iterator[Alert]:
        """The alerts that fire."""
        return (alert for alert in self.alerts.values() if alert.state is State.FIRING)


class Transition(msgspec.Struct, frozen=True):
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
