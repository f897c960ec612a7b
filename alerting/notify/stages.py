"""The stages that an alert passes on its way to a notification, in their order; each may hold alerts back.

Source of the rules: notify/notify.go of Alertmanager.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from alerting.alerts.alert import ReceivedAlert
from alerting.notify.ports import Muters
from alerting.notify.trouble import Counts, Muting
from alerting.routing.inhibit import Inhibitor
from alerting.routing.intervals import TimeInterval, holding
from alerting.routing.tree import Route

AT_ONCE: Final = 250
"""Alerts that pass a stage before others get their turn."""

Intervals = Mapping[str, tuple[TimeInterval, ...]]


@dataclass(frozen=True, slots=True)
class Flush:
    """One attempt to tell a group: what it holds at `at`, in no order."""

    group: str
    labels: Mapping[str, str]
    route: Route
    at: datetime
    alerts: tuple[ReceivedAlert, ...]


class Stage(Protocol):
    """Holds back alerts that need not be told now."""

    def passing(self, flush: Flush, alerts: Sequence[ReceivedAlert]) -> Sequence[ReceivedAlert]:
        """Those that may be told."""
        ...


class InhibitStage:
    """Holds back what another alert explains."""

    def __init__(self, inhibitor: Inhibitor, counts: Counts) -> None:
        self._inhibitor = inhibitor
        self._counts = counts

    def passing(self, flush: Flush, alerts: Sequence[ReceivedAlert]) -> Sequence[ReceivedAlert]:
        passed = [alert for alert in alerts if not self._inhibitor.inhibited_by(alert.labels, flush.at)]
        self._counts.suppressed[Muting.INHIBITION] += len(alerts) - len(passed)
        return passed


class ActiveTimeStage:
    """Holds back everything outside of the route's active times."""

    def __init__(self, intervals: Intervals, counts: Counts) -> None:
        self._intervals = intervals
        self._counts = counts

    def passing(self, flush: Flush, alerts: Sequence[ReceivedAlert]) -> Sequence[ReceivedAlert]:
        if not inactive(flush.route, self._intervals, flush.at):
            return alerts
        self._counts.suppressed[Muting.ACTIVE_TIME] += len(alerts)
        return ()


class MuteTimeStage:
    """Holds back everything within the route's mute times."""

    def __init__(self, intervals: Intervals, counts: Counts) -> None:
        self._intervals = intervals
        self._counts = counts

    def passing(self, flush: Flush, alerts: Sequence[ReceivedAlert]) -> Sequence[ReceivedAlert]:
        if not holding(flush.route.mute_time_intervals, self._intervals, flush.at):
            return alerts
        self._counts.suppressed[Muting.MUTE_TIME] += len(alerts)
        return ()


class SilenceStage:
    """Holds back what somebody silenced."""

    def __init__(self, muters: Muters, counts: Counts) -> None:
        self._muters = muters
        self._counts = counts

    def passing(self, flush: Flush, alerts: Sequence[ReceivedAlert]) -> Sequence[ReceivedAlert]:
        passed = [alert for alert in alerts if not self._muters.muted_by(alert.labels, flush.at)]
        self._counts.suppressed[Muting.SILENCE] += len(alerts) - len(passed)
        return passed


async def pass_through(stages: Sequence[Stage], flush: Flush) -> list[ReceivedAlert]:
    """What is left of a flush after all stages. A group may be large, so others get their turn in between."""
    left: list[ReceivedAlert] = []
    for first in range(0, len(flush.alerts), AT_ONCE):
        if first:
            await asyncio.sleep(0)
        alerts: Sequence[ReceivedAlert] = flush.alerts[first : first + AT_ONCE]
        for stage in stages:
            alerts = stage.passing(flush, alerts) if alerts else ()
        left += alerts
    return left


def inactive(route: Route, intervals: Intervals, at: datetime) -> tuple[str, ...]:
    """The active times of a route when none of them holds."""
    names = route.active_time_intervals
    return () if holding(names, intervals, at) else names


def muted_by_time(route: Route, intervals: Intervals, at: datetime) -> tuple[str, ...]:
    """The names of the intervals that mute a route now."""
    return inactive(route, intervals, at) or holding(route.mute_time_intervals, intervals, at)
