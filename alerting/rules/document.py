"""A rule file as YAML nodes, read field by field so that every fault is told with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import yaml

from alerting.errors import Place, RuleProblem
from alerting.metrics.duration import parse_duration

Node = yaml.Node
_NULL: Final = "tag:yaml.org,2002:null"
_DEEPEST: Final = 50
_MERGE: Final = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Page:
    """The faults found so far in one file, and the group and rule being read (`place`)."""

    file: str
    place: Place
    problems: list[RuleProblem] = field(default_factory=list)

    def within(self, *, group: str, rule: int | None = None, name: str = "") -> "Page":
        """The same page, telling its faults as those of a group or rule."""
        return replace(self, place=replace(self.place, group=group, rule=rule, name=name))

    def complain(self, node: Node, message: str, line: int = 0) -> None:
        """Note a fault at a node, `line` lines below its start."""
        mark = node.start_mark
        # Further down, the column of the node means nothing.
        column = 1 if line else mark.column + 1
        place = replace(self.place, line=mark.line + 1 + line, column=column)
        self.problems.append(RuleProblem(place, message))


def compose(file: str, text: str) -> tuple[Page, Node | None]:
    """Read YAML; the node is None when the file is empty or is not YAML (then the page says why)."""
    page = Page(file, Place(file, 1, 1))
    try:
        if _is_shallow(text):
            return page, yaml.compose(text, Loader=yaml.CSafeLoader)
        page.problems.append(RuleProblem(page.place, f"yaml: nested deeper than {_DEEPEST} levels"))
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = replace(page.place, line=mark.line + 1, column=mark.column + 1) if mark else page.place
        page.problems.append(RuleProblem(place, f"yaml: {wrong.problem or wrong}"))
    except yaml.YAMLError as wrong:
        page.problems.append(RuleProblem(page.place, f"yaml: {wrong}"))
    return page, None


def _is_shallow(text: str) -> bool:
    # The composer descends on the machine's stack, so depth is counted before it may end the process.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return False
    return True


def fields(page: Page, node: Node, known: frozenset[str], type_name: str) -> Mapping[str, Node]:
    """The fields of a mapping that are set; unknown and repeated ones are faults."""
    found: dict[str, Node] = {}
    for key, value in _pairs(page, node, type_name):
        if key.value not in known:
            page.complain(key, f"field {key.value} not found in type {type_name}")
        elif value.tag != _NULL:
            found[key.value] = value
    return found


def _pairs(page: Page, node: Node, type_name: str) -> Iterator[tuple[Node, Node]]:
    if not isinstance(node, yaml.MappingNode):
        if node.tag != _NULL:
            page.complain(node, f"cannot unmarshal {_shown(node)} into {type_name}")
        return
    lines: dict[str, int] = {}
    for key, value in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
        if key.tag == _MERGE:
            # Merged keys come first, so that those written here win.
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from _pairs(page, source, type_name)
        elif not isinstance(key, yaml.ScalarNode):
            page.complain(key, f"cannot unmarshal {_shown(key)} into string")
        elif key.value in lines:
            page.complain(key, f'mapping key "{key.value}" already defined at line {lines[key.value]}')
        else:
            lines[key.value] = key.start_mark.line + 1
            yield key, value


def items(page: Page, node: Node | None, type_name: str) -> list[Node]:
    """The items of a list; nothing when it is not set."""
    if node is None:
        return []
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    page.complain(node, f"cannot unmarshal {_shown(node)} into []{type_name}")
    return []


def text(page: Page, node: Node | None) -> str:
    """A scalar as it is written; empty when it is not set."""
    if node is None or node.tag == _NULL:
        return ""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    page.complain(node, f"cannot unmarshal {_shown(node)} into string")
    return ""


def texts(page: Page, node: Node | None) -> Mapping[str, tuple[str, Node]]:
    """A mapping of text to text, each with the node of its value."""
    if node is None:
        return {}
    return {str(key.value): (text(page, value), value) for key, value in _pairs(page, node, "map[string]string")}


def duration(page: Page, node: Node | None) -> timedelta | None:
    """A duration in Prometheus' syntax."""
    if node is None:
        return None
    try:
        return parse_duration(text(page, node))
    except ValueError as wrong:
        page.complain(node, str(wrong))
        return None


def integer(page: Page, node: Node | None) -> int:
    """A whole number; 0 when it is not set."""
    if node is None:
        return 0
    try:
        return int(text(page, node))
    except ValueError:
        page.complain(node, f"cannot unmarshal {_shown(node)} into int")
        return 0


def _shown(node: Node) -> str:
    tag = f"!!{node.tag.rpartition(':')[2]}"
    return f"{tag} `{node.value[:40]}`" if isinstance(node, yaml.ScalarNode) else tag
