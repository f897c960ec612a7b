"""Which rules of a group must wait for which, so that each sees what it would see one after the other.

A rule comes after the earlier ones whose results it reads: recorded metrics by their name, and the ALERTS series
of alert rules. One whose result an earlier rule reads is never before that rule, which is to see the last value.
Results are to be written once everything of a step was asked.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from alerting.rules.expression import Expression
from alerting.rules.rule import AlertRule, RecordingRule

R = TypeVar("R", bound=AlertRule | RecordingRule)

# What is read and written goes by keys; no metric and no alert has one of these.
_ANYTHING: Final = "*"
_ANY_ALERT: Final = "ALERTS *"


def stages(rules: Sequence[R]) -> list[list[R]]:
    """The rules of one group in steps; those of one step do not depend on each other."""
    steps: list[list[R]] = []
    # By key: the first step after all who write it, and the last step of those who read it.
    written: dict[str, int] = {}
    read: dict[str, int] = {}
    for rule in rules:
        reads, writes = _reads(rule.expression), _writes(rule)
        step = max([*(written.get(key, 0) for key in reads), *(read.get(key, 0) for key in writes)])
        if step == len(steps):
            steps.append([])
        steps[step].append(rule)
        written |= {key: max(step + 1, written.get(key, 0)) for key in writes}
        read |= {key: max(step, read.get(key, 0)) for key in reads}
    return steps


def _reads(expression: Expression) -> tuple[str, ...]:
    if expression.reads is None:
        return (_ANYTHING,)
    alerts = expression.reads_alerts
    return (*expression.reads, *([_ANY_ALERT] if alerts is None else map(_alert, alerts)))


def _writes(rule: AlertRule | RecordingRule) -> tuple[str, ...]:
    if isinstance(rule, RecordingRule):
        return rule.name, _ANYTHING
    return _alert(rule.name), _ANY_ALERT, _ANYTHING


def _alert(name: str) -> str:
    return f"ALERTS {name!r}"
