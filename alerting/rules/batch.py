"""Many expressions in one query: how they are joined, and how the answer is taken apart.

    (label_replace(A, "__rule__", "0;$1", "__rule__", "(?s:(.*))") or label_replace(B, …)) or …

The mark holds the place of the expression and, after the semicolon, what its result had under that label itself.
The `or`s form a balanced tree: in a chain each one copies everything before it, so that long chains cost
Prometheus more and more for each expression, while a tree of 200 costs no more for each than one of 25 (measured).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from alerting.errors import TemporaryFailure
from alerting.metrics.port import Labels, Sample, Scalar, Vector
from alerting.rules.expression import Expression, Kind
from alerting.rules.term import Term, alone, terms

USUAL: Final = 50
LONGEST: Final = 30_000
"""Characters in one query; who refuses it, as VictoriaMetrics does above 16 KiB, is asked in smaller batches."""
MARK: Final = "__rule__"

Part = tuple[Labels, int, Labels]


class Mixed(TemporaryFailure):
    """The source took the label off its answer that tells the expressions of `term` apart.

    Thanos does so with the label of its replicas. Asked as they are written, they are answered.
    """

    def __init__(self, term: Term, labels: Labels) -> None:
        super().__init__(_nobodys(labels))
        self.term = term


@dataclass(frozen=True, slots=True)
class Batch:
    """Terms to be asked in one query; `query` is the PromQL to ask."""

    terms: tuple[Term, ...]
    query: str = field(init=False, repr=False, compare=False)
    expressions: tuple[Expression, ...] = field(init=False, repr=False, compare=False)
    # For each term, where its expressions begin among all.
    _first: tuple[int, ...] = field(init=False, repr=False, compare=False)
    # The label sets of the last answer: as given, whose they are, and without the mark; by identity.
    _parts: dict[int, Part] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", _query(self.terms))
        object.__setattr__(self, "expressions", tuple(one for term in self.terms for one in term.expressions))
        sizes = (len(term.expressions) for term in self.terms[:-1])
        object.__setattr__(self, "_first", tuple(accumulate(sizes, initial=0)))

    def split(self, answer: Vector | Scalar, at: float = 0.0) -> Mapping[str, tuple[Sample, ...]]:
        """The samples of each expression at `at` in Unix seconds, by its text, as if it had been asked alone.

        Raises TemporaryFailure when the answer does not say whose its samples are, Mixed when that is of one term.
        """
        samples = _samples(answer)
        if len(self.expressions) == 1:
            return {self.expressions[0].text: samples}
        parts: list[list[Sample]] = [[] for _ in self.expressions]
        for sample, (_, number, labels) in zip(samples, self._read(samples), strict=True):
            parts[number].append(Sample(labels, sample.value, sample.timestamp, sample.histogram))
        return {
            expression.text: term.answer(place, parts[first + place], at)
            for term, first in zip(self.terms, self._first, strict=True)
            for place, expression in enumerate(term.expressions)
        }

    def _read(self, samples: Sequence[Sample]) -> Sequence[Part]:
        """Whose each sample is; label sets that were here the last time are not read again."""
        read, last = [], self._parts
        for labels in (sample.labels for sample in samples):
            part = last.get(id(labels))
            read.append(part if part is not None and part[0] is labels else self._part(labels))
        last.clear()
        last.update((id(part[0]), part) for part in read)
        return read

    def _part(self, labels: Labels) -> Part:
        number, own = self._unmarked(labels)
        placed = self.terms[number].place(own)
        if placed is None:
            raise Mixed(self.terms[number], labels)
        place, bare = placed
        return labels, self._first[number] + place, bare

    def _unmarked(self, labels: Labels) -> tuple[int, Labels]:
        """Which term a sample belongs to, and what its labels are there."""
        if len(self.terms) == 1:
            return 0, labels
        number, separator, own = labels.get(MARK, "").partition(";")
        if not separator or not number.isdecimal() or int(number) >= len(self.terms):
            raise TemporaryFailure(_nobodys(labels))
        bare = {name: value for name, value in labels.items() if name != MARK}
        return int(number), {**bare, MARK: own} if own else bare

    def halves(self) -> "tuple[Batch, ...]":
        """Two smaller batches, to find the expression that spoils this one; none when it is alone."""
        if len(self.terms) == 1:
            return tuple(Batch((half,)) for half in self.terms[0].halves())
        middle = len(self.terms) // 2
        return Batch(self.terms[:middle]), Batch(self.terms[middle:])


def _nobodys(labels: Labels) -> str:
    return f"a sample of the answer does not say which rule it belongs to: {dict(labels)}"


def _query(terms: Sequence[Term]) -> str:
    """A term alone is asked as it is."""
    if len(terms) == 1:
        return terms[0].text
    return _joined([_marked(n, term) for n, term in enumerate(terms)])


def _joined(queries: Sequence[str]) -> str:
    middle = len(queries) // 2
    if middle == 0:
        return queries[0]
    return f"{_bracketed(queries[:middle])} or {_bracketed(queries[middle:])}"


def _bracketed(queries: Sequence[str]) -> str:
    return _joined(queries) if len(queries) == 1 else f"({_joined(queries)})"


def _marked(number: int, term: Term) -> str:
    inner = f"vector({term.text}\n)" if term.kind is Kind.SCALAR else term.text
    # The line break ends a comment that the expression may end with.
    return f'label_replace({inner}\n, "{MARK}", "{number};$1", "{MARK}", "(?s:(.*))")'


def _samples(answer: Vector | Scalar) -> tuple[Sample, ...]:
    if isinstance(answer, Scalar):
        return (Sample({}, answer.value, answer.timestamp),)
    return answer.samples


def batches(
    expressions: Sequence[Expression],
    widths: Mapping[str, int],
    usual: int = USUAL,
    *,
    apart: Collection[str] = frozenset(),
) -> Iterator[Batch]:
    """Group expressions, each asked once: `usual` terms share a query, or fewer with a text that `widths` names.

    Those of `apart` are asked as they are written, whatever they are alike to.
    """
    different = {expression.text: expression for expression in expressions}
    alike = terms([one for one in different.values() if one.text not in apart])
    all_ = [*(alone(one) for one in different.values() if one.text in apart), *alike]
    widest = [(term, min(usual, *(widths.get(one.text, usual) for one in term.expressions))) for term in all_]
    yield from _filled(sorted(widest, key=lambda one: one[1]))


def _filled(widest: Sequence[tuple[Term, int]]) -> Iterator[Batch]:
    """Batches of terms that come with how many terms may share a query with each, the least first."""
    waiting: list[Term] = []
    length = most = 0
    for term, width in widest:
        size = len(_marked(0, term)) + 12
        if waiting and (len(waiting) >= most or length + size > LONGEST):
            yield Batch(tuple(waiting))
            waiting, length = [], 0
        most = most if waiting else width
        waiting.append(term)
        length += size
    if waiting:
        yield Batch(tuple(waiting))
