"""Reads files of unit tests in promtool's format; every fault is told with its place.

Source of the format: unitTestFile of promtool 3.16.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from alerting.errors import RuleProblem
from alerting.rules import document
from alerting.rules.document import Node, Page
from alerting.rules.unit_tests.case import (
    AlertCase,
    ExpectedAlert,
    ExpectedSample,
    ExpressionCase,
    InputSeries,
    UnitTest,
    UnitTests,
)
from alerting.rules.unit_tests.notation import parse_metric, parse_values

_FILE: Final = frozenset({"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"})
_TEST: Final = frozenset(
    {
        "interval",
        "input_series",
        "alert_rule_test",
        "promql_expr_test",
        "external_labels",
        "external_url",
        "name",
        "start_timestamp",
    }
)
_MINUTE: Final = timedelta(minutes=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_unit_tests(file: Path, text: str) -> tuple[UnitTests, tuple[RuleProblem, ...]]:
    """The tests of a file and its faults; with faults the tests are incomplete and must not be run."""
    page, root = document.compose(str(file), text)
    given = {} if root is None else document.fields(page, root, _FILE, "main.unitTestFile")
    interval = document.duration(page, given.get("evaluation_interval")) or _MINUTE
    tests = document.items(page, given.get("tests"), "main.testGroup")
    read = UnitTests(
        file=file,
        rule_files=_texts(page, given.get("rule_files")),
        interval=interval,
        group_order=_group_order(page, given.get("group_eval_order")),
        fuzzy=document.boolean(page, given.get("fuzzy_compare")),
        tests=tuple(_test(page, node, number, interval) for number, node in enumerate(tests)),
    )
    return read, tuple(page.problems)


def _texts(page: Page, node: Node | None) -> tuple[str, ...]:
    return tuple(document.text(page, item) for item in document.items(page, node, "string"))


def _group_order(page: Page, node: Node | None) -> tuple[str, ...]:
    names: list[str] = []
    for item in document.items(page, node, "string"):
        name = document.text(page, item)
        if name in names:
            page.complain(item, f"group name repeated in evaluation order: {name}")
        names.append(name)
    return tuple(names)


def _test(page: Page, node: Node, number: int, interval: timedelta) -> UnitTest:
    given = document.fields(page, node, _TEST, "main.testGroup")
    lists = {
        name: document.items(page, given.get(name), f"main.{type_name}")
        for name, type_name in (
            ("input_series", "series"),
            ("alert_rule_test", "alertTestCase"),
            ("promql_expr_test", "promqlTestCase"),
        )
    }
    return UnitTest(
        name=document.text(page, given.get("name")) or f"unnamed#{number}",
        interval=document.duration(page, given.get("interval")) or interval,
        start=_start(page, given.get("start_timestamp")),
        series=_all_series(page, lists["input_series"]),
        alerts=tuple(_alert_case(page, item) for item in lists["alert_rule_test"]),
        expressions=tuple(_expression_case(page, item) for item in lists["promql_expr_test"]),
        external_labels=_plain(page, given.get("external_labels")),
        external_url=document.text(page, given.get("external_url")),
    )


def _plain(page: Page, node: Node | None) -> Mapping[str, str]:
    return {name: value for name, (value, _) in document.texts(page, node).items()}


def _start(page: Page, node: Node | None) -> datetime:
    written = document.text(page, node)
    if node is None or not written:
        return _EPOCH
    try:
        return _moment(written)
    except (ValueError, OverflowError):
        page.complain(node, f'cannot parse "{written}" to a valid timestamp')
        return _EPOCH


def _moment(written: str) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=float(written))
    except ValueError:
        found = datetime.fromisoformat(written)
    if found.tzinfo is None:
        raise ValueError("the time zone is missing")
    return found


def _all_series(page: Page, nodes: Sequence[Node]) -> tuple[InputSeries, ...]:
    """Of a series that is given twice, the last."""
    read = (_series(page, node) for node in nodes)
    return tuple({frozenset(one.labels.items()): one for one in read}.values())


def _series(page: Page, node: Node) -> InputSeries:
    given = document.fields(page, node, frozenset({"series", "values"}), "main.series")
    labels = _metric(page, node, given.get("series"))
    written = given.get("values")
    try:
        return InputSeries(labels, tuple(parse_values(document.text(page, written))))
    except ValueError as wrong:
        page.complain(written or node, str(wrong))
        return InputSeries(labels, ())


def _metric(page: Page, outer: Node, node: Node | None) -> Mapping[str, str]:
    try:
        return parse_metric(document.text(page, node))
    except ValueError as wrong:
        page.complain(node or outer, str(wrong))
        return {}


def _eval_time(page: Page, given: Mapping[str, Node]) -> timedelta:
    return document.duration(page, given.get("eval_time")) or timedelta(0)


def _alert_case(page: Page, node: Node) -> AlertCase:
    given = document.fields(page, node, frozenset({"eval_time", "alertname", "exp_alerts"}), "main.alertTestCase")
    name = document.text(page, given.get("alertname"))
    if not name:
        page.complain(node, "an item under alert_rule_test misses required attribute alertname")
    expected = document.items(page, given.get("exp_alerts"), "main.alert")
    return AlertCase(_eval_time(page, given), name, tuple(_expected_alert(page, item, name) for item in expected))


def _expected_alert(page: Page, node: Node, name: str) -> ExpectedAlert:
    given = document.fields(page, node, frozenset({"exp_labels", "exp_annotations"}), "main.alert")
    labels, annotations = (_plain(page, given.get(key)) for key in ("exp_labels", "exp_annotations"))
    return ExpectedAlert({**labels, "alertname": name}, annotations)


def _expression_case(page: Page, node: Node) -> ExpressionCase:
    given = document.fields(page, node, frozenset({"expr", "eval_time", "exp_samples"}), "main.promqlTestCase")
    samples = document.items(page, given.get("exp_samples"), "main.sample")
    expected = tuple(_expected_sample(page, item) for item in samples)
    return ExpressionCase(document.text(page, given.get("expr")), _eval_time(page, given), expected)


def _expected_sample(page: Page, node: Node) -> ExpectedSample:
    given = document.fields(page, node, frozenset({"labels", "value", "histogram"}), "main.sample")
    if "histogram" in given:
        page.complain(given["histogram"], "native histograms cannot be expected here, since none can be written")
    labels = _metric(page, node, given.get("labels"))
    return ExpectedSample(labels, document.number(page, given.get("value")))
