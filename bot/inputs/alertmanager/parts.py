"""What Alertmanager's API needs of the rooms behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.intake import Taken
from alerting.notify.status import AlertGroup, AlertStatus
from alerting.routing.config import RoutingConfig
from alerting.routing.matcher import Matcher
from alerting.silences.silence import Silence, SilenceId
from bot.web.access import Access
from engine.security.identity import Directory


class Intake(Protocol):
    """Takes what is posted."""

    async def post(self, body: bytes) -> Taken: ...


class KnownAlerts(Protocol):
    """The store of alerts."""

    def all(self) -> Iterable[ReceivedAlert]: ...

    def get(self, fingerprint: str) -> ReceivedAlert | None: ...


class Silences(Protocol):
    """The silences' desk."""

    def query(self, matchers: Iterable[Matcher]) -> list[Silence]: ...

    def get(self, silence: SilenceId) -> Silence | None: ...

    async def set(self, silence: Silence, *, by: str = "") -> SilenceId: ...

    async def expire(self, silence: SilenceId, by: str) -> Silence: ...


@dataclass(frozen=True, slots=True)
class Cluster:
    """The replicas by name, with their addresses; one alone is no cluster."""

    name: str = ""
    status: Literal["ready", "settling", "disabled"] = "disabled"
    peers: Sequence[tuple[str, str]] = ()


class Trail(Protocol):
    """The audit trail."""

    async def record(
        self,
        *,
        person: str,
        name: str,
        action: str,
        subject: str,
        verdict: Literal["allowed", "denied", "failed"],
        reason: str = "",
        source: str,
        request: str,
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with; `groups` and `status_of` are the dispatcher's, in its order."""

    access: Access
    directory: Callable[[], Directory]
    trail: Trail
    intake: Intake
    alerts: KnownAlerts
    silences: Silences
    groups: Callable[[], Sequence[AlertGroup]]
    status_of: Callable[[ReceivedAlert], AlertStatus]
    routing: Callable[[], RoutingConfig]
    cluster: Callable[[], Awaitable[Cluster]]
    started_at: datetime
    version: str
    now: Callable[[], datetime]
