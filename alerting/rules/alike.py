"""Expressions that differ in the value of one matcher only, and how one query answers them all. Pure.

    up{job="a"} == 0  and  up{job="b"} == 0   are asked as   up{job=~"a|b"} == 0

and each sample goes to the expression whose value its label `job` has. That is the same as asking one by one where
every series of the expression is selected by that value, and every step towards the result keeps the label: steps
that would lose it (`sum`, `on (…)`) are written so that they keep it, and it is taken off the answer. What joins
series of different values in another way (`scalar`, `vector`, a selector without the matcher) is not alike to
anything. Source of which labels a step keeps: promql/engine.go of Prometheus 3.16 (`resultMetric`, `aggregation`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import promql_parser as promql

from alerting.rules.carrying import Carrier, NotCarried

_NEVER: Final = re.compile(r"le|__.*")
_KNOWN: Final = 65_536
_READ_OTHERWISE: Final = re.compile(r"\\[xX0-7]|\0|@(?:\s|#[^\n]*\n)*-")
"""What promql-parser reads otherwise than Prometheus: a byte in a string as a character, and time before 1970 never."""

Key = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Form:
    """An expression as all that are alike to it have it: `pattern` with HOLEs for the matcher of `label`.

    `kept` says whether its result has the label by itself. `absent` are the labels of what `absent()` gives when
    there is nothing; then the pattern asks what there is.
    """

    label: str
    value: str
    pattern: str
    kept: bool
    absent: Mapping[str, str] | None = None

    @property
    def key(self) -> Key:
        """The same for all that are alike."""
        return self.label, self.pattern, self.absent is not None


@lru_cache(maxsize=_KNOWN)
def forms(text: str) -> tuple[Form, ...]:
    """The forms of a PromQL expression, one for each label that could tell it from others; may be none."""
    if _READ_OTHERWISE.search(text):
        return ()
    try:
        tree = promql.parse(text)
    except ValueError:
        # Newer than the parser: it is asked as it is written.
        return ()
    return tuple(_forms(tree))


def _forms(tree: promql.Expr) -> Iterator[Form]:
    for label, value in _candidates(tree):
        try:
            yield _form(tree, label, value)
        except (ValueError, OverflowError):
            # It is not carried, or tells a time beyond what a datetime holds.
            continue


def _candidates(tree: promql.Expr) -> Sequence[tuple[str, str]]:
    """Labels and values of the equal matchers of the first selector."""
    selectors: list[promql.VectorSelector] = []

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            selectors.append(node)

    promql.walk(tree, visit)
    matchers = selectors[0].matchers.matchers if selectors else ()
    equal = [(one.name, one.value) for one in matchers if one.op == promql.MatchOp.Equal]
    return [(name, value) for name, value in equal if value and not _NEVER.fullmatch(name)]


def _form(tree: promql.Expr, label: str, value: str) -> Form:
    carrier = Carrier(label, value)
    if isinstance(tree, promql.Call) and tree.func.name == "absent":
        return _absent(carrier, tree.args[0])
    piece = carrier.write(tree)
    if piece.kept is None:
        raise NotCarried
    return Form(label, value, piece.text, piece.kept)


def _absent(carrier: Carrier, selector: promql.Expr) -> Form:
    if not isinstance(selector, promql.VectorSelector):
        raise NotCarried
    matchers = selector.matchers.matchers
    if len({one.name for one in matchers}) < len(matchers):
        raise NotCarried
    equal = {one.name: one.value for one in matchers if one.op == promql.MatchOp.Equal and one.value}
    equal.pop("__name__", None)
    pattern = f"group by ({carrier.label}) ({carrier.write(selector).text})"
    return Form(carrier.label, carrier.value, pattern, kept=True, absent=equal)
