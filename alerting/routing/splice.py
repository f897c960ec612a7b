"""Puts changed parts into a YAML text and leaves the rest as it is written, comments and all. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import yaml

_WIDTH: Final = 1_000_000  # no line is folded
Node = yaml.Node


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` becomes `new`; with `new` None it goes together with its `key`."""

    old: Node
    new: Node | None
    key: Node | None = None


def splice(text: str, edits: Iterable[Edit], wanted: Node) -> str:
    """The text with its edits, or all of `wanted` written anew where a part cannot be cut out of the text."""
    changed = text
    for edit in sorted(edits, key=lambda edit: edit.old.start_mark.index, reverse=True):
        changed = _applied(changed, edit)
    try:
        found = yaml.compose(changed, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        found = None
    # An anchor in a part that went, or a mapping on one line, make it another document or none.
    return changed if found is not None and _same(found, wanted) else _written(wanted)


def _applied(text: str, edit: Edit) -> str:
    start = (edit.key or edit.old).start_mark
    end = _end(text, start.index, edit.old.end_mark.index)
    if edit.new is None:
        # The line goes with it.
        return text[: start.index] + text[end:].removeprefix("\n")
    inside = "\n" + " " * start.column
    written = _written(edit.new, flow=bool(getattr(edit.old, "flow_style", False))).rstrip("\n")
    return text[: start.index] + written.replace("\n", inside) + text[end:]


def _end(text: str, start: int, end: int) -> int:
    """Where a node ends; the space and the comments below it belong to what follows."""
    lines = text[start:end].rstrip().split("\n")
    while lines[-1].lstrip().startswith("#") and len(lines) > 1:
        lines.pop()
    return start + len("\n".join(lines).rstrip())


def _written(node: Node, *, flow: bool = False) -> str:
    written: str = yaml.serialize(
        _in_flow(node) if flow else node, Dumper=yaml.SafeDumper, allow_unicode=True, width=_WIDTH
    )
    return written


def _in_flow(node: Node) -> Node:
    return yaml.MappingNode(node.tag, node.value, flow_style=True)


def _same(one: Node, other: Node) -> bool:
    """Whether two trees hold the same values."""
    if one.tag != other.tag or isinstance(one, yaml.ScalarNode) or isinstance(other, yaml.ScalarNode):
        return bool(one.tag == other.tag and one.value == other.value)
    pairs = [_flat(one), _flat(other)]
    return len(pairs[0]) == len(pairs[1]) and all(map(_same, *pairs))


def _flat(node: Node) -> list[Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)
