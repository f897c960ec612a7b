"""What is told once to one receiver: a group's alerts, and why now. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerting.alerts.alert import ReceivedAlert


class Reason(StrEnum):
    """Why a notification is sent."""

    FIRST = "first"  # nothing was told of this group
    NEW_FIRING = "new alerts fire"
    ALL_RESOLVED = "all resolved"
    NEW_RESOLVED = "some resolved"
    REPEAT = "repeat interval passed"


@dataclass(frozen=True, slots=True)
class Notification:
    """One telling. `group` is the group's key as Alertmanager writes it; `key` stays over tries and restarts."""

    key: str
    group: str
    group_labels: Mapping[str, str]
    receiver: str
    reason: Reason
    firing: tuple[ReceivedAlert, ...]
    resolved: tuple[ReceivedAlert, ...]
    at: datetime

    @property
    def alerts(self) -> tuple[ReceivedAlert, ...]:
        """All of them, firing first."""
        return self.firing + self.resolved
