"""Turns the text of a Prometheus rule file into groups of rules, or into faults with their places.

Source of the rules and the messages: model/rulefmt of Prometheus 3.16, as `promtool check rules` shows them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from alerting.errors import RuleProblem, TemplateError
from alerting.rules import document
from alerting.rules.document import Node, Page
from alerting.rules.expression import Expression, parse_expression
from alerting.rules.rule import AlertRule, RecordingRule, Rule, RuleGroup, RuleId, rule_id
from alerting.rules.template import Template, compile_template

_FILE_FIELDS: Final = frozenset({"groups"})
_GROUP_FIELDS: Final = frozenset({"name", "interval", "query_offset", "limit", "labels", "rules"})
_RULE_FIELDS: Final = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
# Aliases can make a short file mean a million rules.
_MOST_RULES: Final = 50_000

Texts = Mapping[str, tuple[str, Node]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the caller can do something with: recording rules, and functions that Prometheus calls experimental."""

    recording: bool = False
    experimental: bool = False


def parse_groups(file: str, text: str, allowed: Allowed) -> tuple[tuple[RuleGroup, ...], tuple[RuleProblem, ...], bool]:
    """The groups of a file, its faults in their order, and whether YAML documents follow that were not read."""
    page, root = document.compose(file, text)
    if root is None:
        return (), tuple(page.problems), page.more
    given = document.fields(page, root, _FILE_FIELDS, "rulefmt.RuleGroups")
    nodes = document.items(page, given.get("groups"), "rulefmt.RuleGroup")
    groups: list[RuleGroup] = []
    for node in nodes:
        if not document.is_mapping(node, page, "rulefmt.RuleGroup"):
            continue
        group = _parse_group(page, node, allowed)
        if group.name in {earlier.name for earlier in groups}:
            page.complain(node, f'groupname: "{group.name}" is repeated in the same file')
        groups.append(group)
    return tuple(groups), tuple(sorted(page.problems, key=_position)), page.more


def _position(problem: RuleProblem) -> tuple[int, int]:
    return problem.line, problem.column


def _parse_group(page: Page, node: Node, allowed: Allowed) -> RuleGroup:
    given = document.fields(page, node, _GROUP_FIELDS, "rulefmt.RuleGroup")
    name = _printable(document.text(page, given.get("name")))
    inside = page.within(group=name)
    if not name:
        page.complain(node, "Groupname must not be empty")
    labels = document.texts(inside, given.get("labels"))
    _check_labels(inside, labels)
    rules: list[Rule] = []
    ordinals: Counter[object] = Counter()
    for index, rule_node in enumerate(_rule_nodes(inside, given.get("rules")), start=1):
        rule = _parse_rule(inside, rule_node, index, labels, ordinals, allowed)
        rules += [rule] if rule else []
    return RuleGroup(
        name=name,
        file=page.file,
        interval=document.duration(inside, given.get("interval")) or None,
        query_offset=document.duration(inside, given.get("query_offset")),
        limit=document.integer(inside, given.get("limit")),
        labels=_plain(labels),
        rules=tuple(rules),
    )


def _rule_nodes(page: Page, node: Node | None) -> list[Node]:
    nodes = document.items(page, node, "rulefmt.Rule")
    page.rules.extend(nodes)
    if node is not None and len(page.rules) > _MOST_RULES:
        page.complain(node, f"more than {_MOST_RULES} rules in one file")
        return []
    return nodes


def _parse_rule(
    group: Page, node: Node, index: int, group_labels: Texts, ordinals: "Counter[object]", allowed: Allowed
) -> Rule | None:
    """One rule; None when it has faults, which the page then tells."""
    before = len(group.problems)
    if not document.is_mapping(node, group, "rulefmt.Rule"):
        return None
    record, alert = _names(group, node)
    name = _printable(alert or record)
    page = group.within(group=group.place.group or "", rule=index, name=name)
    given = document.fields(page, node, _RULE_FIELDS, "rulefmt.Rule")
    _check_names(page, node, given, record, alert)
    expression = _parse_expression(page, node, given.get("expr"), allowed)
    hold, keep = (document.duration(page, given.get(key)) for key in ("for", "keep_firing_for"))
    labels, annotations = (document.texts(page, given.get(key)) for key in ("labels", "annotations"))
    _check_labels(page, labels)
    _check_annotations(page, annotations)
    if record:
        alert_only = {"annotations": annotations, "for": hold, "keep_firing_for": keep}
        _check_recording(page, given["record"], record, [key for key, value in alert_only.items() if value])
    labels = {**group_labels, **labels}
    # The labels of a recording rule are no templates.
    templates = [_compile(page, what, name, texts if alert else {}) for what, texts in _texts(labels, annotations)]
    if record and not alert and not allowed.recording:
        _refuse_recording(page, given["record"], name)
    if expression is None or len(group.problems) > before:
        return None
    group_name, known_as = page.place.group or "", _next_id(page, name, _plain(labels), ordinals)
    if record:
        return RecordingRule(page.file, group_name, index, name, expression, _plain(labels), known_as)
    return AlertRule(
        file=page.file,
        group=group_name,
        index=index,
        name=name,
        expression=expression,
        for_=hold or timedelta(0),
        keep_firing_for=keep or timedelta(0),
        labels=_plain(labels),
        annotations=_plain(annotations),
        id=known_as,
        label_templates=templates[0],
        annotation_templates=templates[1],
    )


