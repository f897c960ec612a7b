"""The fields of a routing configuration, read so that every fault is told with its place and its field."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import yaml

from alerting.errors import Place, RuleProblem
from alerting.routing.matcher import Matcher, Op
from alerting.routing.parse_matcher import parse_matchers
from alerting.rules import document
from alerting.rules.document import Node, Page

LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")  # of a surrogate pair, which no UTF-8 has
_MOST_NODES: Final = 200_000
_DEEPEST: Final = 100
_GO_DURATION: Final = re.compile(r"(?P<sign>[+-]?)(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h)"
                                 r"(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))*")  # fmt: skip
_GO_PART: Final = re.compile(r"([0-9.]+)([a-zµμ]+)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(slots=True)
class Section(Page):
    """The part of a file being read: `path` is its field, as `route.routes[2]`; `warnings` are shared by all parts."""

    path: str = ""
    warnings: list[RuleProblem] = field(default_factory=list)

    def at(self, name: str | int) -> "Section":
        """The part within this one."""
        if isinstance(name, int):
            return replace(self, path=f"{self.path}[{name}]")
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    def fault(self, node: Node, message: str) -> RuleProblem:
        """A fault at a node, not noted yet."""
        mark = node.start_mark
        place = replace(self.place, line=mark.line + 1, column=mark.column + 1)
        return RuleProblem(place, f"{self.path}: {message}" if self.path else message)

    def fault_at_start(self, message: str) -> RuleProblem:
        """A fault of the file as a whole."""
        return RuleProblem(self.place, message)

    def complain(self, node: Node, message: str, line: int = 0) -> None:  # noqa: ARG002  # values here are one line
        """Note a fault at a node."""
        self.problems.append(self.fault(node, message))

    def warn(self, node: Node, message: str) -> None:
        """Note what is allowed but most likely not meant."""
        self.warnings.append(self.fault(node, message))


def compose(file: str, text: str) -> tuple[Section, Node | None]:
    """Read YAML; the node is None when the file is empty, no YAML, or grows beyond all measure by its aliases."""
    if _HALF_PAIR.search(text):
        start = Place(file, 1, 1)
        return Section(file, start, [RuleProblem(start, "yaml: no UTF-8 text")]), None
    page, root = document.compose(file, text)
    section = Section(page.file, page.place, page.problems)
    if root is None:
        return section, None
    if page.more:
        section.warnings.append(section.fault_at_start("only the first document is read"))
    try:
        count, height = _measure(root, {})
    except RecursionError:
        section.complain(root, "yaml: an anchor's value contains itself")
        return section, None
    if count > _MOST_NODES or height > _DEEPEST:
        section.complain(root, f"yaml: over {_MOST_NODES} values or {_DEEPEST} levels, aliases written out")
        return section, None
    return section, root


def _measure(node: Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values a node holds and how deep; raises RecursionError for one that holds itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    if id(node) not in known:
        known[id(node)] = (0, 0)
        below = [_measure(child, known) for child in _children(node)]
        known[id(node)] = 1 + sum(count for count, _ in below), 1 + max((height for _, height in below), default=0)
    if known[id(node)] == (0, 0):
        raise RecursionError
    return known[id(node)]


def _children(node: Node) -> Iterator[Node]:
    for child in node.value:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def fields(section: Section, node: Node, known: Collection[str], what: str) -> Mapping[str, Node]:
    """The fields that are set; unknown and repeated ones are faults."""
    return document.fields(section, node, frozenset(known), what)


def items(section: Section, node: Node | None, what: str) -> list[tuple[Section, Node]]:
    """The items of a list, null ones too, each with its part of the file."""
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        section.complain(node, f"expected a list of {what}")
        return []
    return [(section.at(index), item) for index, item in enumerate(node.value)]


def text(section: Section, node: Node | None) -> str:
    """A scalar as it is written; empty when it is not set."""
    found = document.text(section, node)
    if node is not None and _HALF_PAIR.search(found):
        section.complain(node, "no UTF-8 text")
    return found


def texts(section: Section, node: Node | None) -> list[str]:
    """A list of texts."""
    return [text(part, item) for part, item in items(section, node, "string")]


def boolean(section: Section, node: Node | None, *, default: bool) -> bool:
    """A plain yes or no, in the words YAML 1.1 has for them."""
    if node is None:
        return default
    word = node.value if isinstance(node, yaml.ScalarNode) and not node.style else None
    if word not in _TRUE and word not in _FALSE:
        section.complain(node, "expected true or false")
    return word in _TRUE


def natural(section: Section, node: Node | None) -> int:
    """A whole number from 0; 0 when it is not set."""
    number = document.integer(section, node)
    if node is not None and not 0 <= number < 2**64:
        section.complain(node, f"expected a whole number from 0 to 2^64, not {number}")
    return number


def duration(section: Section, node: Node | None, default: timedelta, *, zero: bool = True) -> timedelta:
    """A duration in Prometheus' syntax."""
    found = document.duration(section, node)
    if node is not None and found == timedelta(0) and not zero:
        section.complain(node, f"{section.path.rpartition('.')[2]} cannot be zero")
    return default if found is None else found


