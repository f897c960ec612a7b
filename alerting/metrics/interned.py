"""Label sets that come again and again, read once.

A rule's result holds mostly the series it held before. Given the same object for them, whoever compares label sets
is done by looking at their identity.
"""

from typing import Final

import msgspec

from alerting.metrics.port import Labels

_read = msgspec.json.Decoder(dict[str, str]).decode
_MOST: Final = 50_000


class InternedLabels:
    """Label sets by their JSON, at most twice `most` of them; those that nobody asked for lately are forgotten."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._young: dict[bytes, Labels] = {}
        self._old: dict[bytes, Labels] = {}

    def labels(self, written: bytes) -> Labels:
        """The label set; raises msgspec.DecodeError for what is no object of texts."""
        known = self._young.get(written)
        if known is None:
            known = self._old.get(written)
            self._keep(written, known := _read(written) if known is None else known)
        return known

    def _keep(self, written: bytes, labels: Labels) -> None:
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[written] = labels
