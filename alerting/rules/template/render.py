"""Writes a parsed template for one alert; bounded in steps and in what it writes.

Source of the rules: text/template/exec.go, with Prometheus' option missingkey=zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.functions import FUNCTIONS, SHORT_CIRCUIT, truth
from alerting.rules.template.tree import (
    Action,
    Command,
    Field,
    FunctionName,
    Group,
    If,
    Literal,
    Node,
    Operand,
    Pipeline,
    Text,
    Value,
    Variable,
)  # fmt: skip
from alerting.rules.template.values import LONGEST, go_type, shown

_MOST_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Data:
    """What a template sees of one sample and of the installation."""

    labels: Mapping[str, str]
    value: float
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


def render(nodes: Sequence[Node], data: Data) -> str:
    """The text of a template; raises TemplateError naming what failed."""
    return _Renderer(data).text(nodes)


class _Renderer:
    def __init__(self, data: Data) -> None:
        self._root: dict[str, Value] = {
            "Labels": data.labels,
            "ExternalLabels": data.external_labels,
            "ExternalURL": data.external_url,
            "Value": data.value,
        }
        self._variables: dict[str, Value] = {
            "$labels": data.labels,
            "$externalLabels": data.external_labels,
            "$externalURL": data.external_url,
            "$value": data.value,
        }
        self._steps = 0
        self._written = 0

    def text(self, nodes: Sequence[Node]) -> str:
        return "".join(self._write(node) for node in nodes)

    def _write(self, node: Node) -> str:
        self._step()
        match node:
            case Text(text):
                return self._counted(text)
            case Action(pipeline):
                return self._counted(shown(self._run(pipeline)))
            case If(condition, then, otherwise):
                return self.text(then if truth(self._run(condition)) else otherwise)

    def _counted(self, text: str) -> str:
        self._written += len(text)
        if self._written > LONGEST:
            raise TemplateError(f"the text grows beyond {LONGEST} characters")
        return text

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TemplateError(f"more than {_MOST_STEPS} steps")

    def _run(self, pipeline: Pipeline) -> Value:
        handed: tuple[Value, ...] = ()
        for command in pipeline.commands:
            handed = (self._call(command, handed, pipeline.source),)
        return handed[0]

    def _call(self, command: Command, handed: tuple[Value, ...], source: str) -> Value:
        self._step()
        first, *rest = command.operands
        if not isinstance(first, FunctionName):
            if rest or handed:
                raise TemplateError(f"<{source}>: can't give argument to non-function")
            return self._value(first)
        try:
            if first.name in SHORT_CIRCUIT:
                return self._decide(first.name, rest, handed)
            return FUNCTIONS[first.name](first.name, [*map(self._value, rest), *handed])
        except TemplateError as wrong:
            raise (wrong if wrong.reason.startswith("<") else TemplateError(f"<{source}>: {wrong.reason}")) from wrong

    def _decide(self, name: str, operands: Sequence[Operand], handed: tuple[Value, ...]) -> Value:
        """`and` gives the first false argument, `or` the first true one, both else the last."""
        result: Value | None = None
        for operand in operands:
            result = self._value(operand)
            if truth(result) == (name == "or"):
                return result
        if handed:
            return handed[0]
        if result is None:
            raise TemplateError(f"wrong number of args for {name}: want at least 1 got 0")
        return result

    def _value(self, operand: Operand) -> Value:
        self._step()
        match operand:
            case Literal(value):
                return value
            case Field(path):
                return self._from_root(path)
            case Variable("$", path):
                return self._from_root(path)
            case Variable(name, path):
                return _follow(self._variables[name], path, name)
            case Group(pipeline, path):
                return _follow(self._run(pipeline), path, f"({pipeline.source})")
            case FunctionName(name):
                return FUNCTIONS[name](name, []) if name in FUNCTIONS else self._decide(name, [], ())

    def _from_root(self, path: tuple[str, ...]) -> Value:
        if path[0] not in self._root:
            raise TemplateError(f"<.{'.'.join(path)}>: can't evaluate field {path[0]}")
        return _follow(self._root[path[0]], path[1:], f".{path[0]}")


def _follow(value: Value, path: Sequence[str], source: str) -> Value:
    for name in path:
        if not isinstance(value, Mapping):
            shape = f"<{source}.{'.'.join(path)}>"
            raise TemplateError(f"{shape}: can't evaluate field {name} in type {go_type(value)}")
        value = value.get(name, "")
    return value
