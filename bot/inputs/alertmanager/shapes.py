"""Alertmanager's API v2 as values: what its OpenAPI description calls gettableAlert and so on. Pure.

Source: api/v2/openapi.yaml of Alertmanager 0.28; times are of go-openapi's form, to the millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import shown_fingerprint
from alerting.routing.matcher import Matcher, Op
from alerting.silences.silence import Silence

Labels = Mapping[str, str]


class Receiver(msgspec.Struct):
    """A receiver by its name."""

    name: str


class AlertStatusShape(msgspec.Struct, rename="camel"):
    """Whether an alert is told, and who mutes it if not."""

    inhibited_by: Sequence[str]
    muted_by: Sequence[str]
    silenced_by: Sequence[str]
    state: Literal["active", "suppressed"]


class GettableAlert(msgspec.Struct, rename="camel", omit_defaults=True):
    """One alert."""

    annotations: Labels
    ends_at: str
    fingerprint: str
    receivers: Sequence[Receiver]
    starts_at: str
    status: AlertStatusShape
    updated_at: str
    labels: Labels
    generator_url: str = msgspec.field(name="generatorURL", default="")


class AlertGroupShape(msgspec.Struct):
    """The alerts that are told together."""

    alerts: Sequence[GettableAlert]
    labels: Labels
    receiver: Receiver


class MatcherShape(msgspec.Struct, rename="camel"):
    """A matcher; `is_equal` is true where it is left out."""

    is_regex: bool
    name: str
    value: str
    is_equal: bool | None = None


class SilenceStatus(msgspec.Struct):
    """Not yet, now, no longer."""

    state: str


class GettableSilence(msgspec.Struct, rename="camel"):
    """One silence."""

    id: str
    status: SilenceStatus
    updated_at: str
    comment: str
    created_by: str
    ends_at: str
    matchers: Sequence[MatcherShape]
    starts_at: str


class PeerStatus(msgspec.Struct):
    """Another replica."""

    name: str
    address: str


class ClusterStatus(msgspec.Struct, omit_defaults=True):
    """The replicas."""

    status: Literal["ready", "settling", "disabled"]
    peers: Sequence[PeerStatus]
    name: str = ""


class Original(msgspec.Struct):
    """The configuration as text."""

    original: str


class VersionInfo(msgspec.Struct, rename="camel"):
    """What runs."""

    branch: str
    build_date: str
    build_user: str
    go_version: str
    revision: str
    version: str


class Status(msgspec.Struct, rename="camel"):
    """The installation."""

    cluster: ClusterStatus
    config: Original
    uptime: str
    version_info: VersionInfo


def render_time(at: datetime) -> str:
    """As go-openapi writes a date-time: UTC, to the millisecond."""
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def render_alert(
    alert: ReceivedAlert, *, ends_at: datetime, receivers: Sequence[str], status: AlertStatusShape
) -> GettableAlert:
    """One alert; `ends_at` is the end to show for one whose end is open."""
    return GettableAlert(
        annotations=alert.annotations,
        ends_at=render_time(alert.ends_at or ends_at),
        fingerprint=shown_fingerprint(alert.labels),
        receivers=[Receiver(name) for name in receivers],
        starts_at=render_time(alert.starts_at),
        status=status,
        updated_at=render_time(alert.updated_at),
        labels=alert.labels,
        generator_url=alert.generator_url,
    )


def render_silence(silence: Silence, now: datetime) -> GettableSilence:
    """One silence, with its state now."""
    return GettableSilence(
        id=silence.id,
        status=SilenceStatus(silence.state(now).value),
        updated_at=render_time(silence.updated_at),
        comment=silence.comment,
        created_by=silence.created_by,
        ends_at=render_time(silence.ends_at),
        matchers=[render_matcher(matcher) for matcher in silence.matchers],
        starts_at=render_time(silence.starts_at),
    )


def render_matcher(matcher: Matcher) -> MatcherShape:
    """A matcher as two booleans."""
    regex = matcher.op in {Op.REGEX, Op.NOT_REGEX}
    return MatcherShape(is_regex=regex, name=matcher.name, value=matcher.value, is_equal=not matcher.negative)


def to_matcher(shape: MatcherShape) -> Matcher:
    """The matcher meant. Raises ValueError for a pattern that is none."""
    equal = shape.is_equal is not False
    if shape.is_regex:
        return Matcher(shape.name, Op.REGEX if equal else Op.NOT_REGEX, shape.value)
    return Matcher(shape.name, Op.EQUAL if equal else Op.NOT_EQUAL, shape.value)
