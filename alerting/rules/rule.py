"""Rule groups, alert rules and recording rules as they were read: values that never change."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NewType

from alerting.rules.expression import Expression
from alerting.rules.template import Template

RuleId = NewType("RuleId", str)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert rule; `index` counts in its group from 1, `labels` are merged with those of the group.

    `id` stays the same over reloads and restarts while file, group, name and labels do.
    """

    file: str
    group: str
    index: int
    name: str
    expression: Expression
    for_: timedelta
    keep_firing_for: timedelta
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    id: RuleId
    label_templates: Mapping[str, Template] = field(repr=False, compare=False)
    annotation_templates: Mapping[str, Template] = field(repr=False, compare=False)

    @property
    def expr(self) -> str:
        """The expression as it was written."""
        return self.expression.text


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """One recording rule: what `expression` gives is written back as the metric `name`.

    `labels` are those of the group and the rule together and are set on every sample, as they are written: they are
    no templates, and an empty value takes the label away. `index` and `id` are as those of an alert rule.
    """

    file: str
    group: str
    index: int
    name: str
    expression: Expression
    labels: Mapping[str, str]
    id: RuleId

    @property
    def expr(self) -> str:
        """The expression as it was written."""
        return self.expression.text


Rule = AlertRule | RecordingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated together; `interval` and `query_offset` None mean the installation's own."""

    name: str
    file: str
    interval: timedelta | None
    query_offset: timedelta | None
    limit: int
    labels: Mapping[str, str]
    rules: tuple[Rule, ...]

    @property
    def alert_rules(self) -> tuple[AlertRule, ...]:
        """Those of its rules that make alerts, in their order."""
        return tuple(rule for rule in self.rules if isinstance(rule, AlertRule))

    @property
    def key(self) -> tuple[str, str]:
        """What tells this group from every other."""
        return self.file, self.name


def rule_id(file: str, group: str, name: str, labels: Mapping[str, str], ordinal: int) -> RuleId:
    """The id of the `ordinal`-th rule (from 0) with this file, group, name and labels."""
    parts = [file, group, name, str(ordinal), *(f"{k}\xff{labels[k]}" for k in sorted(labels))]
    return RuleId(hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16])
