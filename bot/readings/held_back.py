"""Why people are not told of an alert that fires: another alert that explains it, or the time of day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.notify.status import AlertStatus
from bot.readings.now import AlertRow


@dataclass(frozen=True, slots=True)
class HeldBack:
    """By which alert ("" for none), and by which time intervals; `in_part`: another receiver is told all the same."""

    inhibited_by: str = ""
    muted_by: tuple[str, ...] = ()
    in_part: bool = False


TOLD: Final = HeldBack()


def held_back(
    find: Callable[[str], ReceivedAlert | None], status_of: Callable[[ReceivedAlert], AlertStatus]
) -> Callable[[AlertRow], HeldBack]:
    """What holds an alert back; `find` has the alerts that are known, by fingerprint. Nothing holds a pending one."""

    def name_of(mark: str) -> str:
        known = find(mark)
        return known.name if known else mark

    def of(row: AlertRow) -> HeldBack:
        alert = find(fingerprint(row.labels)) if row.state == "firing" else None
        if alert is None:
            return TOLD
        status = status_of(alert)
        inhibitor = name_of(status.inhibited_by[0]) if status.inhibited_by else ""
        # The intervals are those of all routes it takes, so with several receivers not each of them need be muted.
        return HeldBack(inhibitor, status.muted_by, in_part=bool(status.muted_by) and len(status.receivers) > 1)

    return of
