"""Runs unit tests of rules: writes their series step by step, evaluates the groups, compares.

Source of the order of things: RulesUnitTest of promtool 3.16.
"""

import glob
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp

from alerting.errors import AlertingError, BadQuery, RuleProblem
from alerting.metrics.port import Sample, Scalar
from alerting.metrics.prometheus import PrometheusSource
from alerting.metrics.remote_write import Point, RemoteWriter, Series
from alerting.rules.ask import Answer, Asker
from alerting.rules.load import load_rule_files, read_text
from alerting.rules.order import stages
from alerting.rules.outcome import Outcome, can_be_asked, outcome
from alerting.rules.questions import Questions
from alerting.rules.results import Results
from alerting.rules.rule import AlertRule, Rule, RuleGroup, RuleId
from alerting.rules.series import Made
from alerting.rules.state import Installation, RuleState, State
from alerting.rules.unit_tests import told
from alerting.rules.unit_tests.case import AlertCase, ExpectedAlert, UnitTest, UnitTests
from alerting.rules.unit_tests.read import parse_unit_tests
from alerting.rules.unit_tests.server import TemporaryPrometheus

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_VECTOR: Final = BadQuery("rule result is not a vector or scalar", "change the expression")
_TIMEOUT: Final = timedelta(seconds=100)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run: the Prometheus binary, which tests by name (all when None), experimental functions or not."""

    binary: str = "prometheus"
    only: re.Pattern[str] | None = None
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class FileResult:
    """Of one file: each failure as text, none when every test passed; `warnings` are for the reader."""

    file: str
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def run_file(file: Path, settings: Settings) -> FileResult:
    """Run the tests of one file. What is wrong with the file is a failure.

    Raises PermanentFailure when there is no Prometheus to run them on, TemporaryFailure when it does not start.
    """
    try:
        tests, problems = parse_unit_tests(file, read_text(str(file)))
    except RuleProblem as wrong:
        tests, problems = None, (wrong,)
    if problems or tests is None:
        return FileResult(str(file), tuple(map(str, problems)))
    patterns = [str(file.parent / pattern) for pattern in tests.rule_files]
    loaded = load_rule_files([*_matches(patterns)], recording=True, experimental=settings.experimental)
    warnings = tuple(f"no file match pattern {pattern}" for pattern in patterns if not [*_matches([pattern])])
    if loaded.problems:
        return FileResult(str(file), tuple(map(str, loaded.problems)), warnings)
    failures: list[str] = []
    for test in tests.tests:
        if settings.only is None or settings.only.search(test.name):
            failures += await _run(tests, test, _ordered(loaded.groups, tests.group_order), settings)
    return FileResult(str(file), tuple(failures), warnings)


def _matches(patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        yield from sorted(glob.glob(pattern))  # noqa: PTH207  # Path.glob reads no absolute pattern


def _ordered(groups: Sequence[RuleGroup], order: Sequence[str]) -> list[RuleGroup]:
    """Those that are named in their order; the others, as for promtool, beside the first of them."""
    place = {name: number for number, name in enumerate(order)}
    return sorted(groups, key=lambda group: place.get(group.name, 0))


async def _run(tests: UnitTests, test: UnitTest, groups: Sequence[RuleGroup], settings: Settings) -> list[str]:
    server = TemporaryPrometheus(settings.binary, interval=tests.interval, experimental=settings.experimental)
    async with server as url, aiohttp.ClientSession() as session:
        return await _Stage(tests, test, groups, session, url).play()


class _Stage:
    """One test on a Prometheus of its own."""

    def __init__(
        self, tests: UnitTests, test: UnitTest, groups: Sequence[RuleGroup], session: aiohttp.ClientSession, url: str
    ) -> None:
        self._tests, self._test, self._groups = tests, test, groups
        self._metrics = PrometheusSource(session, url)
        self._writer = RemoteWriter(session, f"{url}/api/v1/write")
        self._asker = Asker(self._metrics, timeout=_TIMEOUT)
        self._results = Results(self._writer)
        self._installation = Installation(test.external_labels, test.external_url)
        self._states: dict[RuleId, RuleState] = {}
        self._written = [0] * len(test.series)

    async def play(self) -> list[str]:
        """What is not as expected. A rule that fails ends the test, as nothing after it can be trusted."""
        failures: list[str] = []
        try:
            for since in _steps(self._test.length, self._tests.interval):
                await self._write_input(since)
                problems = await self._evaluate(since)
                if problems:
                    return failures + problems
                failures += self._compare_alerts(since)
            return failures + [told_ async for told_ in self._compare_expressions()]
        except AlertingError as failed:
            return [*failures, f"    test: {self._test.name}, err: {failed}"]

    async def _write_input(self, until: timedelta) -> None:
        """Write the values that are due by now; the future stays unknown to the queries."""
        due = int(until / self._test.interval) + 1
        series = []
        for number, one in enumerate(self._test.series):
            points = tuple(self._points(one.values[self._written[number] : due], self._written[number]))
            self._written[number] = max(due, self._written[number])
            series += [Series(one.labels, points)] if points else []
        await self._writer.write(series)

    def _points(self, values: Sequence[float | None], first: int) -> Iterator[Point]:
        for number, value in enumerate(values, start=first):
            if value is not None:
                yield Point((self._test.start + number * self._test.interval).timestamp(), value)

    async def _evaluate(self, since: timedelta) -> list[str]:
        problems: list[str] = []
        for group in self._groups:
            problems += await self._evaluate_group(group, self._test.start + since)
        return problems

    async def _evaluate_group(self, group: RuleGroup, at: datetime) -> list[str]:
        asked = at - (group.query_offset or timedelta(0))
        problems: dict[RuleId, str | None] = {}
        questions = Questions(self._metrics, at, _TIMEOUT)
        for step in stages(group.rules):
            answers = await self._asker.ask([rule.expression for rule in step if can_be_asked(rule)], asked)
            outcomes = {
                rule.id: await self._outcome(group, rule, answers.get(rule.expr, _NO_VECTOR), questions, at)
                for rule in step
            }
            self._states |= {rule: one.state for rule, one in outcomes.items()}
            made = {rule.id: self._made(rule, outcomes[rule.id]) for rule in step if not outcomes[rule.id].problem}
            problems |= {rule.id: _problem(outcomes[rule.id], answers.get(rule.expr)) for rule in step}
            problems |= await self._results.write(made, asked)
        failed = ((rule, problems[rule.id]) for rule in group.rules)
        return [told.rule_failed(rule.name, at - _EPOCH, problem) for rule, problem in failed if problem]

    async def _outcome(
        self, group: RuleGroup, rule: Rule, answer: Answer, questions: Questions, at: datetime
    ) -> Outcome:
        state, installation = self._states.get(rule.id, RuleState()), self._installation
        return await questions.answered(
            lambda answers: outcome(group, rule, state, answer, at=at, installation=installation, answers=answers)
        )

    def _made(self, rule: Rule, done: Outcome) -> Made:
        """The series to write; a rule that failed keeps those it has."""
        return self._results.of_alerts(rule, done.state) if isinstance(rule, AlertRule) else done.made or {}

    def _compare_alerts(self, since: timedelta) -> Iterator[str]:
        now = [case for case in self._test.alerts if since <= case.eval_time < since + self._tests.interval]
        for case in sorted(now, key=lambda case: case.eval_time):
            difference = told.alerts_differ(case, self._firing(case), self._test.name)
            if difference is not None:
                yield difference

    def _firing(self, case: AlertCase) -> Iterator[ExpectedAlert]:
        for group in self._groups:
            for rule in group.rules:
                if isinstance(rule, AlertRule) and rule.name == case.alertname:
                    for alert in self._states[rule.id].alerts.values():
                        if alert.state is State.FIRING:
                            yield ExpectedAlert(alert.labels, alert.annotations)

    async def _compare_expressions(self) -> AsyncIterator[str]:
        for case in self._test.expressions:
            try:
                answer = await self._metrics.instant(case.expr, self._test.start + case.eval_time, _TIMEOUT)
            except AlertingError as failed:
                yield told.expression_failed(case, _in_promtools_words(failed))
                continue
            samples = (Sample({}, answer.value),) if isinstance(answer, Scalar) else answer.samples
            difference = told.samples_differ(case, samples, fuzzy=self._tests.fuzzy)
            if difference is not None:
                yield difference


def _problem(outcome: Outcome, answer: Answer | None) -> str | None:
    if outcome.problem is None or isinstance(answer, tuple):
        return outcome.problem
    return _in_promtools_words(answer or _NO_VECTOR)


def _in_promtools_words(failed: AlertingError) -> str:
    """Less what the API puts before an error of PromQL."""
    if isinstance(failed, BadQuery) and failed.reason.startswith("the result is a "):
        return _NO_VECTOR.reason
    return re.sub(r'^(?:bad_data: (?:invalid parameter "query": )?|execution: )', "", failed.reason)


def _steps(length: timedelta, interval: timedelta) -> Iterator[timedelta]:
    since = timedelta(0)
    while since <= length:
        yield since
        since += interval
