"""Figures as lines to read and as the page docs/benchmarks.md."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench.figure import Figure

INTRO: Final = """# Benchmarks

Written by `make bench`, which measures the product as it runs: `pilothouse serve` as a process of its own, the embedded
workspace over Socket Mode, real instances, the real proxy. All of it shares one machine with the load it is under.
Every figure is the median of its runs after a warm-up; beside it are the least and the most of them.
"""


def line(figure: Figure) -> str:
    """One line for a terminal."""
    aim = "" if figure.aim is None else f", aim ≤ {_number(figure.aim)}: {_verdict(figure)}"
    return f"{figure.what}: {_number(figure.value)} {figure.unit} ({_spread(figure)}){aim}"


def page(figures: Sequence[Figure], missing: Sequence[str], facts: Mapping[str, str], command: str) -> str:
    """The page: the table, what could not be measured, how each was measured, and on what."""
    rows = [_row("Figure", "Median", "Least to most (runs)", "Aim", "Met"), "|---|--:|--:|--:|---|"]
    rows += [
        _row(one.what, f"{_number(one.value)} {one.unit}", _spread(one), _aim(one), _verdict(one)) for one in figures
    ]
    parts = [INTRO, "\n".join(rows), _missing(missing), _how(figures), _facts(facts, command)]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def _missing(missing: Sequence[str]) -> str:
    return "\n".join(["Not measured:", "", *(f"- {one}" for one in missing)]) if missing else ""


def _how(figures: Sequence[Figure]) -> str:
    """One line for each way of measuring, with the figures it gave."""
    ways: dict[str, list[str]] = {}
    for one in figures:
        ways.setdefault(one.how, []).append(one.what)
    return "\n".join(["## How", "", *(f"- **{'; '.join(names)}:** {how}." for how, names in ways.items())])


def _facts(facts: Mapping[str, str], command: str) -> str:
    rows = [_row("", ""), "|---|---|", *(_row(name, value) for name, value in facts.items())]
    return "\n".join(["## On what", "", f"Command: `{command}`", "", *rows])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(figure: Figure) -> str:
    return f"{_number(min(figure.runs))} to {_number(max(figure.runs))} ({len(figure.runs)})"


def _aim(figure: Figure) -> str:
    return "" if figure.aim is None else f"≤ {_number(figure.aim)} {figure.unit}"


def _verdict(figure: Figure) -> str:
    return {None: "", True: "yes", False: "no"}[figure.met]


def _number(value: float) -> str:
    """Three digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
