"""Many expressions in one query: how they are joined, and how the answer is taken apart.

    (label_replace(A, "__rule__", "0;$1", "__rule__", "(?s:(.*))") or label_replace(B, …)) or …

The mark holds the place of the expression and, after the semicolon, what its result had under that label itself.
The `or`s form a balanced tree: in a chain each one copies everything before it, so that long chains cost
Prometheus more and more for each expression, while a tree of 200 costs no more for each than one of 25 (measured).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alerting.errors import TemporaryFailure
from alerting.metrics.port import Labels, Sample, Scalar, Vector
from alerting.rules.expression import Expression, Kind

USUAL: Final = 50
LONGEST: Final = 30_000
"""Characters in one query; who refuses it, as VictoriaMetrics does above 16 KiB, is asked in smaller batches."""
MARK: Final = "__rule__"

Part = tuple[Labels, int, Labels]


@dataclass(frozen=True, slots=True)
class Batch:
    """Different expressions to be asked in one query; `query` is the PromQL to ask."""

    expressions: tuple[Expression, ...]
    query: str = field(init=False, repr=False, compare=False)
    # The label sets of the last answer: as given, whose they are, and without the mark; by identity.
    _parts: dict[int, Part] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", _query(self.expressions))

    def split(self, answer: Vector | Scalar) -> Mapping[str, tuple[Sample, ...]]:
        """The samples of each expression, by its text, as if it had been asked alone.

        Raises TemporaryFailure when the answer does not say whose its samples are.
        """
        samples = _samples(answer)
        if len(self.expressions) == 1:
            return {self.expressions[0].text: samples}
        if not samples:
            return dict.fromkeys((e.text for e in self.expressions), ())
        parts: list[list[Sample]] = [[] for _ in self.expressions]
        for sample, (_, number, labels) in zip(samples, self._read(samples), strict=True):
            parts[number].append(Sample(labels, sample.value, sample.timestamp, sample.histogram))
        return {e.text: tuple(part) for e, part in zip(self.expressions, parts, strict=True)}

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
        number, separator, own = labels.get(MARK, "").partition(";")
        if not separator or not number.isdecimal() or int(number) >= len(self.expressions):
            raise TemporaryFailure(f"a sample of the answer does not say which rule it belongs to: {dict(labels)}")
        bare = {name: value for name, value in labels.items() if name != MARK}
        return labels, int(number), {**bare, MARK: own} if own else bare

    def halves(self) -> "tuple[Batch, ...]":
        """Two smaller batches, to find the expression that spoils this one; none when it is alone."""
        middle = len(self.expressions) // 2
        if middle == 0:
            return ()
        return Batch(self.expressions[:middle]), Batch(self.expressions[middle:])


def _query(expressions: Sequence[Expression]) -> str:
    """An expression alone is asked as it is."""
    if len(expressions) == 1:
        return expressions[0].text
    return _joined([_marked(n, expression) for n, expression in enumerate(expressions)])


def _joined(queries: Sequence[str]) -> str:
    middle = len(queries) // 2
    if middle == 0:
        return queries[0]
    return f"{_bracketed(queries[:middle])} or {_bracketed(queries[middle:])}"


def _bracketed(queries: Sequence[str]) -> str:
    return _joined(queries) if len(queries) == 1 else f"({_joined(queries)})"


def _marked(number: int, expression: Expression) -> str:
    inner = f"vector({expression.text}\n)" if expression.kind is Kind.SCALAR else expression.text
    # The line break ends a comment that the expression may end with.
    return f'label_replace({inner}\n, "{MARK}", "{number};$1", "{MARK}", "(?s:(.*))")'


def _samples(answer: Vector | Scalar) -> tuple[Sample, ...]:
    if isinstance(answer, Scalar):
        return (Sample({}, answer.value, answer.timestamp),)
    return answer.samples


def batches(expressions: Sequence[Expression], widths: Mapping[str, int], usual: int = USUAL) -> Iterator[Batch]:
    """Group expressions, each asked once; `widths` says how many may share a query with a text (else `usual`)."""
    different = {expression.text: expression for expression in expressions}
    waiting: list[Expression] = []
    length = narrowest = 0
    for expression in sorted(different.values(), key=lambda e: min(widths.get(e.text, usual), usual)):
        width, size = min(widths.get(expression.text, usual), usual), len(_marked(0, expression)) + 12
        if waiting and (len(waiting) >= min(narrowest, width) or length + size > LONGEST):
            yield Batch(tuple(waiting))
            waiting, length = [], 0
        narrowest = min(narrowest, width) if waiting else width
        waiting.append(expression)
        length += size
    if waiting:
        yield Batch(tuple(waiting))
