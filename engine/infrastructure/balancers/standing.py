"""Whether an instance takes requests, judged from its checks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from engine.catalog import HealthCheck


class Finding(Enum):
    """What one look at an instance said. REFUSED is a closed port: there is nobody to wait for."""

    WELL = "well"
    UNWELL = "unwell"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Standing:
    """What checks in a row made of an instance. A new one has yet to prove that it is well."""

    ready: bool = False
    well: int = 0
    unwell: int = 0
    eager: bool = True

    def after(self, finding: Finding, check: HealthCheck) -> Standing:
        """The standing with one more finding. `eager` asks to look again soon: it starts, or starts again."""
        if finding is Finding.REFUSED:
            return Standing()
        if finding is Finding.WELL:
            well = self.well + 1
            return Standing(ready=self.ready or well >= check.healthy_after, well=well, eager=False)
        unwell = self.unwell + 1
        return replace(self, ready=self.ready and unwell < check.unhealthy_after, well=0, unwell=unwell)