def _texts(labels: Texts, annotations: Texts) -> tuple[tuple[str, Texts], ...]:
    return ("label", labels), ("annotation", annotations)


def _plain(texts: Texts) -> Mapping[str, str]:
    return {name: value for name, (value, _) in texts.items()}


def _next_id(page: Page, name: str, labels: Mapping[str, str], ordinals: "Counter[object]") -> RuleId:
    identity = (name, tuple(sorted(labels.items())))
    ordinals[identity] += 1
    return rule_id(page.file, page.place.group or "", name, labels, ordinals[identity] - 1)


def _names(group: Page, node: Node) -> tuple[str, str]:
    """What a rule records and what it alerts as, read on a page of its own: faults are told under these names."""
    aside = Page(group.file, group.place)
    given = document.fields(aside, node, _RULE_FIELDS, "rulefmt.Rule")
    return document.text(aside, given.get("record")), document.text(aside, given.get("alert"))


def _check_names(page: Page, node: Node, given: Mapping[str, Node], record: str, alert: str) -> None:
    # A name that is no text is told here.
    document.text(page, given.get("record"))
    document.text(page, given.get("alert"))
    if record and alert:
        page.complain(given["record"], "only one of 'record' and 'alert' must be set")
    if not record and not alert:
        page.complain(node, "one of 'record' or 'alert' must be set")


def _parse_expression(page: Page, rule: Node, node: Node | None, allowed: Allowed) -> Expression | None:
    text = document.text(page, node)
    if node is None or not text:
        page.complain(node or rule, "field 'expr' must be set in rule")
        return None
    try:
        return _expression(text, experimental=allowed.experimental)
    except ValueError as wrong:
        page.complain(node, f"could not parse expression: {wrong}")
        return None


# Most texts stand in many rules, and nearly all come again when a file is reloaded.
_expression = lru_cache(maxsize=20_000)(parse_expression)
_template = lru_cache(maxsize=20_000)(compile_template)


def _check_labels(page: Page, labels: Texts) -> None:
    for label, (value, node) in labels.items():
        if not label or label == "__name__" or not _is_text(label):
            page.complain(node, f"invalid label name: {_printable(label)}")
        if not _is_text(value):
            page.complain(node, f"invalid label value: {_printable(value)}")


def _check_annotations(page: Page, annotations: Texts) -> None:
    for annotation, (_, node) in annotations.items():
        if not annotation or not _is_text(annotation):
            page.complain(node, f"invalid annotation name: {_printable(annotation)}")


def _is_text(value: str) -> bool:
    """Whether a value can be written as UTF-8, which bytes given as `!!binary` need not."""
    return _printable(value) == value


def _printable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _check_recording(page: Page, node: Node, record: str, alert_only: Iterable[str]) -> None:
    for name in alert_only:
        page.complain(node, f"invalid field '{name}' in recording rule")
    if not _is_text(record):
        page.complain(node, f"invalid recording rule name: {_printable(record)}")
    if "{" in record or "}" in record:
        page.complain(node, f"braces present in the recording rule name; should it be in expr?: {_printable(record)}")


def _refuse_recording(page: Page, node: Node, record: str) -> None:
    page.complain(
        node,
        f'recording rule "{record}" has nowhere to write its results; set `evaluation.remote_write` to the address of '
        "a remote-write receiver, or leave the rule to Prometheus",
    )


def _compile(page: Page, what: str, rule: str, texts: Texts) -> Mapping[str, Template]:
    compiled: dict[str, Template] = {}
    for name, (text, node) in texts.items():
        try:
            compiled[name] = _template(text, rule)
        except TemplateError as wrong:
            line, _, message = wrong.reason.partition(": ")
            told = f'{what} "{name}": template: __alert_{rule}:{line}: {message}'
            page.complain(node, told, _lines_below(node, int(line)))
    return compiled


def _lines_below(node: Node, line: int) -> int:
    """How far below its node line `line` of a text stands; only a literal block keeps its lines."""
    return line if getattr(node, "style", None) == "|" else 0
