"""An alert as it was told to us, whoever told it. Pure.

Source of the rules: types.Alert and types.Alert.Merge of Alertmanager.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

RULES: Final = "rules"
"""The source of the alerts of our own rules."""


class ReceivedAlert(msgspec.Struct, frozen=True, gc=False):
    """One alert. Times are aware; `ends_at` None means until its source says otherwise.

    `fingerprint` tells label sets apart within this installation; what others are shown is `shown_fingerprint` of the
    labels, which costs more. `source` names who told it last: RULES, "api", or
    "webhook". `expires` says that `ends_at` is only how long it counts as true without being told again.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    updated_at: datetime
    fingerprint: str
    source: str
    generator_url: str = ""
    expires: bool = False
    value: float | None = None

    @property
    def name(self) -> str:
        """Its `alertname`."""
        return self.labels.get("alertname", "")

    def resolved(self, now: datetime) -> bool:
        """Whether it is over."""
        return self.ends_at is not None and self.ends_at <= now
