"""Which receivers cannot be told at present, and what happened so far in numbers, for the operator."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from alerting.errors import AlertingError, TemporaryFailure
from alerting.notify.dedup import Target


class Muting(StrEnum):
    """Why an alert was not told, as Alertmanager's metric names it."""

    SILENCE = "silence"
    INHIBITION = "inhibition"
    MUTE_TIME = "mute_time_interval"
    ACTIVE_TIME = "active_time_interval"


@dataclass(slots=True)
class Counts:
    """How often since the start: tellings and tries by receiver, and alerts that were muted by why."""

    notifications: Counter[str] = field(default_factory=Counter)
    notifications_failed: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    requests_failed: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[Muting] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Failing:
    """A receiver that could not be told since `since`; `not_before` is when it asked to be tried again."""

    target: Target
    since: datetime
    last_error: str
    tries: int
    not_before: datetime | None = None

    @property
    def receiver(self) -> str:
        """Its name in the configuration."""
        return self.target.receiver


class Trouble:
    """The receivers that fail; one success and it is over."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._failing: dict[Target, Failing] = {}

    def failing(self) -> list[Failing]:
        """Those that cannot be told, the longest first."""
        return sorted(self._failing.values(), key=lambda one: one.since)

    def of(self, target: Target) -> Failing | None:
        """What is wrong with one, None when nothing is."""
        return self._failing.get(target)

    def keep(self, receivers: Collection[str]) -> None:
        """Forget what is wrong with receivers other than these, which nobody tells any more."""
        self._failing = {target: one for target, one in self._failing.items() if target.receiver in receivers}

    def failed(self, target: Target, error: AlertingError, at: datetime) -> None:
        """One try failed."""
        self.counts.requests_failed[target.receiver] += 1
        wait = error.retry_after if isinstance(error, TemporaryFailure) else None
        before = self._failing.get(target) or Failing(target, at, "", 0)
        self._failing[target] = replace(
            before, last_error=str(error), tries=before.tries + 1, not_before=at + wait if wait else None
        )

    def worked(self, target: Target) -> None:
        """One try succeeded."""
        self._failing.pop(target, None)
