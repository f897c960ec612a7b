"""What tells a label set from others: our own fingerprint, made for every alert, and Alertmanager's, made to be shown.

Source of Alertmanager's: LabelSet.Fingerprint of prometheus/common: FNV-1a of 64 bits over sorted names and values,
0xff after each.

A step of FNV-1a is h = (h xor byte) * prime. The xor touches only the lowest byte, and the lowest byte of the product
depends only on the lowest byte of h. So what n bytes make of any h follows from what they make of its lowest byte:
h_n = (h - low) * prime^n + fnv(low), modulo 2^64. That of one label can be remembered, and most labels are frequent.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = 2**64 - 1
_LOW: Final = 0xFF
_LONGEST: Final = 512
"""Signs of a label that is worth remembering."""
_sorted: Final = msgspec.json.Encoder(order="sorted")


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that tell this label set from others in this installation."""
    # A hash that is written in C, as Alertmanager's byte by byte costs more than all else that is done to a new alert.
    return blake2b(_sorted.encode(labels), digest_size=8).hexdigest()


def shown_fingerprint(labels: Mapping[str, str]) -> str:
    """The sixteen hexadecimal digits by which Alertmanager, its clients and its receivers know this label set."""
    total = _OFFSET
    for name in sorted(labels):
        low = total & _LOW
        value = labels[name]
        power, made = (_label if len(value) < _LONGEST else _walk)(low, name, value)
        total = ((total - low) * power + made) & _MASK
    return f"{total:016x}"


def _walk(low: int, name: str, value: str) -> tuple[int, int]:
    """The prime to the power of the label's length, and what the label makes of `low`, both modulo 2^64."""
    written = b"%b\xff%b\xff" % (name.encode(), value.encode())
    total, fours = low, len(written) & ~3
    # Four at a time, as cutting to 64 bits may wait: it changes no lower bit.
    for a, b, c, d in zip(written[:fours:4], written[1:fours:4], written[2:fours:4], written[3:fours:4], strict=True):
        total = (((((total ^ a) * _PRIME ^ b) * _PRIME ^ c) * _PRIME ^ d) * _PRIME) & _MASK
    for byte in written[fours:]:
        total = ((total ^ byte) * _PRIME) & _MASK
    return _power(len(written)), total


_label: Final = lru_cache(maxsize=32_768)(_walk)


@lru_cache(maxsize=2048)
def _power(length: int) -> int:
    return pow(_PRIME, length, _MASK + 1)
