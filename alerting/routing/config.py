"""Everything that decides who hears of which alert when: the content of an Alertmanager configuration. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.routing.intervals import TimeInterval
from alerting.routing.matcher import Matcher
from alerting.routing.tree import Route


@dataclass(frozen=True, slots=True)
class ChatReceiver:
    """Opens an incident in `channel` (without #); `policy` escalates it, None pages nobody."""

    channel: str
    policy: str | None = None
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """Posts Alertmanager's webhook payload, version 4, to `url`; `max_alerts` 0 sends all."""

    url: str
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: timedelta | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Integration = ChatReceiver | WebhookReceiver


@dataclass(frozen=True, slots=True)
class Receiver:
    """A name that routes use, and where it tells; none at all tells nobody, which is allowed."""

    name: str
    integrations: tuple[Integration, ...] = ()


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While an alert that matches `source` fires, those that match `target` and agree in `equal` are not told."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """A whole configuration; `time_intervals` are by name, `text` is what it was read from."""

    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    resolve_timeout: timedelta = timedelta(minutes=5)
    text: str = ""
