"""Carries what the rules say to the incidents, and makes good what a crash between the two left untold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.incidents.desk import IncidentDesk
from alerting.incidents.incident import IncidentAlert
from alerting.incidents.intake import AlertChange
from alerting.incidents.journal import IncidentJournal
from alerting.rules.evaluate import Evaluator
from alerting.rules.state import Alert, Change, State, Transition
from alerting.rules.status import RuleStatus
from bot.readings import AlertRow

TOLD: Final = frozenset({Change.FIRING, Change.UPDATED, Change.RESOLVED})
UPDATES: Final = timedelta(seconds=10)
SHOWN: Final = frozenset({State.PENDING, State.FIRING})


class Watch:
    """Evaluates the rules when their second comes and tells the incident desk."""

    def __init__(
        self, evaluator: Evaluator, desk: IncidentDesk, journal: IncidentJournal, *, now: Callable[[], datetime]
    ) -> None:
        self._evaluator = evaluator
        self._desk = desk
        self._journal = journal
        self._now = now
        self._updated: dict[str, datetime] = {}

    async def start(self) -> None:
        """Take up the alerts and incidents of the run before."""
        await self._desk.adopt()
        gone = await self._evaluator.restore()
        await self._desk.take([_change(alert, ended=self._now()) for alert in gone])

    async def tick(self, slot: datetime) -> None:
        """One second: evaluate what is due and tell what changed."""
        transitions = await self._evaluator.tick(slot)
        changes = [_told(one) for one in transitions if one.change in TOLD and self._worth_telling(one)]
        if changes:
            await self._desk.take(changes)

    def _worth_telling(self, one: Transition) -> bool:
        """A value moves at every evaluation; people and the log need it now and then only."""
        last = self._updated.get(one.alert.fingerprint)
        if one.change is Change.UPDATED and last is not None and one.at - last < UPDATES:
            return False
        if one.change is Change.RESOLVED:
            self._updated.pop(one.alert.fingerprint, None)
        else:
            self._updated[one.alert.fingerprint] = one.at
        return True

    async def reconcile(self) -> None:
        """Tell again what fires, and end what no longer does; the desk knows what it was told before.

        Nothing is ended while a rule could not be evaluated: not knowing is no resolve.
        """
        statuses = self._evaluator.snapshot()
        await self._desk.take([_change(alert) for alert in alerts_of(statuses) if alert.state is State.FIRING])
        if statuses and all(status.health.state == "ok" for status in statuses):
            await self._desk.take(await self._over(statuses))

    async def _over(self, statuses: Iterable[RuleStatus]) -> list[AlertChange]:
        firing = {alert.fingerprint for alert in alerts_of(statuses) if alert.state is State.FIRING}
        told = [alert for one in await self._journal.open_incidents() for alert in one.firing]
        over = [replace(alert, ended_at=self._now()) for alert in told if alert.fingerprint not in firing]
        return [AlertChange("resolved", alert) for alert in over]

    def rows(self) -> Sequence[AlertRow]:
        """What is pending or firing, for whoever shows it."""
        return [_row(alert) for alert in alerts_of(self._evaluator.snapshot()) if alert.state in SHOWN]


def alerts_of(statuses: Iterable[RuleStatus]) -> Iterator[Alert]:
    """Every alert the rules remember."""
    return (alert for status in statuses for alert in status.alerts)


def _told(transition: Transition) -> AlertChange:
    ended = transition.at if transition.change is Change.RESOLVED else None
    return _change(transition.alert, ended=ended, seen=transition.at)


def _change(alert: Alert, *, ended: datetime | None = None, seen: datetime | None = None) -> AlertChange:
    told = IncidentAlert(
        fingerprint=alert.fingerprint,
        name=alert.labels["alertname"],
        labels=alert.labels,
        annotations=alert.annotations,
        value=alert.value,
        since=alert.active_at,
        ended_at=ended,
        seen_at=seen,
    )
    return AlertChange("resolved" if ended else "firing", told)


def _row(alert: Alert) -> AlertRow:
    return AlertRow(
        name=alert.labels["alertname"],
        state=alert.state.value,
        labels=alert.labels,
        annotations=alert.annotations,
        value=alert.value,
        since=alert.active_at,
    )
