"""The queries a template is sure to ask, so that their answers can be fetched together.

What stands in a branch, a loop or another template may never be asked, and is left for the rendering to find.
"""

from collections.abc import Iterator

from alerting.rules.template.tree import (
    Action,
    Chain,
    Command,
    Identifier,
    If,
    Invocation,
    Nodes,
    Operand,
    Pipeline,
    Range,
    String,
    With,
)  # fmt: skip


def certain_queries(nodes: Nodes) -> tuple[str, ...]:
    """The texts of the queries that every rendering asks, in order, each once."""
    pipelines: list[Pipeline] = []
    for node in nodes:
        match node:
            case Action(pipeline) | Invocation(pipeline=Pipeline() as pipeline):
                pipelines.append(pipeline)
            case If(condition) | With(condition) | Range(condition):
                pipelines.append(condition)
    return tuple(dict.fromkeys(text for pipeline in pipelines for text in _asked(pipeline)))


def _asked(pipeline: Pipeline) -> Iterator[str]:
    for command in pipeline.commands:
        match command.operands:
            case (Identifier(name="query"), String(value=text)):
                yield text
        for operand in _evaluated(command):
            yield from _within(operand)


def _evaluated(command: Command) -> tuple[Operand, ...]:
    """The operands that are looked at whatever they hold."""
    first, *rest = command.operands
    decides = isinstance(first, Identifier) and first.name in {"and", "or"}
    return (first, *(rest[:1] if decides else rest))


def _within(operand: Operand) -> Iterator[str]:
    match operand:
        case (Pipeline() as pipeline) | Chain(base=Pipeline() as pipeline):
            yield from _asked(pipeline)
