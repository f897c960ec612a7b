"""Rows in columns, for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WIDEST: Final = 120  # characters of one cell; a table that wraps is no table


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under their heads, each column as wide as it needs; what a terminal would act on is left out."""
    cells = [list(heads), *([_cell(text) for text in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cell(text: str) -> str:
    seen = "".join(letter if letter.isprintable() else " " for letter in text)
    return seen if len(seen) <= WIDEST else f"{seen[: WIDEST - 1]}…"
