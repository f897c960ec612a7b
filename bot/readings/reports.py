"""The report on deployments: gathers what the four key figures are reckoned from, in both halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from alerting.incidents.incident import Incident
from engine.deployments.journal import Summary
from engine.deployments.report import Outage, Report, report

USUAL: Final = 30  # days
LONGEST: Final = 366
FRESH: Final = timedelta(seconds=10)
KEPT: Final = 32
BEFORE: Final = timedelta(days=7)  # what was begun so long before may have ended in the time asked for
FIRST_LOOK: Final = 500
MOST: Final = 50_000


class Deployments(Protocol):
    """The engine's journal, for reading."""

    async def recent(self, *, limit: int) -> Sequence[Summary]: ...


class Incidents(Protocol):
    """Alerting's journal, for reading."""

    async def recent(self, limit: int) -> Sequence[Incident]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report: how many days back, and of which service and environment; "" is every one."""

    days: int = USUAL
    service: str = ""
    environment: str = ""

    def takes(self, service: str, environment: str) -> bool:
        """Whether this place is meant."""
        return self.service in {"", service} and self.environment in {"", environment}


class Reports:
    """Makes reports, and keeps each for FRESH: pages that look at it need not have it reckoned anew each time."""

    def __init__(self) -> None:
        self._known: dict[Wanted, Report] = {}

    async def read(self, wanted: Wanted, deployments: Deployments, incidents: Incidents, *, now: datetime) -> Report:
        """The report, FRESH old at most."""
        known = self._known.get(wanted)
        if known is not None and now - known.until < FRESH:
            return known
        self._known = {key: one for key, one in list(self._known.items())[-KEPT:] if now - one.until < FRESH}
        made = await make_report(wanted, deployments, incidents, now=now)
        self._known[wanted] = made
        return made


async def make_report(wanted: Wanted, deployments: Deployments, incidents: Incidents, *, now: datetime) -> Report:
    """The report as of now."""
    since = now - timedelta(days=wanted.days) - BEFORE
    known = [one for one in await _deployments(deployments, since) if wanted.takes(one.service, one.environment)]
    outages = [one for one in await _outages(incidents, since) if wanted.takes(one.service, one.environment)]
    return report(known, outages, now=now, days=wanted.days)


async def _deployments(journal: Deployments, since: datetime) -> Sequence[Summary]:
    """Those asked for since then, and some before: looks further and further back."""
    look = FIRST_LOOK
    while True:
        found = await journal.recent(limit=look)
        if len(found) < look or look >= MOST or found[-1].requested_at < since:
            return found
        look *= 4


async def _outages(journal: Incidents, since: datetime) -> list[Outage]:
    look = FIRST_LOOK
    while True:
        found = await journal.recent(look)
        if len(found) < look or look >= MOST or found[-1].opened_at < since:
            return [outage for one in found if (outage := _outage(one)) is not None]
        look *= 4


def _outage(one: Incident) -> Outage | None:
    """The incident as one of its first suspect; None when no change is suspect."""
    suspect = min(one.suspects, key=lambda each: each.rank, default=None)
    if suspect is None:
        return None
    return Outage(suspect.service, suspect.environment, suspect.deployment, one.opened_at, one.resolved_at)
