"""Reads Prometheus rule files and tells every fault of every file at once.

Source of the rules and the messages: model/rulefmt of Prometheus 3, as `promtool check rules` shows them.
"""

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import yaml

from alerting.errors import Place, RuleProblem, TemplateError
from alerting.rules import document
from alerting.rules.document import Node, Page
from alerting.rules.expression import Expression, parse_expression
from alerting.rules.rule import AlertRule, RecordingRule, Rule, RuleGroup, RuleId, rule_id
from alerting.rules.template import Template, compile_template

_FILE_FIELDS: Final = frozenset({"groups"})
_GROUP_FIELDS: Final = frozenset({"name", "interval", "query_offset", "limit", "labels", "rules"})
_RULE_FIELDS: Final = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_ALERT_ONLY: Final = ("annotations", "for", "keep_firing_for")


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What was read. With problems the groups are incomplete and must not replace a running set.

    `unmatched` are globs that matched no file, which Prometheus allows. `recording` says that results are written
    back, so that recording rules are among the groups and alerts have series of their own.
    """

    groups: tuple[RuleGroup, ...]
    problems: tuple[RuleProblem, ...]
    unmatched: tuple[str, ...] = ()
    recording: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but most likely not meant, each a sentence to show."""
        rules = [rule for group in self.groups for rule in group.alert_rules if not self.recording]
        ours = {rule.name for rule in rules}
        return (
            *(f"no file matches {pattern}" for pattern in self.unmatched),
            *(
                f'{rule.file}: group "{rule.group}", rule {rule.index}, "{rule.name}": reads ALERTS of "{name}", '
                "which is evaluated here and not written back, so Prometheus has no such series"
                for rule in rules
                for name in sorted((rule.expression.reads_alerts or frozenset()) & ours)
            ),
        )


def load_rule_files(globs: Sequence[str], *, recording: bool = False) -> LoadedRules:
    """Read every file the globs name, each once, in order of their names. Never raises for a bad file.

    `recording` says that there is an address to write results back to; without it recording rules are problems.
    """
    groups: list[RuleGroup] = []
    problems: list[RuleProblem] = []
    # Path.glob reads no absolute pattern.
    matches = {pattern: sorted(glob.glob(pattern, recursive=True)) for pattern in globs}  # noqa: PTH207
    named = {pattern for pattern in globs if not glob.has_magic(pattern)}
    for file in dict.fromkeys(file for pattern in globs for file in matches[pattern] or {pattern} & named):
        loaded = _load_file(file, recording=recording)
        groups += loaded.groups
        problems += loaded.problems
    unmatched = tuple(pattern for pattern in globs if not matches[pattern] and pattern not in named)
    return LoadedRules(tuple(groups), tuple(problems), unmatched, recording)


def _load_file(file: str, *, recording: bool) -> LoadedRules:
    try:
        return parse_rules(file, Path(file).read_text(encoding="utf-8"), recording=recording)
    except OSError as wrong:
        problem = RuleProblem(Place(file, 1, 1), f"cannot be read: {wrong.strerror or wrong}")
    except UnicodeDecodeError as wrong:
        problem = RuleProblem(Place(file, 1, 1), f"yaml: invalid UTF-8 at byte {wrong.start}")
    return LoadedRules((), (problem,))


def parse_rules(file: str, text: str, *, recording: bool = False) -> LoadedRules:
    """Read the text of one rule file; `file` is the name its problems are told under."""
    page, root = document.compose(file, text)
    if root is None:
        return LoadedRules((), tuple(page.problems))
    given = document.fields(page, root, _FILE_FIELDS, "rulefmt.RuleGroups")
    nodes = document.items(page, given.get("groups"), "rulefmt.RuleGroup")
    groups = [_parse_group(page, node, recording=recording) for node in nodes]
    names: set[str] = set()
    for node, group in zip(nodes, groups, strict=True):
        if group.name in names:
            page.complain(node, f'groupname: "{group.name}" is repeated in the same file')
        names.add(group.name)
    return LoadedRules(tuple(groups), tuple(sorted(page.problems, key=_position)), recording=recording)


def _position(problem: RuleProblem) -> tuple[int, int]:
    return problem.line, problem.column


def _parse_group(page: Page, node: Node, *, recording: bool) -> RuleGroup:
    given = document.fields(page, node, _GROUP_FIELDS, "rulefmt.RuleGroup")
    name = document.text(page, given.get("name"))
    inside = page.within(group=name)
    if not name:
        page.complain(node, "Groupname must not be empty")
    labels = document.texts(inside, given.get("labels"))
    _check_labels(inside, labels)
    rules: list[Rule] = []
    ordinals: Counter[object] = Counter()
    for index, rule_node in enumerate(document.items(inside, given.get("rules"), "rulefmt.Rule"), start=1):
        rule = _parse_rule(inside, rule_node, index, labels, ordinals, recording=recording)
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


