"""One alert as the store holds it: its end and its text move often, the rest seldom."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.journal import Kept

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Worded(Protocol):
    """A value and the text made of it, which is best made only when somebody reads it."""

    @property
    def value(self) -> float: ...

    @property
    def annotations(self) -> Mapping[str, str]: ...


class Held(msgspec.Struct, eq=False, gc=False):
    """An alert whose end may have moved since `first` was made; `kept_end` is the end that the database has.

    `over` says that its end was reached or told, `settled` that no group has anything left to tell of it. `words` are
    newer than those of `first`, and `written` the annotations that the database has.
    """

    first: ReceivedAlert
    over: bool
    settled: bool = False
    ends_at: datetime | None = None
    kept_end: datetime | None = None
    updated_at: datetime = _NEVER
    words: Worded | None = None
    written: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.written = self.first.annotations
        self.ends_at = self.kept_end = self.first.ends_at
        self.updated_at = self.first.updated_at

    @property
    def alert(self) -> ReceivedAlert:
        """The alert as it is now."""
        if self.first.updated_at is not self.updated_at:
            self.first = replace(self.first, ends_at=self.ends_at, updated_at=self.updated_at)
        if self.words is not None:
            words, self.words = self.words, None
            self.first = replace(self.first, annotations=words.annotations, value=words.value)
        return self.first

    @property
    def kept(self) -> Kept:
        """What the database shall have."""
        return Kept(self.alert, self.over, self.settled)

    @property
    def is_reworded(self) -> bool:
        """Whether the annotations that were read last are not those in the database."""
        return self.first.annotations is not self.written and self.first.annotations != self.written

    @property
    def runs_out(self) -> bool:
        """Whether the end in the database comes too soon or too late.

        Too soon is when less is left of it than half of what the last telling gave.
        """
        if self.ends_at is None or self.kept_end is None:
            return self.ends_at != self.kept_end
        left, given = self.kept_end - self.updated_at, self.ends_at - self.updated_at
        return left > given or left + left < given

    def renew(self, ends_at: datetime | None, at: datetime) -> None:
        """It was told again at `at`, with nothing new but its end."""
        self.ends_at = ends_at
        self.updated_at = at

    def replace(self, alert: ReceivedAlert) -> None:
        """It was told again with nothing new but its end and its value."""
        self.first, self.words, self.written = alert, None, alert.annotations
        self.renew(alert.ends_at, alert.updated_at)
