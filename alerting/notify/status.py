"""What becomes of alerts, for lists: the state of one, and the groups they are told in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from alerting.alerts.alert import ReceivedAlert
from alerting.silences.silence import SilenceId


class AlertState(StrEnum):
    """As Alertmanager's API names it: not in a group yet, told, or held back."""

    UNPROCESSED = "unprocessed"
    ACTIVE = "active"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """The state of an alert and what holds it back: silences, alerts by fingerprint, time intervals by name.

    Time intervals mute some of its groups and do not make it suppressed; Alertmanager's list of groups shows it as
    suppressed within those groups only. `receivers` hear of it.
    """

    state: AlertState
    silenced_by: tuple[SilenceId, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """A group with what it holds, in the order in which it is told. `muted_by` are time intervals."""

    key: str
    route: str
    labels: Mapping[str, str]
    receiver: str
    alerts: tuple[ReceivedAlert, ...]
    muted_by: tuple[str, ...] = ()
