"""One term of a query: what is asked for one expression, or for many that are alike. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alerting.metrics.port import Labels, Sample
from alerting.rules.alike import Form, Key, forms
from alerting.rules.carrying import HOLE
from alerting.rules.expression import Expression, Kind
from alerting.rules.promql_text import any_of, quoted

MOST_ALIKE: Final = 100
"""Expressions in one term; Prometheus looks values up one by one up to 256 of them."""
LONGEST_TERM: Final = 6_000
"""Characters; VictoriaMetrics refuses queries above 16 KiB."""

_Pair = tuple[Expression, Form]


@dataclass(frozen=True, slots=True)
class Term:
    """PromQL, the kind of its result, and the expressions it answers.

    Of several expressions `forms` says how each is told from the others; one alone has none.
    """

    text: str
    kind: Kind
    expressions: tuple[Expression, ...]
    forms: tuple[Form, ...] = ()
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {form.value: place for place, form in enumerate(self.forms)})

    def place(self, labels: Labels) -> tuple[int, Labels] | None:
        """Which of the expressions a sample with these labels belongs to, and its labels there; None is nobody's."""
        if not self.forms:
            return 0, labels
        form = self.forms[0]
        place = self._places.get(labels.get(form.label, ""))
        if place is None:
            return None
        if form.kept:
            return place, labels
        return place, {name: value for name, value in labels.items() if name != form.label}

    def answer(self, place: int, samples: Sequence[Sample], at: float) -> tuple[Sample, ...]:
        """What the expression at this place gives, at `at` in Unix seconds, when these samples are its own."""
        absent = self.forms[place].absent if self.forms else None
        if absent is None:
            return tuple(samples)
        return () if samples else (Sample(absent, 1.0, at),)

    def halves(self) -> "tuple[Term, ...]":
        """Two terms for half of its expressions each; none when it has one."""
        pairs = list(zip(self.expressions, self.forms, strict=False))
        middle = len(pairs) // 2
        return (_together(pairs[:middle]), _together(pairs[middle:])) if middle else ()


def alone(expression: Expression) -> Term:
    """The term that asks the expression as it is written."""
    return Term(expression.text, expression.kind, (expression,))


def terms(expressions: Sequence[Expression]) -> Iterator[Term]:
    """As few terms as answer these different expressions."""
    found = {one.text: forms(one.text) for one in expressions}
    often = Counter(form.key for several in found.values() for form in several)
    groups: defaultdict[Key, dict[str, _Pair]] = defaultdict(dict)
    for one in expressions:
        form = max(found[one.text], key=lambda form: (often[form.key], form.label), default=None)
        # Two that differ in nothing but blanks are not told apart by their answer.
        if form is None or form.value in groups[form.key]:
            yield alone(one)
        else:
            groups[form.key][form.value] = one, form
    for group in groups.values():
        yield from map(_together, _chunks(list(group.values())))


def _chunks(pairs: Sequence[_Pair]) -> Iterator[Sequence[_Pair]]:
    longest = max((len(form.value) for _, form in pairs), default=0)
    holes = pairs[0][1].pattern.count(HOLE) if pairs else 1
    size = max(min(MOST_ALIKE, LONGEST_TERM // (holes * (longest + 1))), 1)
    for first in range(0, len(pairs), size):
        yield pairs[first : first + size]


def _together(pairs: Sequence[_Pair]) -> Term:
    if len(pairs) == 1:
        return alone(pairs[0][0])
    expressions, alike = zip(*pairs, strict=True)
    matcher = f"{alike[0].label}=~{quoted(any_of(form.value for form in alike))}"
    return Term(alike[0].pattern.replace(HOLE, matcher), Kind.VECTOR, expressions, alike)
