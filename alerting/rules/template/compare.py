"""Go's comparisons for templates.

Source of the rules: text/template/funcs.go of Go.
"""

from alerting.errors import TemplateError
from alerting.rules.template.format import Spec, formatted
from alerting.rules.template.times import Moment, Span
from alerting.rules.template.values import QueryResult, Root, Value, basic_kind, go_type

_NUMBERS = frozenset({"int", "uint"})


def equal(first: Value, *others: Value) -> bool:
    """Whether the first equals any other."""
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_same(first, other) for other in others)


def _same(left: Value, right: Value) -> bool:
    kinds = basic_kind(left), basic_kind(right)
    if kinds[0] != kinds[1] and not _NUMBERS.issuperset(kinds):
        if left is not None and right is not None:
            raise TemplateError(f"incompatible types for comparison: {go_type(left)} and {go_type(right)}")
        return False
    return left == right if kinds[0] else _same_composite(left, right)


def _same_composite(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    if _shape(left) != _shape(right):
        raise TemplateError(
            f"non-comparable types {formatted(Spec('s'), left)}: {go_type(left)}, {go_type(right)}: "
            f"{formatted(Spec(), right)}"
        )
    if isinstance(right, dict | QueryResult | Root):
        raise TemplateError(f"non-comparable type {formatted(Spec('s'), right)}: {go_type(right)}")
    if isinstance(left, Moment) and not left.pointer:
        return left == right
    return left is right


def _shape(value: Value) -> str:
    match value:
        case dict():
            return "map"
        case QueryResult():
            return "slice"
        case Root():
            return "struct"
        case Moment(pointer=False) | Span(pointer=False):
            return "struct" if isinstance(value, Moment) else "int"
        case _:
            return "pointer"


def less(left: Value, right: Value) -> bool:
    """Whether the first comes before the second."""
    kinds = basic_kind(left), basic_kind(right)
    if not kinds[0] or not kinds[1]:
        raise TemplateError("invalid type for comparison")
    if kinds[0] != kinds[1] and not _NUMBERS.issuperset(kinds):
        raise TemplateError(f"incompatible types for comparison: {go_type(left)} and {go_type(right)}")
    if kinds[0] in {"bool", "complex"}:
        raise TemplateError("invalid type for comparison")
    return left < right  # type: ignore[operator,no-any-return]  # both are of one kind that has an order


def less_or_equal(left: Value, right: Value) -> bool:
    """Whether the second does not come before the first."""
    return less(left, right) or equal(left, right)
