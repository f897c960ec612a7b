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
class Secret:
    """A text, or the path of the file that holds it."""

    text: str = field(default="", repr=False)
    file: str = ""


@dataclass(frozen=True, slots=True)
class HeaderSource:
    """Where a header of a webhook comes from: `scheme` and a secret, or for Basic a name and a password."""

    name: str
    parts: tuple[Secret, ...]
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """Posts Alertmanager's webhook payload, version 4, to `url`; `max_alerts` 0 sends all.

    `url` and `headers` are what the files held when the configuration was read; before each sending,
    `secret_files.refreshed` reads `url_file` and the files of `sources` anew.
    """

    url: str = field(repr=False)
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: timedelta | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    url_file: str = ""
    sources: tuple[HeaderSource, ...] = ()


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
    """A whole configuration; `time_intervals` are by name, `text` is what it was read from.

    `warnings` are sentences on what is allowed but has no effect here, each with its place.
    """

    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    resolve_timeout: timedelta = timedelta(minutes=5)
    text: str = field(default="", repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def policies(self) -> frozenset[str]:
        """The escalation policies that its receivers name."""
        integrations = [one for receiver in self.receivers.values() for one in receiver.integrations]
        return frozenset(one.policy for one in integrations if isinstance(one, ChatReceiver) and one.policy)
