"""Which rules must wait for which: a rule that reads the alerts of an earlier one in its group comes after it."""

from collections.abc import Sequence

from alerting.rules.rule import AlertRule


def stages(rules: Sequence[AlertRule]) -> list[list[AlertRule]]:
    """The rules of one group in steps; those of one step do not depend on each other."""
    steps: list[list[AlertRule]] = []
    # The first step after the rules of a name; rules that read no alerts, nearly all, cost one look-up.
    free: dict[str, int] = {}
    for rule in rules:
        reads = rule.expression.reads_alerts
        names = free.keys() if reads is None else reads
        step = max((free.get(name, 0) for name in names), default=0)
        if step == len(steps):
            steps.append([])
        steps[step].append(rule)
        free[rule.name] = max(step + 1, free.get(rule.name, 0))
    return steps
