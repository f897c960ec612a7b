"""The report on deployments as people read it in chat: DORA's four keys. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.views.blocks import (
    Block,
    Message,
    actions,
    context,
    fields,
    fitted,
    header,
    link,
    paragraphs,
    plain,
    section,
    span,
)
from engine.deployments.report import Dora, PlaceReport, Report

MOST_PLACES: Final = 20
SHARES: Final = "▁▂▃▄▅▆▇█"
HOW: Final = (
    "DORA's four keys. Roll-backs are remedies, no deployments. Lead time is from when it was asked for; a change "
    "failed when it was rolled back, at once or by the next deployment; restored is the next success. All medians."
)


def render_report(report: Report, *, board: str = "") -> Message:
    """The figures over all, one line for each place, and the way to the pictures on the `board`."""
    title = f"Deployments of the last {_days(report.days)}"
    figures = report.figures
    if not report.places:
        return Message(title, [header(title), section(_nothing(report.days)), *_link(board, report.days)])
    blocks: list[Block] = [
        header(title),
        fields(
            [
                ("Deployment frequency", f"{frequency(figures)}\n{figures.deployments:,} succeeded  {_course(report)}"),
                ("Lead time for changes", _time(figures.lead_time)),
                ("Change failure rate", _rate(figures)),
                ("Time to restore", _restored(figures)),
            ]
        ),
        *_places(report),
        *_link(board, report.days),
        context(HOW),
    ]
    return Message(f"{title}: {_spoken(figures)}", fitted(blocks))


def _nothing(days: int) -> str:
    return f"Nothing was deployed in the last {_days(days)}. `/ops deploy` starts one, and it counts once it has ended."


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"


def frequency(one: Dora) -> str:
    """`3.2 a day`, `1.4 a week` or `0.7 a month`, whichever is the first to reach one."""
    for number, unit in ((one.per_day, "day"), (one.per_day * 7, "week")):
        if number >= 1:
            return f"{number:.2g} a {unit}" if number < 100 else f"{number:,.0f} a {unit}"
    return f"{one.per_day * 30:.2g} a month" if one.deployments else "none"


def _time(time: timedelta | None) -> str:
    return "–" if time is None else span(time)


def _rate(one: Dora) -> str:
    if one.failure_rate is None:
        return "–"
    return f"{one.failure_rate * 100:.3g} % · {one.failures:,} of {one.changes:,}"


def _restored(one: Dora) -> str:
    open_ = f" · {one.unrestored:,} not yet" if one.unrestored else ""
    return f"{_time(one.restore_time)}{open_}"


def _course(report: Report) -> str:
    """How many succeeded, period by period, as a row of bars."""
    counts = [one.figures.deployments for one in report.periods]
    most = max(counts)
    return (
        "".join(SHARES[round(count / most * (len(SHARES) - 1))] if count else " " for count in counts) if most else ""
    )


def _places(report: Report) -> list[Block]:
    busiest = sorted(report.places, key=lambda one: (-one.figures.changes, one.service, one.environment))
    lines = [_place(one) for one in busiest[:MOST_PLACES]]
    left = len(busiest) - len(lines)
    return paragraphs([*lines, f"And {left} more on the board."] if left else lines)


def _place(one: PlaceReport) -> str:
    name, own = f"*{plain(one.service)}* in {plain(one.environment)}", one.figures
    times = f"lead {_time(own.lead_time)} · failed {_rate(own)} · restored {_restored(own)}"
    return f"{name}: {frequency(own)} · {times}"


def _link(board: str, days: int) -> list[Block]:
    return [actions("report", link("Pictures on the board", "report", f"{board}/reports?days={days}"))] if board else []


def _spoken(one: Dora) -> str:
    return (
        f"{frequency(one)}, lead time {_time(one.lead_time)}, failure rate {_rate(one)}, restored in {_restored(one)}"
    )
