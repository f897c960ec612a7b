"""Alertmanager's webhook payload, version 4. Pure.

Source: webhook.Message and template.Data of Alertmanager.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import shown_fingerprint
from alerting.notify.notification import Notification
from alerting.notify.order import in_order

NEVER: Final = "0001-01-01T00:00:00Z"
"""How Go writes the end of what still fires."""
_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def payload(notification: Notification, *, external_url: str, max_alerts: int) -> bytes:
    """The body to post; `max_alerts` 0 tells all."""
    alerts = in_order(notification.alerts)
    told = alerts[:max_alerts] if max_alerts else alerts
    message = {
        # The receiver is written as the pattern that matches it.
        "receiver": _META.sub(r"\\\g<0>", notification.receiver),
        "status": "firing" if any(not alert.resolved(notification.at) for alert in told) else "resolved",
        "alerts": [_alert(alert, notification.at) for alert in told],
        "groupLabels": notification.group_labels,
        "commonLabels": common(alert.labels for alert in told),
        "commonAnnotations": common(alert.annotations for alert in told),
        "externalURL": external_url,
        "version": "4",
        "groupKey": notification.group,
        "truncatedAlerts": len(alerts) - len(told),
    }
    return msgspec.json.encode(message)


def common(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What all of them have in common."""
    shared: dict[str, str] | None = None
    for one in pairs:
        shared = dict(one) if shared is None else {name: v for name, v in shared.items() if one.get(name) == v}
        if not shared:
            break
    return shared or {}


def _alert(alert: ReceivedAlert, at: datetime) -> dict[str, Any]:
    over = alert.resolved(at)
    return {
        "status": "resolved" if over else "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at if over else NEVER,
        "generatorURL": alert.generator_url,
        "fingerprint": shown_fingerprint(alert.labels),
    }
