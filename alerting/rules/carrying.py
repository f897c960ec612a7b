"""PromQL written anew so that every step towards the result keeps a label: `Carrier`. Pure.

Where a step would lose the label (`sum`, `on (…)`) it is written so that it keeps it, and `Piece.kept` says that the
label is not the result's own. Source of which labels a step keeps: promql/engine.go of Prometheus 3.16
(`resultMetric`, `aggregation`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import promql_parser as promql

from alerting.rules.promql_text import duration, modifiers_of, number, operator_of, quoted, series_of

HOLE: Final = "\0"
"""Stands where the matcher of the label goes."""

# Functions of one selector or vector that look at each series by itself, or at those that differ in `le`.
_ONE_BY_ONE: Final = frozenset(
    """
    abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sqrt tan tanh
    changes clamp clamp_max clamp_min day_of_month day_of_week day_of_year days_in_month delta deriv
    double_exponential_smoothing histogram_avg histogram_count histogram_fraction histogram_quantile
    histogram_stddev histogram_stdvar histogram_sum holt_winters hour idelta increase irate label_join label_replace
    avg_over_time count_over_time last_over_time mad_over_time max_over_time min_over_time present_over_time
    quantile_over_time stddev_over_time stdvar_over_time sum_over_time
    minute month predict_linear rate resets round sort sort_desc timestamp year
    """.split()  # noqa: SIM905 - a table of names reads better as words
)
_NUMBERS: Final = frozenset({"time", "pi"})
_PICKING: Final = frozenset({"topk", "bottomk"})
_AGGREGATES: Final = _PICKING | {
    *("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "count_values")
}
_SETS: Final = frozenset({"and", "or", "unless"})
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class NotCarried(ValueError):
    """A step of the expression joins series whatever the label says, or is written in a way that is not known here."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` and whether its series have the label by themselves; None when it has no series."""

    text: str
    kept: bool | None


