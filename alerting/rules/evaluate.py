"""Evaluates rule groups when they are due, keeps their alerts, and tells what changed.

A failed evaluation, and a state that cannot be saved, freeze a rule's alerts and mark its health: nothing is
resolved because we could not look. Time comes with each slot; a slot that was missed is counted, never made up.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest

from alerting.metrics.port import Metrics
from alerting.metrics.remote_write import SeriesWriter
from alerting.rules.ask import Answer, Asker
from alerting.rules.journal import AlertJournal
from alerting.rules.machine import end_all, expand_anew
from alerting.rules.order import stages
from alerting.rules.outcome import Outcome, can_be_asked, outcome
from alerting.rules.questions import Questions
from alerting.rules.results import Results
from alerting.rules.rule import AlertRule, Rule, RuleGroup, RuleId
from alerting.rules.schedule import SLOT, turn
from alerting.rules.series import Made
from alerting.rules.state import (
    Alert,
    Change,
    Installation,
    RuleState,
    Transition,
)
from alerting.rules.status import Health, RuleStatus
from storage.errors import StorageError
from storage.records import Records

GroupKey = tuple[str, str]


class Evaluator:
    """All rule groups of one metrics source; `default_interval` and `query_offset` are for groups without.

    With a `writer` the results of recording rules, and the ALERTS series of alert rules, are written back. `in_charge`
    says whether this process may still act: what it finds out after that is thrown away, as another goes on.
    """

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
        writer: SeriesWriter | None = None,
        in_charge: Callable[[], bool] = lambda: True,
    ) -> None:
        self._groups: dict[GroupKey, RuleGroup] = {group.key: group for group in groups}
        self._stages = _all_stages(groups)
        self._metrics = metrics
        self._timeout = timeout
        self._asker = Asker(metrics, timeout=timeout)
        self._journal = AlertJournal(records)
        self._results = Results(writer) if writer is not None else None
        self._now = now
        self._default_interval = default_interval
        self._query_offset = query_offset
        self._installation = installation or Installation()
        self._states: dict[RuleId, RuleState] = {}
        self._health: dict[RuleId, Health] = {}
        self._turns: dict[GroupKey, dict[timedelta, int]] = {}
        self._running: set[GroupKey] = set()
        self._in_charge = in_charge
        self._restored = 0
        self._evaluations = 0
        self._fresh: set[GroupKey] = set()
        # Settling a group and replacing groups must not see each other's half.
        self._changing = asyncio.Lock()

    async def restore(self) -> tuple[Alert, ...]:
        """Take up the alerts kept in the database, before the first tick.

        Returns those that were firing under rules which are gone; they are forgotten, so end what they opened.
        Raises storage's errors, and PermanentFailure for a record that cannot be read.
        """
        async with self._changing:
            kept = await self._journal.load()
            self._restored += 1
            known = {rule.id: rule for rule in self._rules() if isinstance(rule, AlertRule)}
            gone = {rule: state for rule, state in kept.items() if rule not in known}
            await self._journal.save(gone, {}, at=self._now())
            self._states = {rule: state for rule, state in kept.items() if rule in known}
            if self._results is not None:
                for id_, state in self._states.items():
                    self._results.remember(known[id_], state)
        alerts = (alert for state in gone.values() for alert in state.alerts.values())
        return tuple(alert for alert in alerts if alert.fired_at and not alert.resolved_at)

    def lay_down(self) -> None:
        """Somebody else evaluates from now on: forget the alerts, which `restore` takes up again."""
        self._restored += 1
        self._states = {}

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
        """Take other groups, keeping the state of rules that stay.

        What fires under the others is resolved; where a rule of the same name and labels stands elsewhere now, which
        may find it true again, it is dropped. Raises storage's errors, and then nothing has changed.
        """
        async with self._changing:
            at, before = self._now(), {rule.id: rule for rule in self._rules()}
            after = {rule.id: rule for group in groups for rule in group.rules}
            gone = [rule for rule in before.values() if rule.id not in after]
            states = {rule.id: self._states[rule.id] for rule in gone if rule.id in self._states}
            await self._journal.save(states, {}, at=at)
            self._forget(gone, changed=[rule for rule in after.values() if before.get(rule.id) != rule])
            # What did not change stays the same object: an evaluation that goes on keeps its result.
            self._groups = {
                group.key: old if (old := self._groups.get(group.key)) == group else group for group in groups
            }
            self._stages = _all_stages(groups)
            self._turns = {key: turns for key, turns in self._turns.items() if key in self._groups}
        heirs = _by_name(after.values())
        ended = [rule for rule in gone if isinstance(rule, AlertRule) and rule.id in states]
        return [told for rule in ended for told in end_all(rule, states[rule.id], at, heirs.get(rule.name, ()))]

    @property
    def evaluations(self) -> int:
        """How often rules were evaluated so far; while it stays the same, so does `snapshot`."""
        return self._evaluations

    def snapshot(self) -> list[RuleStatus]:
        """Every rule in the order of its file, with its health and its alerts."""
        return [self._status(group, rule) for group in self._groups.values() for rule in group.rules]

    def fresh(self) -> list[RuleStatus]:
        """The rules that were evaluated since this was asked last; one caller can ask so."""
        keys, self._fresh = self._fresh, set()
        groups = [group for key, group in self._groups.items() if key in keys]
        return [self._status(group, rule) for group in groups for rule in group.rules]

    def broken(self) -> tuple[list[RuleStatus], int]:
        """The rules whose last evaluation went wrong, and how many rules there are."""
        wrong = [
            self._status(group, rule)
            for group in self._groups.values()
            for rule in group.rules
            if self._health_of(rule).last_error
        ]
        return wrong, sum(len(group.rules) for group in self._groups.values())

    def standing(self) -> Iterator[tuple[AlertRule, Alert]]:
        """Each alert that fires now, with its rule."""
        for rule in self._rules():
            if isinstance(rule, AlertRule) and (state := self._states.get(rule.id)) is not None:
                yield from ((rule, alert) for alert in state.firing())

    def firing(self) -> list[Transition]:
        """What fires now, each as it began; alerts of rules that cannot be evaluated are among them.

        Whoever lets alerts expire that are not told again tells himself these, and nothing expires by mistake.
        """
        return [
            Transition(Change.FIRING, rule, alert, alert.fired_at or alert.active_at) for rule, alert in self.standing()
        ]

    def _forget(self, gone: Iterable[Rule], changed: Iterable[Rule]) -> None:
        gone = list(gone)
        for rule in gone:
            self._states.pop(rule.id, None)
            self._health.pop(rule.id, None)
        if self._results:
            self._results.forget(rule.id for rule in gone)
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
        for rule in group.rules if missed > 0 else ():
            health = self._health_of(rule)
            self._health[rule.id] = replace(health, missed=health.missed + missed)

    async def _evaluate(self, groups: Sequence[RuleGroup], *, at: datetime, asked: datetime) -> list[Transition]:
        started, outcomes = self._now(), dict[RuleId, Outcome]()
        questions, restored = Questions(self._metrics, at, self._timeout), self._restored
        # Each step of every group together, so that groups share queries.
        for step in zip_longest(*(self._stages.get(group.key, ()) for group in groups), fillvalue=()):
            expressions = [rule.expression for rules in step for rule in rules if can_be_asked(rule)]
            answers = await self._asker.ask(expressions, asked)
            found: list[tuple[Rule, Outcome]] = []
            for group, rules in zip(groups, step, strict=True):
                found += [
                    (one, await self._outcome(group, one, answers.get(one.expr, ()), questions, at)) for one in rules
                ]
                # Thousands of rules may be due at once: others have their turn between groups.
                await asyncio.sleep(0)
            outcomes |= await self._written(found, asked)
        if self._results is not None:
            await self._results.end(asked)
        return await self._settle(groups, outcomes, at=at, started=started, restored=restored)

    async def _outcome(
        self, group: RuleGroup, rule: Rule, answer: Answer, questions: Questions, at: datetime
    ) -> Outcome:
        return await questions.answered(
            lambda answers: outcome(
                group,
                rule,
                self._state_of(rule),
                answer,
                at=at,
                installation=self._installation,
                answers=answers,
            )
        )

    async def _written(self, found: Sequence[tuple[Rule, Outcome]], asked: datetime) -> dict[RuleId, Outcome]:
        """Write before the next step asks, as it may ask for what was written; a rule that failed keeps its series."""
        outcomes = {rule.id: one for rule, one in found}
        if self._results is None:
            return outcomes
        made = {rule.id: self._made(self._results, rule, one) for rule, one in found if one.problem is None}
        problems = await self._results.write(made, asked)
        return outcomes | {rule: replace(outcomes[rule], problem=told) for rule, told in problems.items()}

    @staticmethod
    def _made(results: Results, rule: Rule, one: Outcome) -> Made:
        return results.of_alerts(rule, one.state) if isinstance(rule, AlertRule) else one.made or {}

    async def _settle(
        self,
        groups: Sequence[RuleGroup],
        outcomes: Mapping[RuleId, Outcome],
        *,
        at: datetime,
        started: datetime,
        restored: int,
    ) -> list[Transition]:
        """Save and take over what the outcomes mean; with nothing saved, nothing has happened."""
        async with self._changing:
            # Somebody else may have gone on from the state that was looked at.
            if restored != self._restored or not self._in_charge():
                return []
            # A group that was replaced meanwhile has another state than the one that was looked at.
            standing = [group for group in groups if self._groups.get(group.key) is group]
            self._fresh |= {group.key for group in standing}
            settled = {rule.id: outcomes[rule.id] for group in standing for rule in group.rules}
            changed = {id_: one.state for id_, one in settled.items() if self._states.get(id_, _NEW) is not one.state}
            before = {rule: self._states[rule] for rule in changed if rule in self._states}
            took = self._now() - started
            try:
                await self._journal.save(before, changed, at=at)
            except StorageError as failed:
                told = f"the alerts could not be saved: {failed}"
                self._note(dict.fromkeys(settled, told), at=at, took=took)
                return []
            self._states |= changed
            self._note({rule: one.problem for rule, one in settled.items()}, at=at, took=took)
        return [transition for one in settled.values() for transition in one.transitions]

    def _note(self, problems: Mapping[RuleId, str | None], *, at: datetime, took: timedelta) -> None:
        """Keep how the rules did; those that did alike share one value."""
        self._evaluations += 1
        alike: dict[tuple[Health, str | None], Health] = {}
        for rule, problem in problems.items():
            key = self._health.get(rule, _UNKNOWN), problem
            if key not in alike:
                alike[key] = key[0].after(problem, at=at, took=took)
            self._health[rule] = alike[key]

    def _status(self, group: RuleGroup, rule: Rule) -> RuleStatus:
        return RuleStatus(group, rule, self._health_of(rule), tuple(self._state_of(rule).alerts.values()))

    def _rules(self) -> list[Rule]:
        return [rule for group in self._groups.values() for rule in group.rules]

    def _state_of(self, rule: Rule) -> RuleState:
        return self._states.get(rule.id, _NEW)

    def _health_of(self, rule: Rule) -> Health:
        return self._health.get(rule.id, _UNKNOWN)

    def _interval_of(self, group: RuleGroup) -> timedelta:
        return max(group.interval or self._default_interval, SLOT)

    def _offset_of(self, group: RuleGroup) -> timedelta:
        return self._query_offset if group.query_offset is None else group.query_offset


_NEW = RuleState()
_UNKNOWN = Health()


def _by_name(rules: Iterable[Rule]) -> Mapping[str, Sequence[AlertRule]]:
    found: defaultdict[str, list[AlertRule]] = defaultdict(list)
    for rule in rules:
        if isinstance(rule, AlertRule):
            found[rule.name].append(rule)
    return found


def _all_stages(groups: Sequence[RuleGroup]) -> dict[GroupKey, list[list[Rule]]]:
    return {group.key: stages(group.rules) for group in groups}
