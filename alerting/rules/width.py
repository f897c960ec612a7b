"""How many expressions share a query, learned from what the source takes for them. Pure.

Starting from 50, the next size up or down the ladder is tried now and then and kept when it costs less for each
expression; a size that the source refuses is not tried again for a long while.
"""

from dataclasses import dataclass, field
from typing import Final

from alerting.rules.batch import USUAL

LADDER: Final = (1, 2, 5, 10, 25, USUAL, 75, 100)
_ENOUGH: Final = 8  # full batches, after which a size is judged
_BETTER: Final = 0.95
_PATIENCE: Final = 25  # judgements until another size is tried
_LONG: Final = 400
_WEIGHT: Final = 0.25


@dataclass(slots=True)
class Width:
    """The size for one source. `cost` is seconds for each expression, smoothed, by place on the ladder."""

    place: int = LADDER.index(USUAL)
    _home: int = LADDER.index(USUAL)
    _cost: dict[int, float] = field(default_factory=dict)
    _seen: int = 0
    _rest: int = 1
    _refused: dict[int, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many expressions to put into one query now."""
        return LADDER[self.place]

    def answered(self, count: int, seconds: float) -> None:
        """A query of `count` expressions was answered; those that were not full say nothing of the size."""
        if count != self.size:
            return
        each, before = seconds / count, self._cost.get(self.place)
        self._cost[self.place] = each if before is None else before + _WEIGHT * (each - before)
        self._seen += 1
        if self._seen >= _ENOUGH:
            self._judge()

    def refused(self, count: int) -> None:
        """A query of `count` expressions was too much, though none of them alone was: take fewer."""
        smaller = [place for place, size in enumerate(LADDER) if size < count]
        if not smaller or count > self.size:
            return
        self._refused |= dict.fromkeys(range(smaller[-1] + 1, len(LADDER)), _LONG)
        self._settle(smaller[-1])
        self._rest = _PATIENCE

    def _judge(self) -> None:
        self._seen = 0
        self._refused = {place: left - 1 for place, left in self._refused.items() if left > 1}
        if self.place != self._home:
            better = self._cost[self.place] < self._cost[self._home] * _BETTER
            self._settle(self.place if better else self._home)
            self._rest = 1 if better else _PATIENCE
            return
        self._rest -= 1
        if self._rest <= 0:
            self._try_another()

    def _try_another(self) -> None:
        """The next size up, or down when that is known to cost more."""
        self._rest = _PATIENCE
        around = [p for p in (self._home + 1, self._home - 1) if 0 <= p < len(LADDER) and p not in self._refused]
        # What was never tried, else what cost less when it was.
        self.place = min(around, key=lambda p: self._cost.get(p, 0.0), default=self._home)

    def _settle(self, place: int) -> None:
        self.place = self._home = place
        self._seen = 0
