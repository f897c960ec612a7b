"""What a template is made of once it is parsed: values that never change and can be rendered many times."""

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | float | int | bool | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number or truth value written in the template."""

    value: str | float | int | bool


@dataclass(frozen=True, slots=True)
class Field:
    """`.Labels.job`: a path from the data."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$labels.job`: a path from a variable."""

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function named in the template; called when it leads a command."""

    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A pipeline in parentheses, and a path from its result."""

    pipeline: "Pipeline"
    path: tuple[str, ...]


Operand = Literal | Field | Variable | FunctionName | Group


@dataclass(frozen=True, slots=True)
class Command:
    """One stage of a pipeline: an operand, or a function and its arguments."""

    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each handing its result to the next as the last argument."""

    commands: tuple[Command, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """A pipeline whose result is written."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """Two branches; an `else if` is an If alone in the second."""

    condition: Pipeline
    then: tuple["Node", ...]
    otherwise: tuple["Node", ...]


Node = Text | Action | If
