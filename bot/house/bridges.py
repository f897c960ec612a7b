"""Where engine and alerting, strangers to each other, meet: metrics, firing alerts and recent changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import alerting.errors as alerting_errors
from alerting.alerts.alert import ReceivedAlert
from alerting.incidents.incident import Incident
from alerting.incidents.journal import IncidentJournal
from alerting.incidents.suspects import Change
from alerting.metrics.port import Metrics, Scalar
from bot.watch.failure_alerts import NAMES, SOURCE
from bot.watch.rule_health import RuleHealth
from engine.deployments.deployment import Purpose, State
from engine.deployments.journal import DeploymentJournal, Summary
from engine.errors import PermanentFailure, TemporaryFailure
from engine.ports import FiringAlert, MetricSample, OpenIncident

QUERY_TIMEOUT: Final = timedelta(seconds=5)
MOST_CHANGES: Final = 100
LATE: Final = 3  # intervals without an evaluation, after which nobody knows what a rule would say


class EngineMetrics:
    """Implements the engine's MetricQueries by alerting's metrics source."""

    def __init__(self, source: Metrics) -> None:
        self._source = source

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        try:
            answer = await self._source.instant(query, at, QUERY_TIMEOUT)
        except alerting_errors.TemporaryFailure as failure:
            raise TemporaryFailure(failure.reason, failure.remedy, retry_after=failure.retry_after) from failure
        except alerting_errors.AlertingError as failure:
            raise PermanentFailure(failure.reason, failure.remedy) from failure
        if isinstance(answer, Scalar):
            return [MetricSample({}, answer.value)]
        return [MetricSample(sample.labels, sample.value) for sample in answer.samples]


class EngineAlerts:
    """Implements the engine's FiringAlerts by all alerts, and by how the rules do wherever they are evaluated.

    `alerts` are all that were told, `healths` how every rule does. That a deployment failed is no sign against the next
    one, which is to mend it.
    """

    def __init__(
        self,
        alerts: Callable[[], Iterable[ReceivedAlert]],
        healths: Callable[[], Awaitable[Sequence[RuleHealth]]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts = alerts
        self._healths = healths
        self._now = now

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]:
        now = self._now()
        return [
            FiringAlert(one.name, one.labels, 0.0 if one.value is None else one.value, one.starts_at)
            for one in self._alerts()
            if one.source != SOURCE
            and not one.resolved(now)
            and all(one.labels.get(name) == value for name, value in labels.items())
        ]

    async def evaluated_at(self, rule: str) -> datetime | None:
        asked = [one for one in await self._healths() if one.alerts and rule in {"", one.name}]
        if not asked:
            told = f"There is no alert rule {rule}." if rule else "There is no alert rule."
            raise PermanentFailure(told, "Add it to a rule file, or correct the gate.")
        times = [self._evaluated_at(one) for one in asked]
        known = [at for at in times if at is not None]
        return min(known) if len(known) == len(times) else None

    def _evaluated_at(self, one: RuleHealth) -> datetime | None:
        if one.error:
            raise TemporaryFailure(f"Rule {one.name} could not be evaluated: {one.error}")
        longest = LATE * timedelta(seconds=one.interval) + QUERY_TIMEOUT
        if one.at is not None and self._now() - one.at > longest:
            raise TemporaryFailure(
                f"Rule {one.name} was last evaluated at {one.at:%H:%M:%S} UTC, which is too long ago."
            )
        return one.at


class EngineIncidents:
    """Implements the engine's OpenIncidents by alerting's journal.

    One that is only about a failed deployment or component holds nothing up: a deployment is what mends it.
    """

    def __init__(self, journal: IncidentJournal) -> None:
        self._journal = journal

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        return [
            OpenIncident(str(one.id), one.title, one.opened_at)
            for one in await self._journal.open_incidents()
            if (one.service, one.environment) == (service, environment) and not _tells_of_failures_only(one)
        ]


def _tells_of_failures_only(incident: Incident) -> bool:
    return bool(incident.alerts) and all(alert.name in NAMES for alert in incident.alerts)


class DeploymentChanges:
    """Implements alerting's RecentChanges by the engine's journal."""

    def __init__(self, journal: DeploymentJournal) -> None:
        self._journal = journal

    async def changes(self, since: datetime) -> Sequence[Change]:
        recent = await self._journal.recent(limit=MOST_CHANGES, since=since)
        known = {one.id: one for one in (*recent, *await self._journal.in_flight())}
        return [_change(one) for one in known.values() if one.started_at is not None]


def _change(one: Summary) -> Change:
    undone = one.state in {State.ROLLED_BACK, State.ROLLING_BACK, State.CANCELLED}
    return Change(
        deployment=str(one.id),
        service=str(one.service),
        environment=str(one.environment),
        version=str(one.version),
        previous=str(one.previous or ""),
        person=str(one.requested_by),
        at=one.started_at or one.requested_at,
        in_progress=one.ended_at is None,
        can_roll_back=not undone and bool(one.previous) and one.purpose is not Purpose.ROLL_BACK,
    )
