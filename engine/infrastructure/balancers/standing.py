"""Whether an instance takes requests, judged from its checks and from what became of requests. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from engine.catalog import HealthCheck

FAILURES: Final = 3
"""Requests in a row without an answer that take an instance out."""


class Finding(Enum):
    """What one look at an instance said. REFUSED is a closed port: there is nobody to wait for.

    ANSWERED and FAILED are what became of a request: an answer of any status, or a connection that was cut, an answer
    that is no HTTP, or none in time.
    """

    WELL = "well"
    UNWELL = "unwell"
    REFUSED = "refused"
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What checks in a row made of an instance. A new one has yet to prove that it is well.

    `failed` counts requests in a row, whatever the checks between them said: an instance may answer these and nothing
    else. Only a check brings it back.
    """

    ready: bool = False
    well: int = 0
    unwell: int = 0
    eager: bool = True
    failed: int = 0

    def after(self, finding: Finding, check: HealthCheck) -> Standing:
        """The standing with one more finding. `eager` asks to look again soon: it starts, or starts again."""
        if finding is Finding.REFUSED:
            return Standing()
        if finding is Finding.ANSWERED:
            return replace(self, failed=0)
        if finding is Finding.FAILED:
            return self._failed()
        if finding is Finding.WELL:
            well = self.well + 1
            ready = self.ready or well >= check.healthy_after
            return Standing(ready=ready, well=well, eager=False, failed=self.failed if self.ready else 0)
        unwell = self.unwell + 1
        return replace(self, ready=self.ready and unwell < check.unhealthy_after, well=0, unwell=unwell)

    def _failed(self) -> Standing:
        if not self.ready:  # what was under way when it was taken out says nothing new
            return self
        if self.failed + 1 < FAILURES:
            return replace(self, failed=self.failed + 1)
        # Not eager: its checks may be good, and it would be back at once to fail the next requests.
        return Standing(eager=False)
