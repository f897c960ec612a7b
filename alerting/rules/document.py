"""A rule file as YAML nodes, read field by field so that every fault is told with its place."""

import base64
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeGuard

import yaml
import yaml.reader

from alerting.errors import Place, RuleProblem
from alerting.metrics.duration import parse_duration

Node = yaml.Node
_NULL: Final = "tag:yaml.org,2002:null"
_DEEPEST: Final = 50
_MERGE: Final = "tag:yaml.org,2002:merge"
_BOOLEAN: Final = "tag:yaml.org,2002:bool"
_BINARY: Final = "tag:yaml.org,2002:binary"
# PyYAML reads YAML 1.1, for which 1e3 and 0o17 are text and 1:30 is a number.
_TEXT: Final = "tag:yaml.org,2002:str"
_NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_QUOTES: Final = frozenset({"'", '"', "|", ">"})
_OCTAL: Final = re.compile(r"[-+]?0[0-7]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DEEPEST_MERGE: Final = 20
_MOST_MERGES: Final = 10_000
_SHOWN: Final = 10


@dataclass(slots=True)
class Page:
    """The faults found so far in one file, and the group and rule being read (`place`).

    `more` says that further documents follow the first; `merged` holds every mapping merged into another,
    `rules` every rule met so far, to bound both.
    """

    file: str
    place: Place
    problems: list[RuleProblem] = field(default_factory=list)
    more: bool = False
    merged: list[Node] = field(default_factory=list)
    rules: list[Node] = field(default_factory=list)

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
    """Read the first document of a YAML text; the node is None when it is empty or wrong (then the page says why)."""
    page = Page(file, Place(file, 1, 1))
    try:
        if _is_shallow(text):
            return page, _first_document(page, text)
        page.problems.append(RuleProblem(page.place, f"yaml: nested deeper than {_DEEPEST} levels"))
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = replace(page.place, line=mark.line + 1, column=mark.column + 1) if mark else page.place
        page.problems.append(RuleProblem(place, f"yaml: {_in_go(wrong.problem, text, mark)}"))
    except yaml.reader.ReaderError as wrong:
        page.problems.append(RuleProblem(page.place, f"yaml: {wrong.reason}"))
    return page, None


def _first_document(page: Page, text: str) -> Node | None:
    loader = yaml.CSafeLoader(text)
    try:
        node: Node | None = loader.get_node() if loader.check_node() else None
        page.more = _has_more(loader)
    finally:
        loader.dispose()
    return node


def _has_more(loader: yaml.CSafeLoader) -> bool:
    try:
        return bool(loader.check_node())
    except yaml.YAMLError:
        return True


def _in_go(problem: str | None, text: str, mark: yaml.Mark | None) -> str:
    """The words of Go's reader, which differ for an alias of nothing only."""
    if problem == "found undefined alias" and mark is not None:
        name = re.match(r"\*([\w-]+)", "".join(text.splitlines()[mark.line : mark.line + 1])[mark.column :])
        return f"unknown anchor '{name[1] if name else ''}' referenced"
    return problem or "cannot be read"


def _is_shallow(text: str) -> bool:
    # The composer descends on the machine's stack, so depth is counted before it may end the process.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return False
        if isinstance(event, yaml.DocumentEndEvent):
            break
    return True


def is_mapping(node: Node, page: Page, type_name: str) -> TypeGuard[yaml.MappingNode]:
    """Whether a node has fields; what has none is a fault, but for null."""
    if not isinstance(node, yaml.MappingNode) and node.tag != _NULL:
        page.complain(node, f"cannot unmarshal {_shown(node)} into {type_name}")
    return isinstance(node, yaml.MappingNode)


def fields(page: Page, node: Node, known: frozenset[str], type_name: str) -> Mapping[str, Node]:
    """The fields of a mapping that are set; unknown and repeated ones are faults."""
    found: dict[str, Node] = {}
    for key, value in _pairs(page, node, type_name):
        name = text(page, key)
        if name not in known:
            page.complain(key, f"field {name} not found in type {type_name}")
        elif value.tag != _NULL:
            found[name] = value
    return found


def _pairs(page: Page, node: Node, type_name: str) -> Iterator[tuple[Node, Node]]:
    """Keys and values, those of merged mappings (`<<`) first, so that those written here win."""
    if not is_mapping(node, page, type_name):
        return
    lines: dict[str, int] = {}
    yield from _merged(page, node, 0)
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in lines:
            page.complain(key, f'mapping key "{key.value}" already defined at line {lines[key.value]}')
        elif isinstance(key, yaml.ScalarNode):
            lines[key.value] = key.start_mark.line + 1
            # As for Go's reader, a key that is null is none.
            if key.tag not in {_MERGE, _NULL}:
                yield key, value
        else:
            page.complain(key, f"cannot unmarshal {_shown(key)} into string")


def _merged(page: Page, node: yaml.MappingNode, depth: int) -> Iterator[tuple[Node, Node]]:
    for key, value in node.value:
        if key.tag != _MERGE:
            continue
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        # Where two merged mappings hold one key, the first wins.
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                page.complain(value, "map merge requires map or sequence of maps as the value")
            elif depth == _DEEPEST_MERGE or len(page.merged) >= _MOST_MERGES:
                page.complain(key, "document contains excessive aliasing")
                return
            else:
                page.merged.append(source)
                yield from _merged(page, source, depth + 1)
                yield from ((k, v) for k, v in source.value if k.tag != _MERGE and isinstance(k, yaml.ScalarNode))


def items(page: Page, node: Node | None, type_name: str) -> list[Node]:
    """The items of a list, less those that are null; nothing when it is not set."""
    if node is None:
        return []
    if isinstance(node, yaml.SequenceNode):
        return [item for item in node.value if item.tag != _NULL]
    page.complain(node, f"cannot unmarshal {_shown(node)} into []{type_name}")
    return []


def text(page: Page, node: Node | None) -> str:
    """A scalar as it is written, `!!binary` decoded; empty when it is not set."""
    if node is None or node.tag == _NULL:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        page.complain(node, f"cannot unmarshal {_shown(node)} into string")
        return ""
    return _decoded(page, node) if node.tag == _BINARY else str(node.value)


def _decoded(page: Page, node: yaml.ScalarNode) -> str:
    try:
        # Bytes that are no text stay recognizable, so that whoever needs text can complain.
        return base64.b64decode(node.value, validate=True).decode("utf-8", "surrogateescape")
    except ValueError:
        page.complain(node, "!!binary value contains invalid base64 data")
        return ""


def texts(page: Page, node: Node | None) -> Mapping[str, tuple[str, Node]]:
    """A mapping of text to text, each with the node of its value."""
    if node is None:
        return {}
    return {text(page, key): (text(page, value), value) for key, value in _pairs(page, node, "map[string]string")}


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
    number = _as_integer(node) if isinstance(node, yaml.ScalarNode) else None
    if number is None:
        page.complain(node, f"cannot unmarshal {_shown(node)} into int")
    return number or 0


def _as_integer(node: yaml.ScalarNode) -> int | None:
    """As Go's reader takes numbers: also `0x1F`, `010` (octal), `1_000`, and `2.9`, which it cuts to 2."""
    written = node.value.replace("_", "")
    if node.tag not in _NUMBERS and (node.tag != _TEXT or node.style in _QUOTES):
        return None
    try:
        number: float = int(written, 8 if _OCTAL.fullmatch(written) else 0)
    except ValueError:
        number = float(written) if _FLOAT.fullmatch(written) else math.inf
    return int(number) if -(2**63) <= number < 2**63 else None


def number(page: Page, node: Node | None) -> float:
    """A floating-point number; 0 when it is not set."""
    if node is None:
        return 0.0
    written = node.value.replace("_", "") if isinstance(node, yaml.ScalarNode) else ""
    if _SPECIAL.fullmatch(written):
        return float(written.replace(".", ""))
    whole = _as_integer(node) if isinstance(node, yaml.ScalarNode) else None
    if whole is None:
        page.complain(node, f"cannot unmarshal {_shown(node)} into float64")
        return 0.0
    return float(written) if _FLOAT.fullmatch(written) and not _OCTAL.fullmatch(written) else float(whole)


def boolean(page: Page, node: Node | None) -> bool:
    """True or false, also as `yes` and `off`; false when it is not set."""
    if node is None:
        return False
    if node.tag != _BOOLEAN:
        page.complain(node, f"cannot unmarshal {_shown(node)} into bool")
    return str(node.value).lower() in {"true", "yes", "on", "y"}


def _shown(node: Node) -> str:
    tag = f"!!{node.tag.rpartition(':')[2]}" if ":" in node.tag else node.tag
    if not isinstance(node, yaml.ScalarNode):
        return tag
    return f"{tag} `{node.value if len(node.value) <= _SHOWN else node.value[: _SHOWN - 3] + '...'}`"
