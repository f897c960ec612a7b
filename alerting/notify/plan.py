"""A routing configuration made ready to be followed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.alerts.alert import ReceivedAlert
from alerting.notify.ports import Muters, Teller
from alerting.notify.stages import (
    ActiveTimeStage,
    InhibitStage,
    Intervals,
    MuteTimeStage,
    SilenceStage,
    Stage,
)
from alerting.notify.trouble import Counts
from alerting.routing.config import Receiver, RoutingConfig
from alerting.routing.inhibit import Inhibitor
from alerting.routing.tree import Route

Tellers = Callable[[Receiver], Sequence[Teller]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration needs at work; `stages` are the mutes in their order."""

    route: Route
    intervals: Intervals
    inhibitor: Inhibitor
    stages: tuple[Stage, ...]
    tellers: Mapping[str, Sequence[Teller]]

    def heard(self, alert: ReceivedAlert, now: datetime) -> None:
        """An alert that may inhibit others began or ended."""
        if alert.resolved(now):
            self.inhibitor.remove(alert.fingerprint)
        else:
            # Its end moves without a word, so it counts until somebody says that it has passed.
            self.inhibitor.add(alert.fingerprint, alert.labels)


def made_ready(
    config: RoutingConfig, tellers: Tellers, muters: Muters, counts: Counts, firing: Iterable[ReceivedAlert]
) -> Plan:
    """The plan of a configuration while these alerts fire; a telling for every integration of every receiver."""
    inhibitor, intervals = Inhibitor(config.inhibit_rules), config.time_intervals
    for alert in firing:
        inhibitor.add(alert.fingerprint, alert.labels)
    stages: tuple[Stage, ...] = (
        InhibitStage(inhibitor, counts),
        ActiveTimeStage(intervals, counts),
        MuteTimeStage(intervals, counts),
        SilenceStage(muters, counts),
    )
    told = {name: tuple(tellers(receiver)) for name, receiver in config.receivers.items()}
    return Plan(config.route, intervals, inhibitor, stages, told)
