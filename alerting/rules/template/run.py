"""What one rendering knows and may still spend, and how its errors read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from alerting.errors import TemplateError
from alerting.metrics.port import Sample
from alerting.rules.template.literals import quoted
from alerting.rules.template.tree import Placed, Tree
from alerting.rules.template.values import LONGEST, Root, Value

_MOST_STEPS: Final = 30_000  # which take a tenth of a second or so
UNSET: Final = object()


class QueriesNeeded(Exception):
    """A template asks for the answers of these queries; render again with them."""

    def __init__(self, queries: Sequence[str]) -> None:
        super().__init__(", ".join(queries))
        self.queries = tuple(queries)


@dataclass(frozen=True, slots=True)
class QueryFailed:
    """The answer to a query that the metrics source refused or could not give: the text of the error."""

    reason: str


class Located(TemplateError):
    """An error that says already where it happened."""


Answers = Mapping[str, Sequence[Sample] | QueryFailed]


@dataclass(frozen=True, slots=True)
class Data:
    """What a template sees of one sample and of the installation.

    `at` is the evaluation time, which `now` tells. `answers` are those of the queries asked so far, at that time; a
    scalar is one sample without labels.
    """

    labels: Mapping[str, str]
    value: float
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    answers: Answers = field(default_factory=dict)
    at: datetime | None = None


class Run:
    """One rendering. `node` is what Go would name in an error that happens now."""

    __slots__ = ("_room", "_steps", "data", "depth", "node", "out", "template", "tree", "undo", "variables")

    def __init__(self, tree: Tree, data: Data) -> None:
        self.tree = tree
        self.data = data
        self.template = tree.name
        self.node: Placed | None = None
        self.variables: dict[str, Value] = {}
        self.undo: list[tuple[str, Value]] = []  # the variables declared, with what their names stood for before
        self.depth = 0
        self.out: list[str] = []
        self._room = LONGEST
        self._steps = _MOST_STEPS

    def start(self) -> Root:
        """Set the variables Prometheus gives every template, and give the dot."""
        data = self.data
        labels, external, value = _as_dict(data.labels), _as_dict(data.external_labels), float(data.value)
        root = Root(labels, external, data.external_url, value)
        self.variables = {
            "$": root,
            "$labels": labels,
            "$externalLabels": external,
            "$externalURL": data.external_url,
            "$value": value,
        }
        return root

    def spend(self, steps: int) -> None:
        """Count work done; raises TemplateError when it was too much."""
        self._steps -= steps
        if self._steps < 0:
            raise self.fault(f"more than {_MOST_STEPS} steps")

    def write(self, text: str) -> None:
        """Append to the text that is rendered."""
        self._room -= len(text)
        if self._room < 0:
            raise self.fault(f"the text grows beyond {LONGEST} characters")
        self.out.append(text)

    def declare(self, name: str, value: Value) -> None:
        """Give a name another meaning until the block at hand ends."""
        self.undo.append((name, self.variables.get(name, UNSET)))
        self.variables[name] = value

    def assign(self, name: str, value: Value) -> None:
        """Change a variable wherever it was declared."""
        if name not in self.variables:
            raise self.fault(f"undefined variable: {name}")
        self.variables[name] = value

    def forget(self, mark: int) -> None:
        """End a block: undo the declarations since there were `mark` of them."""
        while len(self.undo) > mark:
            name, before = self.undo.pop()
            if before is UNSET:
                del self.variables[name]
            else:
                self.variables[name] = before

    def fault(self, message: str) -> Located:
        """The error of what `node` could not do, as Prometheus words it."""
        place = self.tree.name
        context = ""
        if self.node is not None:
            before = self.tree.source[: self.node.at]
            column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
            place = f"{place}:{before.count(chr(10)) + 1}:{column}"
            context = f"executing {quoted(self.template)} at <{self.node}>: "
        return Located(f"error executing template {self.tree.name}: template: {place}: {context}{message}")


def _as_dict(labels: Mapping[str, str]) -> dict[str, str]:
    return labels if type(labels) is dict else dict(labels)
