"""A file of unit tests as it was read: values that never change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alerting.metrics.port import Labels


@dataclass(frozen=True, slots=True)
class InputSeries:
    """One series and its values, one an interval from the start; None where there is none."""

    labels: Labels
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """A firing alert: its labels (with `alertname`) and annotations."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertCase:
    """All alerts of this name that fire at `eval_time` after the start."""

    eval_time: timedelta
    alertname: str
    expected: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A series and its value."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class ExpressionCase:
    """What an expression gives at `eval_time` after the start."""

    expr: str
    eval_time: timedelta
    expected: tuple[ExpectedSample, ...]


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test: series from `start` on, and what is expected of rules and expressions over them."""

    name: str
    interval: timedelta
    start: datetime
    series: tuple[InputSeries, ...]
    alerts: tuple[AlertCase, ...]
    expressions: tuple[ExpressionCase, ...]
    external_labels: Labels
    external_url: str

    @property
    def length(self) -> timedelta:
        """How long after the start the last expectation is."""
        times = [*(case.eval_time for case in self.alerts), *(case.eval_time for case in self.expressions)]
        return max(times, default=timedelta(0))


@dataclass(frozen=True, slots=True)
class UnitTests:
    """A file: the rules under test, how often they are evaluated, and the tests."""

    file: Path
    rule_files: tuple[str, ...]
    interval: timedelta
    group_order: tuple[str, ...]
    fuzzy: bool
    tests: tuple[UnitTest, ...]
