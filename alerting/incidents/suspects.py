"""Which change may have caused an incident. Pure but for the port.

A change is a candidate when an alert of its environment began within an hour after it, or when it is still in progress.
Candidates are ranked by: it changed the alert's own service; an alert carries the changed version; it is still in
progress; it is the most recent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from alerting.incidents.incident import IncidentAlert, Suspect

WINDOW: Final = timedelta(minutes=60)
_SHOWN: Final = 3
_VERSION_LABELS: Final = ("version", "canary")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed: when it began, from which version to which, by whom."""

    deployment: str
    service: str
    environment: str
    version: str
    previous: str
    person: str
    at: datetime
    in_progress: bool = False
    can_roll_back: bool = False


class RecentChanges(Protocol):
    """Knows what was changed lately. The engine's journal answers it."""

    async def changes(self, since: datetime) -> Sequence[Change]:
        """Return every change begun at `since` or later, and those still in progress. Raises AlertingError."""
        ...


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A change with what speaks for it; `before` is how long before an alert it began."""

    change: Change
    before: timedelta
    same_service: bool
    same_version: bool

    def order(self) -> tuple[bool, bool, bool, timedelta, str]:
        """Return the sort key, the likeliest first."""
        change = self.change
        return not self.same_service, not self.same_version, not change.in_progress, self.before, change.deployment


def rank_suspects(alerts: Iterable[IncidentAlert], changes: Iterable[Change]) -> tuple[Suspect, ...]:
    """Return up to three suspects, the likeliest first. The order of neither input matters."""
    alerts = tuple(alerts)
    candidates = [found for change in changes if (found := _candidate(change, alerts)) is not None]
    best = sorted(candidates, key=_Candidate.order)[:_SHOWN]
    return tuple(_suspect(candidate, rank) for rank, candidate in enumerate(best, 1))


def _candidate(change: Change, alerts: Sequence[IncidentAlert]) -> _Candidate | None:
    """Judge the change by the alerts that began after it, where it was made."""
    after = [
        alert for alert in alerts if alert.since >= change.at and _agrees(alert, "environment", change.environment)
    ]
    if not after:
        return None
    before = min(alert.since for alert in after) - change.at
    if before > WINDOW and not change.in_progress:
        return None
    same_service = any(alert.labels.get("service") == change.service for alert in after)
    same_version = same_service and any(_carries(alert.labels, change.version) for alert in after)
    return _Candidate(change, before, same_service, same_version)


def _agrees(alert: IncidentAlert, label: str, value: str) -> bool:
    """An alert without the label may be of anywhere."""
    return alert.labels.get(label, value) == value


def _carries(labels: Mapping[str, str], version: str) -> bool:
    return any(labels.get(name) == version for name in _VERSION_LABELS)


def _suspect(candidate: _Candidate, rank: int) -> Suspect:
    change = candidate.change
    return Suspect(
        deployment=change.deployment,
        service=change.service,
        environment=change.environment,
        version=change.version,
        previous=change.previous,
        person=change.person,
        at=change.at,
        rank=rank,
        why=_why(candidate),
        can_roll_back=change.can_roll_back,
    )


def _why(candidate: _Candidate) -> str:
    """Say it in one line: `the same service, the alert is of version v3, in progress then, began 4 min before`."""
    reasons = ["the same service" if candidate.same_service else "another service of the same environment"]
    if candidate.same_version:
        reasons.append(f"the alert is of version {candidate.change.version}")
    if candidate.change.in_progress:
        reasons.append("in progress then")
    return ", ".join([*reasons, f"began {_ago(candidate.before)} before"])


def _ago(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
