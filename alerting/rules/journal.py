"""Keeps the state of alert rules in the database, one record an alert, so that it survives a restart.

A new value or annotation alone is not written: the next evaluation finds both again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from alerting.errors import PermanentFailure
from alerting.rules.codec import from_json, to_json
from alerting.rules.rule import RuleId
from alerting.rules.state import Alert, RuleState
from storage.codec import JSON
from storage.records import Records

COLLECTION: Final = "alert-state"

States = Mapping[RuleId, RuleState]


class AlertJournal:
    """Reads and writes alert states; every method may raise storage's errors."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def load(self) -> dict[RuleId, RuleState]:
        """The states of all rules that have any; raises PermanentFailure for a record nobody can read."""
        alerts: defaultdict[RuleId, dict[str, Alert]] = defaultdict(dict)
        for key, value in (await self._records.all(COLLECTION)).items():
            rule, _, mark = key.partition("/")
            alerts[RuleId(rule)][mark] = _alert(key, value)
        return {rule: RuleState(of_rule) for rule, of_rule in alerts.items()}

    async def save(self, before: States, after: States, *, at: datetime) -> None:
        """Write in one transaction what changed between two states of the same rules."""
        values: dict[str, JSON] = {}
        gone: list[str] = []
        for rule in {**before, **after}:
            old, new = _alerts(before, rule), _alerts(after, rule)
            values |= {_key(rule, mark): to_json(new[mark]) for mark in _changed(old, new)}
            gone += [_key(rule, mark) for mark in old.keys() - new.keys()]
        if values or gone:
            await self._records.put_many(COLLECTION, values, at=at, delete=gone)


def _key(rule: RuleId, mark: str) -> str:
    return f"{rule}/{mark}"


def _alerts(states: States, rule: RuleId) -> Mapping[str, Alert]:
    return states[rule].alerts if rule in states else {}


def _changed(old: Mapping[str, Alert], new: Mapping[str, Alert]) -> Iterable[str]:
    return (
        mark
        for mark, alert in new.items()
        if mark not in old or (alert is not old[mark] and _kept(old[mark]) != _kept(alert))
    )


def _kept(alert: Alert) -> tuple[object, ...]:
    return (alert.state, alert.active_at, alert.fired_at, alert.resolved_at, alert.keep_firing_since)


def _alert(key: str, value: JSON) -> Alert:
    try:
        return from_json(value)
    except (KeyError, ValueError, TypeError) as wrong:
        raise PermanentFailure(
            f"the alert state {key} in the database cannot be read: {wrong!r}",
            f'delete the record "{key}" of "{COLLECTION}"; its alert then starts as pending',
        ) from wrong
