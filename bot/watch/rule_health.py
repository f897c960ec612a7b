"""When each rule was last evaluated, for the replicas that do not evaluate: a gate must never pass unasked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from alerting.rules.evaluate import Evaluator
from alerting.rules.journal import AlertJournal
from alerting.rules.rule import AlertRule
from alerting.rules.state import RuleState
from alerting.rules.status import Health, RuleStatus
from storage.records import Records

COLLECTION: Final = "rule-health"
KEY: Final = "by-id"


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """One rule: its evaluation `interval` in seconds, its last evaluation, and what went wrong in it.

    `alerts` says that it is an alert rule.
    """

    id: str
    alerts: bool
    name: str
    interval: float
    at: datetime | None
    error: str


class RuleHealths:
    """What the replica that evaluates writes down, and the others read. Both raise storage's errors."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def publish(self, healths: Iterable[RuleHealth], at: datetime) -> None:
        """Write how every rule does."""
        rows = [
            [one.id, one.alerts, one.name, one.interval, one.at.isoformat() if one.at else "", one.error]
            for one in healths
        ]
        await self._records.put(COLLECTION, KEY, {"rules": rows}, at=at)

    async def read(self) -> list[RuleHealth]:
        """How the rules did when that was last written; nothing when it never was."""
        kept: Mapping[str, Any] = await self._records.get(COLLECTION, KEY) or {"rules": []}
        return [
            RuleHealth(id_, alerts, name, interval, datetime.fromisoformat(at) if at else None, error)
            for id_, alerts, name, interval, at, error in kept["rules"]
        ]


def healths_of(statuses: Iterable[RuleStatus], default_interval: float) -> list[RuleHealth]:
    """How the rules do where they are evaluated."""
    return [
        RuleHealth(
            id=str(one.rule.id),
            alerts=isinstance(one.rule, AlertRule),
            name=one.rule.name,
            interval=one.group.interval.total_seconds() if one.group.interval else default_interval,
            at=one.health.last_evaluation,
            error=one.health.last_error or "",
        )
        for one in statuses
    ]


class RuleViews:
    """The rules as they stand, on every replica: our own knowledge where we evaluate, the database's elsewhere."""

    def __init__(self, evaluator: Evaluator, records: Records, healths: RuleHealths) -> None:
        self._evaluator = evaluator
        self._journal = AlertJournal(records)
        self._healths = healths
        self._elsewhere: list[RuleStatus] | None = None

    async def look_elsewhere(self) -> None:
        """Read what the replica that evaluates has written. Raises storage's errors."""
        states, known = await self._journal.load(), {one.id: one for one in await self._healths.read()}
        self._elsewhere = [
            _as_kept(one, states.get(one.rule.id, RuleState()), known.get(str(one.rule.id)))
            for one in self._evaluator.snapshot()
        ]

    def look_here(self) -> None:
        """We evaluate from now on."""
        self._elsewhere = None

    def statuses(self) -> list[RuleStatus]:
        """Every rule with its health and its alerts; of another replica's as it was a few seconds ago."""
        return self._evaluator.snapshot() if self._elsewhere is None else self._elsewhere


def _as_kept(status: RuleStatus, state: RuleState, known: RuleHealth | None) -> RuleStatus:
    health = Health(last_error=known.error or None, last_evaluation=known.at) if known else Health()
    return replace(status, health=health, alerts=tuple(state.alerts.values()))