def go_duration(section: Section, node: Node | None) -> timedelta | None:
    """A duration as Go writes it: `10s`, `1.5h`; None when it is not set or 0."""
    word = text(section, node)
    if node is None or word == "0":
        return None
    found = _GO_DURATION.fullmatch(word)
    if found is None or found["sign"] == "-":
        section.complain(node, f"not a duration: {word[:40]!r}; write a number and a unit, such as 10s")
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _GO_PART.findall(word))
    if seconds > 2**63 / 1e9:
        section.complain(node, f"duration out of range: {word[:40]!r}")
        return None
    return timedelta(seconds=seconds) or None


def url(section: Section, node: Node) -> str:
    """The address of a web server. It may hold a secret and is not shown."""
    address = text(section, node)
    if reason := url_fault(address):
        section.complain(node, reason)
    return address


def url_fault(address: str) -> str:
    """Why an address is none of a web server, empty when it is one."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in {"http", "https"}:
        return f'unsupported scheme "{parts.scheme}" for URL'
    if not host:
        return "missing host for URL"
    return "" if address.isprintable() and " " not in parts.netloc else "a URL holds no space and no control sign"


def matchers(section: Section, node: Node | None) -> list[Matcher]:
    """A list of matchers, several in each text if need be."""
    return [matcher for part, item in items(section, node, "string") for matcher in _matchers(part, item)]


def _matchers(section: Section, node: Node) -> tuple[Matcher, ...]:
    line = text(section, node)
    try:
        return parse_matchers(line, lambda told: section.warn(node, told))
    except ValueError as wrong:
        section.complain(node, f"bad matcher {line[:80]!r}: {wrong}")
        return ()


def match(section: Section, node: Node | None) -> list[Matcher]:
    """The old form: label names and the values they must equal."""
    return [Matcher(name, Op.EQUAL, value) for name, (value, _) in _pairs(section, node).items()]


def match_re(section: Section, node: Node | None) -> list[Matcher]:
    """The old form: label names and the patterns they must match."""
    found = []
    for name, (value, value_node) in _pairs(section, node).items():
        try:
            # Alertmanager's own reading makes the anchors a part of the value, and so of the route's key.
            found.append(Matcher(name, Op.REGEX, f"^(?:{value})$"))
        except ValueError as wrong:
            section.complain(value_node, str(wrong))
        if value_node.tag.endswith(":null"):
            section.complain(value_node, f'invalid regexp value for "{name}"')
    return found


def _pairs(section: Section, node: Node | None) -> Mapping[str, tuple[str, Node]]:
    pairs = document.texts(section, node)
    for name, (_, value_node) in pairs.items():
        if not LABEL_NAME.fullmatch(name):
            section.complain(value_node, f'invalid label name "{name}"')
    return pairs
