"""Tells of a group by its incident: one message in chat that is rewritten, and people who are paged."""

from datetime import datetime

from alerting.alerts.alert import ReceivedAlert
from alerting.incidents.desk import IncidentDesk
from alerting.incidents.incident import IncidentAlert
from alerting.incidents.intake import AlertChange, Place
from alerting.notify.notification import Notification, Reason
from alerting.routing.config import ChatReceiver


class IncidentTeller:
    """One chat integration of a receiver."""

    def __init__(self, desk: IncidentDesk, receiver: ChatReceiver) -> None:
        self._desk = desk
        self._receiver = receiver

    @property
    def send_resolved(self) -> bool:
        """Whether ends are told too."""
        return self._receiver.send_resolved

    async def tell(self, notification: Notification) -> None:
        """See `Teller.tell`; the desk knows what it was told before. Raises storage's errors too."""
        place = Place(
            key=f"{self._receiver.channel}/{self._receiver.policy or ''}/{notification.receiver}/{notification.group}",
            channel=self._receiver.channel,
            policy=self._receiver.policy or "",
            group=notification.group_labels,
        )
        await self._desk.take([change_of(alert, notification.at) for alert in notification.alerts], place)
        if notification.reason is Reason.REPEAT:
            await self._desk.repeat(place, notification.key)


def change_of(alert: ReceivedAlert, now: datetime) -> AlertChange:
    """The alert as the incidents take it."""
    ended = alert.ends_at if alert.resolved(now) else None
    told = IncidentAlert(
        fingerprint=alert.fingerprint,
        name=alert.name,
        labels=alert.labels,
        annotations=alert.annotations,
        value=alert.value,
        since=alert.starts_at,
        ended_at=ended,
        seen_at=alert.updated_at,
    )
    return AlertChange("resolved" if ended else "firing", told)