class Carrier:
    """Writes an expression with a HOLE for each matcher that says `label` has `value`."""

    def __init__(self, label: str, value: str) -> None:
        self.label = plain(label)
        self.value = value
        self._how: Mapping[type, Callable[[Any], Piece]] = {
            promql.NumberLiteral: lambda node: Piece(number(node.val), None),
            promql.StringLiteral: lambda node: Piece(quoted(node.val), None),
            promql.ParenExpr: lambda node: self.write(node.expr),
            promql.UnaryExpr: self._negative,
            promql.VectorSelector: self._selector,
            promql.MatrixSelector: self._range,
            promql.SubqueryExpr: self._subquery,
            promql.Call: self._call,
            promql.AggregateExpr: self._aggregate,
            promql.BinaryExpr: self._binary,
        }

    def write(self, node: promql.Expr) -> Piece:
        """The expression in other words; raises NotCarried."""
        how = self._how.get(type(node))
        if how is None:
            raise NotCarried
        return how(node)

    def _negative(self, node: promql.UnaryExpr) -> Piece:
        inner = self.write(node.expr)
        return Piece(f"(-({inner.text}))", inner.kept)

    def _selector(self, node: promql.VectorSelector) -> Piece:
        return Piece(f"{self._series(node)}{modifiers_of(node)}", kept=True)

    def _range(self, node: promql.MatrixSelector) -> Piece:
        inside = node.vector_selector
        return Piece(f"{self._series(inside)}[{duration(node.range)}]{modifiers_of(inside)}", kept=True)

    def _series(self, selector: promql.VectorSelector) -> str:
        text = series_of(selector, self._matcher)
        if text.count(HOLE) != 1:
            raise NotCarried
        return text

    def _matcher(self, matcher: promql.Matcher) -> str:
        if matcher.name == self.label and matcher.op == promql.MatchOp.Equal and matcher.value == self.value:
            return HOLE
        if HOLE in matcher.value:
            raise NotCarried
        return f"{plain(matcher.name)}{operator_of(matcher)}{quoted(matcher.value)}"

    def _subquery(self, node: promql.SubqueryExpr) -> Piece:
        inner = self.write(node.expr)
        return Piece(f"({inner.text})[{duration(node.range)}:{duration(node.step)}]{modifiers_of(node)}", inner.kept)

    def _call(self, node: promql.Call) -> Piece:
        name, pieces = node.func.name, [self.write(argument) for argument in node.args]
        text = f"{name}({', '.join(piece.text for piece in pieces)})"
        series = [piece.kept for piece in pieces if piece.kept is not None]
        if name in _NUMBERS:
            return Piece(text, None)
        if name not in _ONE_BY_ONE or len(series) != 1 or self._names_label(node):
            raise NotCarried
        return Piece(text, series[0])

    def _names_label(self, node: promql.Call) -> bool:
        """Whether a function that makes labels reads or writes ours."""
        return any(isinstance(one, promql.StringLiteral) and one.val == self.label for one in node.args)

    def _aggregate(self, node: promql.AggregateExpr) -> Piece:
        name, inner = str(node.op).lower(), self.write(node.expr)
        param = None if node.param is None else self.write(node.param)
        if name not in _AGGREGATES or inner.kept is None or (param is not None and param.kept is not None):
            raise NotCarried
        if isinstance(node.param, promql.StringLiteral) and node.param.val == self.label:
            raise NotCarried
        grouping, stays = self._grouping(node.modifier)
        arguments = inner.text if param is None else f"{param.text}, {inner.text}"
        kept = inner.kept if name in _PICKING else inner.kept and stays
        return Piece(f"{name} {grouping} ({arguments})", kept)

    def _grouping(self, modifier: promql.AggModifier | None) -> tuple[str, bool]:
        """How to group so that the label stays, and whether it would have stayed anyway."""
        if modifier is None:
            return f"by ({self.label})", False
        names = list(modifier.labels)
        if modifier.type == promql.AggModifierType.By:
            return f"by ({_with(names, self.label)})", self.label in names
        return f"without ({_without(names, self.label)})", self.label not in names

    def _binary(self, node: promql.BinaryExpr) -> Piece:
        left, right, sign = self.write(node.lhs), self.write(node.rhs), str(node.op).lower()
        modifier = node.modifier
        compare = " bool" if modifier is not None and modifier.return_bool else ""
        if left.kept is None or right.kept is None:
            kept = right.kept if left.kept is None else left.kept
            return Piece(f"({left.text} {sign}{compare} {right.text})", kept)
        matching = self._matching(modifier, mixed=left.kept != right.kept)
        kept = self._kept(modifier, sign, left.kept, right.kept)
        return Piece(f"({left.text} {sign}{compare}{matching} {right.text})", kept)

    def _matching(self, modifier: promql.BinModifier | None, *, mixed: bool) -> str:
        """How both sides are matched, so that they match by the label as well.

        Where just one side has the label, they match as before only if it did not count.
        """
        fill = modifier.fill_values if modifier is not None else None
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            raise NotCarried
        matching = modifier.matching if modifier is not None else None
        if mixed and self._counts(matching):
            raise NotCarried
        if modifier is None or matching is None:
            return ""
        names = list(matching.labels)
        if matching.type == promql.LabelModifierType.Include:
            return f" on ({_with(names, self.label)}){self._group(modifier)}"
        return f" ignoring ({_without(names, self.label)}){self._group(modifier)}"

    def _counts(self, matching: promql.LabelModifier | None) -> bool:
        if matching is None:
            return True
        return bool((self.label in matching.labels) == (matching.type == promql.LabelModifierType.Include))

    def _group(self, modifier: promql.BinModifier) -> str:
        names = modifier.group_labels or []
        if self.label in names:
            raise NotCarried
        if modifier.card == promql.VectorMatchCardinality.ManyToOne:
            return f" group_left ({_listed(names)})"
        if modifier.card == promql.VectorMatchCardinality.OneToMany:
            return f" group_right ({_listed(names)})"
        return ""

    def _kept(self, modifier: promql.BinModifier | None, sign: str, left: bool, right: bool) -> bool:
        """Whether the result would have the label by itself."""
        if sign in _SETS:
            if sign == "or" and left != right:
                raise NotCarried
            return left
        if modifier is None:
            return left
        if modifier.card == promql.VectorMatchCardinality.ManyToOne:
            return left
        if modifier.card == promql.VectorMatchCardinality.OneToMany:
            return right
        return left and self._counts(modifier.matching)


def _with(names: Sequence[str], label: str) -> str:
    return _listed(names if label in names else [*names, label])


def _without(names: Sequence[str], label: str) -> str:
    return _listed([name for name in names if name != label])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names))


def plain(name: str) -> str:
    """The name of a label that needs no quotes."""
    if not _NAME.fullmatch(name):
        raise NotCarried
    return name
