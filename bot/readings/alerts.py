"""All alerts as people look at them: those of our rules, pending ones too, and those that others told us. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from alerting.alerts.alert import ReceivedAlert
from bot.readings.now import AlertRow


def alert_rows(of_rules: Iterable[AlertRow], known: Iterable[ReceivedAlert], now: datetime) -> list[AlertRow]:
    """What our rules hold pending, and everything known that fires, whoever told it; a value nobody told is NaN."""
    pending = [row for row in of_rules if row.state == "pending"]
    return [*(_firing(alert) for alert in known if not alert.resolved(now)), *pending]


def _firing(alert: ReceivedAlert) -> AlertRow:
    value = math.nan if alert.value is None else alert.value
    return AlertRow(alert.name, "firing", alert.labels, alert.annotations, value, alert.starts_at)
