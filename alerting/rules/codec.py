"""Alerts as JSON and back; NaN and the infinities, which JSON lacks, as Prometheus writes them."""

import math
from datetime import datetime
from typing import Any

from alerting.rules.state import Alert, State


def to_json(alert: Alert) -> dict[str, Any]:
    """What must survive a restart; `sample_labels` need not, they are found again with the next sample.

    Nor need the annotations of a pending alert, which would have to be expanded for that alone. Times that are not
    there are left out.
    """
    times = (
        ("fired_at", alert.fired_at),
        ("resolved_at", alert.resolved_at),
        ("keep_firing_since", alert.keep_firing_since),
    )
    return {
        "labels": dict(alert.labels),
        "annotations": {} if alert.state is State.PENDING else dict(alert.annotations),
        "value": alert.value if math.isfinite(alert.value) else _special(alert.value),
        "state": alert.state.value,
        "active_at": alert.active_at.isoformat(),
        "fingerprint": alert.fingerprint,
        **{name: at.isoformat() for name, at in times if at is not None},
    }


def from_json(value: dict[str, Any]) -> Alert:
    """Read what `to_json` wrote; raises KeyError, ValueError or TypeError for anything else."""
    return Alert(
        labels=value["labels"],
        words=value["annotations"],
        value=float(value["value"]),
        state=State(value["state"]),
        active_at=datetime.fromisoformat(value["active_at"]),
        fingerprint=value["fingerprint"],
        fired_at=_read(value.get("fired_at")),
        resolved_at=_read(value.get("resolved_at")),
        keep_firing_since=_read(value.get("keep_firing_since")),
    )


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
