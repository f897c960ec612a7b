"""What a PromQL expression is and reads, as far as scheduling and batching rules need to know."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import promql_parser as promql

from alerting.rules.newer_promql import QUOTED, in_older_words
from alerting.rules.promql_checks import first_fault, out_of_range, type_of

# Series that a rule manager derives from alert rules: reading them is depending on those rules.
_OF_ALERTS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


class Kind(StrEnum):
    """The type of an expression's result."""

    VECTOR = "vector"
    SCALAR = "scalar"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: its text as it was written, the kind of its result, and what it reads.

    `reads` holds the names of the metrics it selects, None when a selector does not say which metric it means.
    `reads_alerts` holds the names of the alerts whose ALERTS series it selects; None stands for any alert,
    also when a selector names no metric.
    """

    text: str
    kind: Kind
    reads_alerts: frozenset[str] | None = frozenset()
    reads: frozenset[str] | None = frozenset()


def parse_expression(text: str, *, experimental: bool = False) -> Expression:
    """Read PromQL; raises ValueError with what is wrong, also when it is nested or chained too deep for us.

    `experimental` allows the functions that Prometheus has behind its flag promql-experimental-functions.
    """
    _check_depth(text)
    tree = _parse(text)
    # Walking is what takes the time, so once for all.
    nodes = _nodes(tree)
    if fault := first_fault(nodes, experimental=experimental) or out_of_range(text):
        raise ValueError(fault)
    selectors = [node for node in nodes if isinstance(node, promql.VectorSelector)]
    return Expression(text, Kind(type_of(tree)), _alerts_read(selectors), _metrics_read(selectors))


def _parse(text: str) -> promql.Expr:
    try:
        return promql.parse(text)
    except ValueError:
        older = in_older_words(text)
        if older == text:
            raise
        return promql.parse(older)


# promql-parser descends on the machine's stack: a deep expression would end the process, not raise.
_DEEPEST_BRACKETS: Final = 100
_MOST_OPERATORS: Final = 400
_LONGEST: Final = 64 * 1024
_ASIDE: Final = re.compile(QUOTED + r"""|\{[^{}"'`]*\}""", re.DOTALL)
_OPERATOR: Final = re.compile(r"[-+*/%^<>]|[=!]=|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)


def _check_depth(text: str) -> None:
    if len(text) > _LONGEST:
        raise ValueError(f"the expression is longer than {_LONGEST} characters")
    bare = _ASIDE.sub("", _ASIDE.sub("", text))
    if len(_OPERATOR.findall(bare)) > _MOST_OPERATORS:
        raise ValueError(f"the expression has more than {_MOST_OPERATORS} operators")
    depth = deepest = 0
    for sign in bare:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST_BRACKETS:
        raise ValueError(f"the expression is nested deeper than {_DEEPEST_BRACKETS} brackets")


def _metrics_read(selectors: Sequence[promql.VectorSelector]) -> frozenset[str] | None:
    names = [_metric(selector) for selector in selectors]
    known = frozenset(name for name in names if name is not None)
    return None if None in names else known


def _alerts_read(selectors: Sequence[promql.VectorSelector]) -> frozenset[str] | None:
    names: set[str] = set()
    for selector in selectors:
        metric = _metric(selector)
        if metric is not None and metric not in _OF_ALERTS:
            continue
        alert = _equal(selector, "alertname")
        if metric is None or alert is None:
            return None
        names.add(alert)
    return frozenset(names)


def _nodes(tree: promql.Expr) -> Sequence[promql.Expr]:
    found: list[promql.Expr] = []

    def visit(node: promql.Expr) -> None:
        found.append(node)

    promql.walk(tree, visit)
    return found


def _metric(selector: promql.VectorSelector) -> str | None:
    name: str | None = selector.name
    return name or _equal(selector, "__name__")


def _equal(selector: promql.VectorSelector, label: str) -> str | None:
    for matcher in selector.matchers.matchers:
        if matcher.name == label and matcher.op == promql.MatchOp.Equal:
            return matcher.value
    return None
