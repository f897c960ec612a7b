"""What a template is made of once it is parsed. Every node knows where it stands, and reads as Go writes it in errors.

`at` is a position in the source, in characters from 0. Source of the shapes: text/template/parse/node.go of Go 1.26.
"""

from dataclasses import dataclass
from typing import Protocol

from alerting.rules.template.literals import Numeral, quoted


class Placed(Protocol):
    """Anything an error may point to."""

    @property
    def at(self) -> int:
        """Where it stands in the source."""


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: the data at hand."""

    at: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil:
    """`nil`."""

    at: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Bool:
    """`true` or `false`."""

    at: int
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class Number:
    """A number or a character constant."""

    at: int
    text: str
    numeral: Numeral

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class String:
    """A string; `literal` is how it is written."""

    at: int
    literal: str
    value: str

    def __str__(self) -> str:
        return self.literal


@dataclass(frozen=True, slots=True)
class Field:
    """`.Labels.job`: a path from the dot."""

    at: int
    path: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.path)


@dataclass(frozen=True, slots=True)
class Variable:
    """`$labels.job`: a path from a variable."""

    at: int
    name: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.path))


@dataclass(frozen=True, slots=True)
class Identifier:
    """The name of a function."""

    at: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Chain:
    """`(first $x).Labels`: a path from a pipeline or from what a function gives."""

    at: int
    base: "Pipeline | Identifier"
    path: tuple[str, ...]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipeline) else str(self.base)
        return ".".join((base, *self.path))


@dataclass(frozen=True, slots=True)
class Command:
    """One stage of a pipeline: an operand, or a function or method and its arguments."""

    at: int
    operands: tuple["Operand", ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Pipeline) else str(part) for part in self.operands)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each handing its result to the next as the last argument, and the variables set to what comes out."""

    at: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False  # the variables are known and get another value, instead of being declared

    def __str__(self) -> str:
        names = ", ".join(self.variables) + (" = " if self.assigns else " := ") if self.variables else ""
        return names + " | ".join(map(str, self.commands))


Literal = Bool | Number | String
Operand = Dot | Nil | Literal | Field | Variable | Identifier | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """A pipeline whose result is written, unless it sets a variable."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """Two branches; an `else if` is an If alone in the second."""

    condition: Pipeline
    then: "Nodes"
    otherwise: "Nodes"


@dataclass(frozen=True, slots=True)
class With:
    """As If, with the condition's value as the dot of the first branch."""

    condition: Pipeline
    then: "Nodes"
    otherwise: "Nodes"


@dataclass(frozen=True, slots=True)
class Range:
    """A body for each element, or the other branch for none."""

    elements: Pipeline
    body: "Nodes"
    otherwise: "Nodes"


@dataclass(frozen=True, slots=True)
class Invocation:
    """`{{ template "name" pipeline }}`, and where a block stands."""

    at: int
    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        dot = "" if self.pipeline is None else f" {self.pipeline}"
        return f"{{{{template {quoted(self.name)}{dot}}}}}"


@dataclass(frozen=True, slots=True)
class Leave:
    """`{{ break }}`, or `{{ continue }}` when only this turn of the range ends."""

    turn_only: bool


Node = Text | Action | If | With | Range | Invocation | Leave
Nodes = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed source: the nodes of every template in it by name, and the functions they call.

    `depth` is how deep any of them is nested.
    """

    source: str
    name: str
    templates: dict[str, Nodes]
    depth: int
    functions: frozenset[str]
    queries: tuple[str, ...]  # that every rendering asks
