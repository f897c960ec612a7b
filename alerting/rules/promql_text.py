"""Writes the pieces of PromQL that are asked anew: selectors, numbers, strings, durations. Pure.

What promql-parser reads comes out with the same meaning; promql-parser's own words do not escape quotes.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

import promql_parser as promql

_OPERATORS: Final = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})
_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def quoted(text: str) -> str:
    """A string literal."""
    return f'"{text.translate(_ESCAPES)}"'


def number(value: float) -> str:
    """A number literal, in brackets when it has a sign."""
    if math.isnan(value):
        return "NaN"
    plain = "Inf" if math.isinf(value) else repr(abs(value))
    return f"(-{plain})" if math.copysign(1.0, value) < 0 else plain


def any_of(values: Iterable[str]) -> str:
    """A regular expression (RE2, as matchers have it) that just these values match."""
    return "|".join(_META.sub(r"\\\g<0>", value) for value in values)


def operator_of(matcher: promql.Matcher) -> str:
    """How the matcher compares, as it is written."""
    return next(sign for op, sign in _OPERATORS if op == matcher.op)


def duration(length: timedelta | None) -> str:
    """A duration in milliseconds, as exact as PromQL has it; nothing for none."""
    return "" if length is None else f"{length // timedelta(milliseconds=1)}ms"


def series_of(selector: promql.VectorSelector, matcher: Callable[[promql.Matcher], str]) -> str:
    """The selector without its modifiers; `matcher` writes each of its matchers."""
    return f"{selector.name or ''}{{{','.join(map(matcher, selector.matchers.matchers))}}}"


def modifiers_of(node: promql.VectorSelector | promql.SubqueryExpr) -> str:
    """The `@` and `offset` of a selector or subquery, with a space before each."""
    return f"{_at(node.at)}{_offset(node.offset)}"


def _at(at: promql.AtModifier | None) -> str:
    if at is None:
        return ""
    if at.at is not None:
        return f" @ {at.at.timestamp():.3f}"
    return " @ start()" if at.type == promql.AtModifierType.Start else " @ end()"


def _offset(offset: timedelta | None) -> str:
    return f" offset {duration(offset)}" if offset else ""
