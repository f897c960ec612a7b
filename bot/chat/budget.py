"""How much may be said, as a token bucket. Pure: time is an argument.

Source: Slack's "Rate limits": a post a second and channel with short bursts; updates are in Tier 3, 50 a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Budget:
    """Refilled with `per_second` calls up to `burst`; full at first."""

    per_second: float
    burst: float
    left: float | None = None
    counted_at: datetime | None = None

    def free_at(self, now: datetime, *, keep: float = 0) -> datetime:
        """When one more may go with `keep` left for what is more urgent."""
        lacking = 1 + keep - self._tokens(now)
        return now if lacking <= 0 else now + timedelta(seconds=lacking / self.per_second)

    def spend(self, now: datetime) -> None:
        """One went."""
        self.left = self._tokens(now) - 1
        self.counted_at = now

    def _tokens(self, now: datetime) -> float:
        if self.left is None or self.counted_at is None:
            return self.burst
        return min(self.burst, self.left + max((now - self.counted_at).total_seconds(), 0) * self.per_second)
