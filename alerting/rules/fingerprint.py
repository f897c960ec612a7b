"""The fingerprint of a label set, the same that Alertmanager shows for it.

Source: LabelSet.Fingerprint of prometheus/common: FNV-1a of 64 bits over sorted names and values.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = 2**64 - 1


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that tell this label set from others."""
    return _hashed(tuple(sorted(labels.items())))


@lru_cache(maxsize=65_536)
def _hashed(items: tuple[tuple[str, str], ...]) -> str:
    # Alerts repeat every interval; hashing byte by byte in Python is worth keeping.
    total = _OFFSET
    for name, value in items:
        for byte in b"%b\xff%b\xff" % (name.encode(), value.encode()):
            total = ((total ^ byte) * _PRIME) & _MASK
    return f"{total:016x}"
