"""The type of a parsed expression, and what Prometheus refuses in it though promql-parser lets it pass.

Source of the rules and their words: promql/parser of Prometheus 3.16.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final, Literal

import promql_parser as promql

from alerting.metrics.duration import parse_duration
from alerting.rules.newer_promql import NUMBER, QUOTED

Type = Literal["vector", "scalar", "matrix", "string"]

_TYPES: Final[Mapping[type, Type]] = {
    promql.NumberLiteral: "scalar",
    promql.StringLiteral: "string",
    promql.MatrixSelector: "matrix",
    promql.SubqueryExpr: "matrix",
}
_NUMBERS: Final = re.compile(rf"{QUOTED}|(?P<number>{NUMBER})", re.DOTALL)
_FLOAT: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][0-9]+)?")
_DURATION: Final = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+")
_DOCUMENTED: Final = {"vector": "instant vector", "matrix": "range vector"}
_EXPERIMENTAL_AGGREGATES: Final = frozenset({"limitk", "limit_ratio"})
_ENABLE: Final = "--enable-feature=promql-experimental-functions"


def type_of(tree: promql.Expr) -> Type:
    """The type of the result, in the words of Prometheus' API."""
    match tree:
        case promql.ParenExpr() | promql.UnaryExpr():
            return type_of(tree.expr)
        case promql.BinaryExpr():
            both = {type_of(tree.lhs), type_of(tree.rhs)}
            return "scalar" if both == {"scalar"} else "vector"
        case promql.Call() if tree.func.return_type == promql.ValueType.Scalar:
            return "scalar"
        case _:
            return _TYPES.get(type(tree), "vector")


def first_fault(nodes: Iterable[promql.Expr], *, experimental: bool) -> str | None:
    """What is wrong with the nodes of an expression; `experimental` allows what Prometheus has behind a flag."""
    return next((fault for node in nodes for fault in _faults(node, experimental=experimental)), None)


def out_of_range(text: str) -> str | None:
    """What is wrong with the numbers and durations of an expression that is right but for them."""
    for found in _NUMBERS.finditer(text):
        number = found["number"]
        if number and _FLOAT.fullmatch(number) and math.isinf(float(number)):
            return f'error parsing number: strconv.ParseFloat: parsing "{number}": value out of range'
        if number and _DURATION.fullmatch(number):
            try:
                parse_duration(number)
            except ValueError as wrong:
                return str(wrong)
    return None


def _faults(node: promql.Expr, *, experimental: bool) -> Iterator[str]:
    match node:
        case promql.AggregateExpr():
            yield from _aggregate(node, experimental=experimental)
        case promql.Call():
            yield from _call(node, experimental=experimental)
        case promql.UnaryExpr():
            yield from _operand(type_of(node.expr))
        case promql.VectorSelector():
            if node.matchers.or_matchers:
                yield 'unexpected identifier "or" in label matching, expected "," or "}"'
        case promql.MatrixSelector():
            yield from _ranges(node.range)
        case promql.SubqueryExpr():
            yield from _ranges(node.range)
            yield from _ranges(node.step)


def _aggregate(node: promql.AggregateExpr, *, experimental: bool) -> Iterator[str]:
    name = str(node.op).lower()
    if name in _EXPERIMENTAL_AGGREGATES and not experimental:
        yield f"{name}() is experimental and must be enabled with {_ENABLE}"
    if node.modifier is not None and "" in node.modifier.labels:
        yield 'invalid label name for grouping: ""'


def _call(node: promql.Call, *, experimental: bool) -> Iterator[str]:
    name, wanted = node.func.name, node.func.arg_types
    if node.func.experimental and not experimental:
        yield f'function "{name}" is not enabled; it is experimental and must be enabled with {_ENABLE}'
    for position, argument in enumerate(node.args):
        want = str(wanted[min(position, len(wanted) - 1)]).rpartition(".")[2].lower()
        got = type_of(argument)
        if want != got:
            yield f'expected type {_documented(want)} in call to function "{name}", got {_documented(got)}'


def _documented(name: str) -> str:
    return _DOCUMENTED.get(name, name)


def _operand(got: Type) -> Iterator[str]:
    if got in {"string", "matrix"}:
        told = "unary expression only allowed on expressions of type scalar or instant vector"
        yield f'{told}, got "{_documented(got)}"'


def _ranges(duration: timedelta | None) -> Iterator[str]:
    if duration is not None and duration <= timedelta(0):
        yield "duration must be greater than 0"
