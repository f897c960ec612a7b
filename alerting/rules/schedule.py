"""When a group is due, on a grid of one second: groups due in the same second share queries.

A group's place in its interval comes from its name and file, so that load is spread and every replica agrees.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SLOT: Final = timedelta(seconds=1)


@lru_cache(maxsize=65_536)
def offset(key: tuple[str, str], interval: timedelta) -> timedelta:
    """Where in its interval the group of this file and name is due; whole seconds."""
    digest = hashlib.sha256("\0".join(key).encode()).digest()
    seconds = max(int(interval / SLOT), 1)
    return SLOT * (int.from_bytes(digest[:8]) % seconds)


def turn(slot: datetime, key: tuple[str, str], interval: timedelta) -> int | None:
    """The number of the turn that is due in the second that starts at `slot`; None when none is.

    Two turns of an interval below a second fall together.
    """
    since = slot - _EPOCH - offset(key, interval)
    number = -((-since) // interval)
    return number if number * interval < since + SLOT else None
