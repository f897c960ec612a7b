"""What a rule compares with what, so that a picture can show the value beside its threshold. Pure."""

from dataclasses import dataclass
from typing import Final

import promql_parser as promql

_TURNED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Compared:
    """`expr` holds where `op` `threshold`, as in `rate(errors[5m])`, `>`, 0.05."""

    expr: str
    op: str
    threshold: float


def compared(text: str) -> Compared | None:
    """The comparison with a number that the whole expression is; None when it is another kind of expression."""
    try:
        tree = promql.parse(text)
    except ValueError:
        return None
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in _TURNED:
        return None
    if isinstance(tree.rhs, promql.NumberLiteral):
        return Compared(tree.lhs.prettify(), str(tree.op), tree.rhs.val)
    if isinstance(tree.lhs, promql.NumberLiteral):
        return Compared(tree.rhs.prettify(), _TURNED[str(tree.op)], tree.lhs.val)
    return None
