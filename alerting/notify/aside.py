"""Long reckoning beside the event loop, so that one large group does not hold up all others."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

MANY: Final = 500
"""Alerts, from which on going to a thread and back costs less than what others would wait."""

Made = TypeVar("Made")


async def aside(alerts: int, work: Callable[[], Made]) -> Made:
    """What pure `work` makes of so many alerts: at once of few, in a thread of many."""
    return work() if alerts < MANY else await asyncio.to_thread(work)
