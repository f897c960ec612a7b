"""What the alert addresses read: groups, silences, rules and their history, as this room needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from alerting.alerts.alert import ReceivedAlert
from alerting.metrics.ranges import Series
from alerting.notify.status import AlertGroup, AlertStatus
from alerting.rules.rule import RuleId
from alerting.rules.status import RuleStatus
from alerting.rules.timeline import RuleDay
from alerting.silences.silence import Silence


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """The rule files as they were last read; `problems` says why a change was not taken, at its place."""

    problems: Sequence[str] = ()
    read_at: datetime | None = None


class History(Protocol):
    """The rules' past, for reading."""

    async def day(self, rule: RuleId, at: datetime, *, back: timedelta) -> RuleDay: ...


class Ranges(Protocol):
    """The metrics source, for pictures. Raises AlertingError."""

    async def range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]: ...


@dataclass(frozen=True, slots=True)
class AlertSources:
    """Where the alert addresses read. `prometheus_url` is where people open a query, `interval` of groups without."""

    groups: Callable[[], Sequence[AlertGroup]]
    status_of: Callable[[ReceivedAlert], AlertStatus]
    silences: Callable[[], Sequence[Silence]]
    rules: Callable[[], Sequence[RuleStatus]]
    files: Callable[[], RuleFiles]
    history: History
    ranges: Ranges
    prometheus_url: str
    interval: timedelta