Texts = Mapping[str, tuple[str, Node]]


def _parse_rule(
    group: Page, node: Node, index: int, group_labels: Texts, ordinals: "Counter[object]", *, recording: bool
) -> Rule | None:
    """One rule; None when it has faults, which the page then tells."""
    before = len(group.problems)
    name = _name(node)
    page = group.within(group=group.place.group or "", rule=index, name=name)
    given = document.fields(page, node, _RULE_FIELDS, "rulefmt.Rule")
    _check_name(page, node, given)
    expression = _parse_expression(page, node, given.get("expr"))
    hold, keep = (document.duration(page, given.get(key)) for key in ("for", "keep_firing_for"))
    labels, annotations = (document.texts(page, given.get(key)) for key in ("labels", "annotations"))
    _check_labels(page, labels)
    _check_annotations(page, annotations)
    labels = {**group_labels, **labels}
    if "record" in given:
        _check_recording(page, given, recording=recording)
    templates = _compile(page, "label", name, labels), _compile(page, "annotation", name, annotations)
    if expression is None or len(group.problems) > before:
        return None
    group_name, rule_id_ = page.place.group or "", _next_id(page, name, _plain(labels), ordinals)
    if "record" in given:
        return RecordingRule(page.file, group_name, index, name, expression, _plain(labels), rule_id_)
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
        id=rule_id_,
        label_templates=templates[0],
        annotation_templates=templates[1],
    )


def _plain(texts: Texts) -> Mapping[str, str]:
    return {name: value for name, (value, _) in texts.items()}


def _next_id(page: Page, name: str, labels: Mapping[str, str], ordinals: "Counter[object]") -> RuleId:
    identity = (name, tuple(sorted(labels.items())))
    ordinals[identity] += 1
    return rule_id(page.file, page.place.group or "", name, labels, ordinals[identity] - 1)


def _name(node: Node) -> str:
    """The name a rule goes by in messages, read before its fields are checked."""
    if not isinstance(node, yaml.MappingNode):
        return ""
    names = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return str(names.get("alert") or names.get("record") or "")


def _check_name(page: Page, node: Node, given: Mapping[str, Node]) -> None:
    record, alert = document.text(page, given.get("record")), document.text(page, given.get("alert"))
    if record and alert:
        page.complain(given["record"], "only one of 'record' and 'alert' must be set")
    if not record and not alert:
        page.complain(node, "one of 'record' or 'alert' must be set")


def _parse_expression(page: Page, rule: Node, node: Node | None) -> Expression | None:
    text = document.text(page, node)
    if node is None or not text:
        page.complain(node or rule, "field 'expr' must be set in rule")
        return None
    try:
        return parse_expression(text)
    except ValueError as wrong:
        page.complain(node, f"could not parse expression: {wrong}")
        return None


def _check_labels(page: Page, labels: Texts) -> None:
    for label, (_, node) in labels.items():
        if not label or label == "__name__":
            page.complain(node, f"invalid label name: {label}")


def _check_annotations(page: Page, annotations: Texts) -> None:
    for annotation, (_, node) in annotations.items():
        if not annotation:
            page.complain(node, "invalid annotation name: ")


def _check_recording(page: Page, given: Mapping[str, Node], *, recording: bool) -> None:
    node = given["record"]
    for alert_only in _ALERT_ONLY:
        value = given.get(alert_only)
        if value is not None and value.value not in ([], "0", "0s"):
            page.complain(node, f"invalid field '{alert_only}' in recording rule")
    record = document.text(page, node)
    if "{" in record or "}" in record:
        page.complain(node, f"braces present in the recording rule name; should it be in expr?: {record}")
    if not recording:
        page.complain(
            node,
            f'recording rule "{record}" has nowhere to write its results; set the address of a remote-write receiver '
            "or leave the rule to Prometheus",
        )


def _compile(page: Page, what: str, rule: str, texts: Texts) -> Mapping[str, Template]:
    compiled: dict[str, Template] = {}
    for name, (text, node) in texts.items():
        try:
            compiled[name] = compile_template(text)
        except TemplateError as wrong:
            line, _, message = wrong.reason.partition(": ")
            told = f'{what} "{name}": template: __alert_{rule}:{line}: {message}'
            page.complain(node, told, _lines_below(node, int(line)))
    return compiled


def _lines_below(node: Node, line: int) -> int:
    """How far below its node line `line` of a text stands; only a literal block keeps its lines."""
    return line if getattr(node, "style", None) == "|" else 0
