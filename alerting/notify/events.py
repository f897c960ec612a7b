"""What the event log says of notifications: which were sent and why, and which receivers began to fail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from alerting.notify.dedup import Target
from alerting.notify.notification import Notification, Reason
from storage.events import Event, NewEvent

STREAM: Final = "notifications"
SENT: Final = "NotificationSent"
FAILED: Final = "NotificationFailed"


class Sent(msgspec.Struct, frozen=True):
    """One telling as it is listed. `firing` and `resolved` count the alerts told."""

    key: str
    group: str
    group_labels: Mapping[str, str]
    receiver: str
    integration: int
    reason: Reason
    firing: int
    resolved: int
    at: datetime


def sent(notification: Notification, target: Target, at: datetime) -> Sent:
    """The telling of a notification that was delivered at `at`."""
    return Sent(
        key=notification.key,
        group=notification.group,
        group_labels=notification.group_labels,
        receiver=target.receiver,
        integration=target.index,
        reason=notification.reason,
        firing=len(notification.firing),
        resolved=len(notification.resolved),
        at=at,
    )


def sent_event(one: Sent) -> NewEvent:
    """The fact that a notification was sent."""
    return NewEvent(SENT, msgspec.to_builtins(one))


def failed_event(notification: Notification, target: Target, error: str, at: datetime) -> NewEvent:
    """The fact that a receiver could not be told."""
    told: dict[str, Any] = msgspec.to_builtins(sent(notification, target, at))
    return NewEvent(FAILED, told | {"error": error}, priority="high")


def sent_of(event: Event) -> Sent:
    """What was told, or was to be told when it failed."""
    return msgspec.convert(event.data, Sent)


def error_of(event: Event) -> str:
    """Why the receiver could not be told; "" when it was."""
    return str(event.data.get("error", ""))


def key_of(event: Event) -> str:
    """The key of the notification that an event is about."""
    return str(event.data["key"])
