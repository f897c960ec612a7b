"""What notifying needs of the places it tells, and of those who mute."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from alerting.notify.notification import Notification
from alerting.silences.silence import SilenceId


class Teller(Protocol):
    """One integration of a receiver."""

    @property
    def send_resolved(self) -> bool: ...

    async def tell(self, notification: Notification) -> None:
        """Deliver. Telling the same `key` twice must not be seen twice where the place can prevent it.

        Raises TemporaryFailure (with retry_after when known) or PermanentFailure.
        """
        ...


class Muters(Protocol):
    """Who silences, as the stages ask it."""

    def muted_by(self, labels: Mapping[str, str], now: datetime) -> Sequence[SilenceId]:
        """The active silences that match, none when it is not muted."""
        ...
