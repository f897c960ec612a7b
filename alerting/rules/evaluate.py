"""Evaluates rule groups when they are due, keeps their alerts, and tells what changed.

A failed evaluation, and a state that cannot be saved, freeze a rule's alerts and mark its health: nothing is
resolved because we could not look. Time comes with each slot; a slot that was missed is counted, never made up.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest

from alerting.errors import AlertingError, PermanentFailure
from alerting.metrics.port import Metrics
from alerting.rules.ask import Answer, Asker
from alerting.rules.expression import Kind
from alerting.rules.journal import AlertJournal
from alerting.rules.order import stages
from alerting.rules.rule import AlertRule, RuleGroup, RuleId
from alerting.rules.schedule import SLOT, turn
from alerting.rules.state import (
    Alert,
    Evaluated,
    Installation,
    RuleState,
    Transition,
    evaluate,
    expand_anew,
    resolve_all,
)
from alerting.rules.status import Health, RuleStatus
from storage.errors import StorageError
from storage.records import Records

GroupKey = tuple[str, str]


class Evaluator:
    """All rule groups of one metrics source; `default_interval` and `query_offset` are for groups without."""

    def __init__(
        self,
        groups: Sequence[RuleGroup],
        metrics: Metrics,
        records: Records,
        *,
        now: Callable[[], datetime],
        default_interval: timedelta = timedelta(minutes=1),
        query_offset: timedelta = timedelta(0),
        timeout: timedelta = timedelta(seconds=30),
        installation: Installation | None = None,
    ) -> None:
        self._groups: dict[GroupKey, RuleGroup] = {group.key: group for group in groups}
        self._asker = Asker(metrics, timeout=timeout)
        self._journal = AlertJournal(records)
        self._now = now
        self._default_interval = default_interval
        self._query_offset = query_offset
        self._installation = installation or Installation()
        self._states: dict[RuleId, RuleState] = {}
        self._health: dict[RuleId, Health] = {}
        self._turns: dict[GroupKey, dict[timedelta, int]] = {}
        self._running: set[GroupKey] = set()
        # Settling a group and replacing groups must not see each other's half.
        self._changing = asyncio.Lock()

    async def restore(self) -> tuple[Alert, ...]:
        """Take up the alerts kept in the database, before the first tick.

        Returns those that were firing under rules which are gone; they are forgotten, so end what they opened.
        Raises storage's errors, and PermanentFailure for a record that cannot be read.
        """
        async with self._changing:
            kept = await self._journal.load()
            known = {rule.id for rule in self._rules()}
            gone = {rule: state for rule, state in kept.items() if rule not in known}
            await self._journal.save(gone, {}, at=self._now())
            self._states = {rule: state for rule, state in kept.items() if rule in known}
        alerts = (alert for state in gone.values() for alert in state.alerts.values())
        return tuple(alert for alert in alerts if alert.fired_at and not alert.resolved_at)

    async def tick(self, slot: datetime) -> list[Transition]:
        """Evaluate the groups due in the second that starts at `slot`; the changes that were saved."""
        due = self._due(slot)
        self._running |= {group.key for group in due}
        try:
            by_time: defaultdict[datetime, list[RuleGroup]] = defaultdict(list)
            for group in due:
                by_time[slot - self._offset_of(group)].append(group)
            async with asyncio.TaskGroup() as tasks:
                told = [
                    tasks.create_task(self._evaluate(groups, at=slot, asked=asked), name=f"rules of {asked}")
                    for asked, groups in by_time.items()
                ]
        finally:
            self._running -= {group.key for group in due}
        return [transition for task in told for transition in task.result()]

    async def replace(self, groups: Sequence[RuleGroup]) -> list[Transition]:
        """Take other groups, keeping the state of rules that stay; what fires under the others is resolved.

        Raises storage's errors, and then nothing has changed.
        """
        async with self._changing:
            at, before = self._now(), {rule.id: rule for rule in self._rules()}
            after = {rule.id: rule for group in groups for rule in group.alert_rules}
            gone = [rule for rule in before.values() if rule.id not in after]
            states = {rule.id: self._states[rule.id] for rule in gone if rule.id in self._states}
            await self._journal.save(states, {}, at=at)
            self._forget(gone, changed=[rule for rule in after.values() if before.get(rule.id) != rule])
            self._groups = {group.key: group for group in groups}
        return [told for rule in gone if rule.id in states for told in resolve_all(rule, states[rule.id], at)]

    def snapshot(self) -> list[RuleStatus]:
        """Every rule in the order of its file, with its health and its alerts."""
        return [
            RuleStatus(group, rule, self._health_of(rule), tuple(self._state_of(rule).alerts.values()))
            for group in self._groups.values()
            for rule in group.alert_rules
        ]

    def _forget(self, gone: Iterable[AlertRule], changed: Iterable[AlertRule]) -> None:
        for rule in gone:
            self._states.pop(rule.id, None)
            self._health.pop(rule.id, None)
        for rule in changed:
            self._states[rule.id] = expand_anew(self._state_of(rule))
        self._asker.forget(rule.expr for rule in (*self._rules(), *changed))

    def _due(self, slot: datetime) -> list[RuleGroup]:
        due = []
        for key, group in self._groups.items():
            interval = self._interval_of(group)
            number = turn(slot, key, interval)
            # Turns are counted by the interval they were counted with; a reload may have changed it.
            last = self._turns.get(key, {}).get(interval)
            # A group that is still at its last turn misses this one, which its next turn will notice.
            if number is None or number == last or key in self._running:
                continue
            self._turns[key] = {interval: number}
            self._count_missed(group, 0 if last is None else number - last - 1)
            due.append(group)
        return due

    def _count_missed(self, group: RuleGroup, missed: int) -> None:
        for rule in group.alert_rules if missed > 0 else ():
            health = self._health_of(rule)
            self._health[rule.id] = replace(health, missed=health.missed + missed)

    async def _evaluate(self, groups: Sequence[RuleGroup], *, at: datetime, asked: datetime) -> list[Transition]:
        started = self._now()
        answers: dict[str, Answer] = {}
        # Each step of every group together, so that groups share queries.
        for step in zip_longest(*(stages(group.alert_rules) for group in groups), fillvalue=()):
            expressions = [rule.expression for rules in step for rule in rules if _can_be_asked(rule)]
            answers |= await self._asker.ask(expressions, asked)
        told: list[Transition] = []
        for group in groups:
            told += await self._settle(group, answers, at=at, started=started)
        return told

    async def _settle(
        self, group: RuleGroup, answers: Mapping[str, Answer], *, at: datetime, started: datetime
    ) -> list[Transition]:
        """Save and take over what one group's answers mean; with nothing saved, nothing has happened."""
        async with self._changing:
            if self._groups.get(group.key) != group:
                return []
            outcomes = {rule.id: self._outcome(group, rule, answers, at) for rule in group.alert_rules}
            after = {rule: outcome.state for rule, outcome in outcomes.items()}
            before = {rule: self._states[rule] for rule in after if rule in self._states}
            took = self._now() - started
            try:
                await self._journal.save(before, after, at=at)
            except StorageError as failed:
                told = f"the alerts could not be saved: {failed}"
                self._health |= {r: self._health.get(r, Health()).after(told, at=at, took=took) for r in after}
                return []
            self._states |= after
            for rule, outcome in outcomes.items():
                self._health[rule] = self._health.get(rule, Health()).after(outcome.problem, at=at, took=took)
        return [transition for outcome in outcomes.values() for transition in outcome.transitions]

    def _outcome(self, group: RuleGroup, rule: AlertRule, answers: Mapping[str, Answer], at: datetime) -> Evaluated:
        state = self._state_of(rule)
        answer = answers[rule.expr] if _can_be_asked(rule) else _NO_VECTOR
        if isinstance(answer, AlertingError):
            return Evaluated(state, problem=str(answer))
        return evaluate(rule, state, answer, at=at, limit=group.limit, installation=self._installation)

    def _rules(self) -> list[AlertRule]:
        return [rule for group in self._groups.values() for rule in group.alert_rules]

    def _state_of(self, rule: AlertRule) -> RuleState:
        return self._states.get(rule.id, RuleState())

    def _health_of(self, rule: AlertRule) -> Health:
        return self._health.get(rule.id, Health())

    def _interval_of(self, group: RuleGroup) -> timedelta:
        return max(group.interval or self._default_interval, SLOT)

    def _offset_of(self, group: RuleGroup) -> timedelta:
        return self._query_offset if group.query_offset is None else group.query_offset


_NO_VECTOR = PermanentFailure("rule result is not a vector or scalar", "change the expression")


def _can_be_asked(rule: AlertRule) -> bool:
    return rule.expression.kind in {Kind.VECTOR, Kind.SCALAR}
