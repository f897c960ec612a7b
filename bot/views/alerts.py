"""What fires, grouped by the alert's name, with what is held back marked. Pure.

Hundreds of alerts are one short answer: labels that a whole group shares are said once, what is left out is counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.readings.held_back import TOLD, HeldBack
from bot.readings.now import AlertRow
from bot.views.blocks import Block, Message, code, context, cut, cut_markup, escape, fitted, plain, section, when
from bot.views.numbers import number

MOST_GROUPS: Final = 10
MOST_LINES: Final = 4
LABELS_TEXT: Final = 400
QUIET: Final = frozenset({"alertname"})
MARKS: Final = {
    "firing": "🔴 firing",
    "pending": "🟡 pending",
    "silenced": "🔕 silenced",
    "inhibited": "🔕 inhibited",
    "muted": "🔕 muted",
}


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert, the silence that mutes it ("" for none), and what else holds it back."""

    row: AlertRow
    silence: str = ""
    held: HeldBack = TOLD

    @property
    def state(self) -> str:
        """firing, pending, or what holds it back: silenced, inhibited or muted by time intervals."""
        if self.silence:
            return "silenced"
        if self.held.inhibited_by:
            return "inhibited"
        return "muted" if self.held.muted_by and not self.held.in_part else self.row.state

    @property
    def by(self) -> str:
        """What holds it back, or holds back some of those who would be told."""
        match self.state:
            case "silenced":
                return f" by {code(self.silence[:8])}"
            case "inhibited":
                return f" by {code(self.held.inhibited_by, 100)}"
        times = code(", ".join(self.held.muted_by), 100) if self.held.muted_by else ""
        return (f", to some muted by {times}" if self.held.in_part else f" by {times}") if times else ""


def render_alerts(alerts: Sequence[ShownAlert], *, asked: str = "") -> Message:
    """All of them by name, the loudest groups first; `asked` are the matchers they had to match, as they were typed."""
    if not alerts:
        return _none(asked)
    groups = _groups(alerts)
    blocks = [section(_summary(alerts, asked)), *(_group(name, some) for name, some in groups[:MOST_GROUPS])]
    left = groups[MOST_GROUPS:]
    if left:
        blocks.append(context(_left(left)))
    spoken = f"{_counted(alerts)}: {', '.join(name for name, _ in groups)}"
    return Message(escape(cut(spoken, 1000)), fitted(blocks))


def _none(asked: str) -> Message:
    if not asked:
        text = "No alert is pending or firing."
        return Message(text, [section(text)])
    return Message(
        escape(cut(f"No alert that is pending or firing matches {asked}.", 500)),
        [section(f"No alert that is pending or firing matches {code(asked)}."), context("`/ops alerts` shows all.")],
    )


def _groups(alerts: Sequence[ShownAlert]) -> list[tuple[str, list[ShownAlert]]]:
    groups: defaultdict[str, list[ShownAlert]] = defaultdict(list)
    for alert in alerts:
        groups[alert.row.name].append(alert)
    return sorted(groups.items(), key=lambda group: (-_loud(group[1]), -len(group[1]), group[0]))


def _loud(alerts: Sequence[ShownAlert]) -> int:
    return sum(alert.state == "firing" for alert in alerts)


def _summary(alerts: Sequence[ShownAlert], asked: str) -> str:
    matching = f" match {code(asked)}" if asked else ""
    return f"*{_counted(alerts)}*{matching}"


def _counted(alerts: Sequence[ShownAlert]) -> str:
    """`3 firing, 1 pending, 2 silenced, 1 muted`."""
    counts = {state: sum(alert.state == state for alert in alerts) for state in MARKS}
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def _group(name: str, alerts: Sequence[ShownAlert]) -> Block:
    """The group's labels once, then each alert by what tells it from the others."""
    ordered = sorted(alerts, key=lambda alert: (list(MARKS).index(alert.state), alert.row.since))
    common = _common([alert.row.labels for alert in ordered])
    head = f"*{plain(cut(name, 100))}* · {_counted(ordered)}"
    shared = _labels(common)
    lines = [f"{head}\n{shared}" if shared else head]
    lines += [_line(alert, common) for alert in ordered[:MOST_LINES]]
    if len(ordered) > MOST_LINES:
        lines.append(f"_and {len(ordered) - MOST_LINES:,} more_")
    return section("\n".join(lines))


def _common(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = labels
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def _line(alert: ShownAlert, common: Mapping[str, str]) -> str:
    row = alert.row
    own = _labels({name: value for name, value in row.labels.items() if name not in common})
    return " · ".join(
        part for part in (f"{MARKS[alert.state]}{alert.by}", own, _value(row), f"since {when(row.since)}") if part
    )


def _value(row: AlertRow) -> str:
    # Whoever told the alert may not have told a value.
    return "" if math.isnan(row.value) else f"value {number(row.value, '')}"


def _labels(labels: Mapping[str, str]) -> str:
    shown = (code(f"{name}={value}", 100) for name, value in sorted(labels.items()) if name not in QUIET)
    return cut_markup(" ".join(shown), LABELS_TEXT)


def _left(groups: Sequence[tuple[str, Sequence[ShownAlert]]]) -> str:
    count = sum(len(alerts) for _, alerts in groups)
    kinds = f"{len(groups):,} other kinds" if len(groups) > 1 else "another kind"
    return f'{count:,} more of {kinds}. Narrow it: `/ops alerts severity="page"`.'
