"""What on-call needs from outside, as small capabilities. The composition root brings them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from alerting.incidents.incident import Incident, PersonId


class Pager(Protocol):
    """Tells one person of one incident."""

    async def page(self, key: str, incident: Incident, person: PersonId, level: int) -> None:
        """Tell `person`; returns once the message was taken. A call with a `key` told before does nothing.

        `level` is the escalation step, from 0. Raises TemporaryFailure when trying again later may work,
        PermanentFailure when this person cannot be told.
        """
        ...


class Durable(Protocol):
    """Runs one loop for each subject until its turn answers None. The engine has the twin of it."""

    async def start(self, subject: str) -> None:
        """Begin the subject's loop; one that runs already is left alone."""
        ...

    async def wake(self, subject: str) -> None:
        """Take the next turn now instead of at the end of the wait."""
        ...


class Quiet(Protocol):
    """Who knows what is silenced."""

    def silenced_until(self, labels: Mapping[str, str], now: datetime) -> datetime | None:
        """When the last of the silences that mute these labels ends; None when none does."""
        ...
