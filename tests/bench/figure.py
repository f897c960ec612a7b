"""One figure: what was measured, every run of it, and the aim it is held to."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`runs` are the values of repeated runs, in `unit`; their median is the figure. `aim` is the most it may be.

    `how` says from which moment to which, or what was counted.
    """

    what: str
    unit: str
    runs: tuple[float, ...]
    how: str
    aim: float | None = None

    @property
    def value(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)

    @property
    def met(self) -> bool | None:
        """Whether the aim was met; None where there is none."""
        return None if self.aim is None else self.value <= self.aim


Measure = Callable[[], Awaitable[Sequence[Figure]]]


class NotHere(Exception):
    """What the figure is measured beside is missing on this machine; the text says what to install."""


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
