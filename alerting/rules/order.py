"""Which rules must wait for which: a rule that reads the alerts of an earlier one in its group comes after it."""

from collections.abc import Sequence

from alerting.rules.rule import AlertRule


def stages(rules: Sequence[AlertRule]) -> list[list[AlertRule]]:
    """The rules of one group in steps; those of one step do not depend on each other."""
    steps: list[list[AlertRule]] = []
    placed: list[tuple[str, int]] = []
    for rule in rules:
        step = max((at + 1 for name, at in placed if rule.expression.depends_on(name)), default=0)
        if step == len(steps):
            steps.append([])
        steps[step].append(rule)
        placed.append((rule.name, step))
    return steps
