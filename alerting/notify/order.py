"""The order in which a notification tells its alerts. Pure.

Source of the rules: types.AlertSlice of Alertmanager and model.LabelSet.Before of prometheus/common: by job, by
instance, then fewer labels first, then by the first label that differs; whoever lacks it comes first.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from alerting.alerts.alert import ReceivedAlert

_INVERTED: Final = bytes(255 - byte for byte in range(256))


def in_order(alerts: Iterable[ReceivedAlert]) -> list[ReceivedAlert]:
    """The alerts as a notification tells them."""
    return sorted(alerts, key=lambda alert: labels_key(alert.labels))


def labels_key(labels: Mapping[str, str]) -> tuple[Any, ...]:
    """What label sets are sorted by."""
    job, instance = labels.get("job"), labels.get("instance")
    return (
        (job is None, job or ""),
        (instance is None, instance or ""),
        before_key(labels),
    )


def before_key(labels: Mapping[str, str]) -> tuple[Any, ...]:
    """What label sets alone are sorted by, without a word for job and instance."""
    return len(labels), [(_later(name), labels[name]) for name in sorted(labels)]


@lru_cache(maxsize=4096)
def _later(name: str) -> bytes:
    """Sorts the other way round: who has the smaller name has a label that the other lacks."""
    return name.encode().translate(_INVERTED) + b"\xff"
