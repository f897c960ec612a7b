"""How often a value that moves is told again: people, the log and chat need it now and then only. Pure.

Chat rewrites at most 50 messages a minute (bot/chat/budget.py). A value that moved may take a quarter of that, so that
what happened never waits for it: with N incidents open each is rewritten every N × 4.8 s. What is written down more
often nobody ever sees. Times are cut into windows of the pace, shifted for each rule, so that not all rules are told
at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zlib import crc32

LEAST = timedelta(seconds=10)
SHARE = timedelta(seconds=4.8)
"""What one incident more takes of the budget."""


def pace(incidents: int) -> timedelta:
    """How often an alert's value is told while so many incidents are open."""
    return max(LEAST, SHARE * incidents)


def due(rule: str, last: datetime, now: datetime, every: timedelta) -> bool:
    """Whether a window of `every` has begun since `last`, for the alerts of this rule."""
    return last < _begun(rule, now, every)


# All alerts of a rule ask the same.
@lru_cache(maxsize=4096)
def _begun(rule: str, now: datetime, every: timedelta) -> datetime:
    seconds = every.total_seconds()
    return now - timedelta(seconds=(now.timestamp() + crc32(rule.encode()) % seconds) % seconds)
