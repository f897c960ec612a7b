"""What is to be told of one wish, and what was: a record each, until its end is told. Kept under the request's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bot.inputs.webhooks.wish import Origin
from bot.results.status import Status

COLLECTION: Final = "ci-results"
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
PATIENCE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Subject:
    """A wish whose results are told. `deployment` is empty where none came of it.

    `wanted` is what should stand there; `told` the word of what does, `telling` of what is being sent and may have
    arrived. `due` is when to try again after `attempts` that failed, the first of them at `failing_since`.
    """

    request: str
    trigger: str
    origin: Origin
    deployment: str
    wanted: Status | None = None
    told: str = ""
    telling: str = ""
    attempts: int = 0
    due: datetime | None = None
    failing_since: datetime | None = None

    def wants(self, status: Status) -> Subject:
        """With another thing to tell, at once; as it is when that is older than what is told already."""
        if self.wanted is not None and status.version < self.wanted.version:
            return self
        fresh = replace(self, wanted=status)
        return fresh if status == self.wanted else replace(fresh, attempts=0, due=None)

    def was_told(self, word: str) -> Subject:
        """After it arrived."""
        return replace(self, told=word, telling="", attempts=0, due=None, failing_since=None)

    def failed(self, pause: timedelta | None, *, now: datetime) -> Subject:
        """After an attempt failed for a moment; `pause` is what the API asked for."""
        own = min(FIRST_PAUSE * 2 ** min(self.attempts, 10), LONGEST_PAUSE)
        due, since = now + max(own, pause or own), self.failing_since or now
        return replace(self, attempts=self.attempts + 1, due=due, failing_since=since)

    def hopeless(self, now: datetime) -> bool:
        """Whether it was tried long enough."""
        return self.failing_since is not None and now - self.failing_since >= PATIENCE


def data_of(subject: Subject) -> dict[str, Any]:
    """As it is kept."""
    data: dict[str, Any] = msgspec.to_builtins(subject)
    return data


def subject_of(data: Mapping[str, Any]) -> Subject:
    """As it was kept."""
    return msgspec.convert(dict(data), Subject)
