"""When a group is due, on a grid of whole seconds: groups due in the same second share queries.

A group's place in its interval comes from its name and file, so that load is spread and every replica agrees. The
grid has at least five places, and is as coarse as that allows: many rules at once cost a source less than the same
rules a few at a time (measured: a tenth or more).
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SLOT: Final = timedelta(seconds=1)
_PLACES: Final = 5
_GRIDS: Final = (5, 3, 2, 1)  # seconds


@lru_cache(maxsize=65_536)
def offset(key: tuple[str, str], interval: timedelta) -> timedelta:
    """Where in its interval the group of this file and name is due; whole seconds."""
    digest = hashlib.sha256("\0".join(key).encode()).digest()
    seconds = max(int(interval / SLOT), 1)
    grid = next((one for one in _GRIDS if seconds >= _PLACES * one), 1)
    return SLOT * grid * (int.from_bytes(digest[:8]) % (seconds // grid))


def turn(slot: datetime, key: tuple[str, str], interval: timedelta) -> int | None:
    """The number of the turn that is due in the second that starts at `slot`; None when none is.

    Two turns of an interval below a second fall together.
    """
    since = slot - _EPOCH - offset(key, interval)
    number = -((-since) // interval)
    return number if number * interval < since + SLOT else None
