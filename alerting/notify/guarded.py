"""Tells only while we are the one who tells: a replica that was stopped and continued wakes up with old news."""

from collections.abc import Callable

from alerting.errors import TemporaryFailure
from alerting.notify.notification import Notification
from alerting.notify.ports import Teller


class GuardedTeller:
    """A teller that is asked only while `in_charge` holds."""

    def __init__(self, teller: Teller, in_charge: Callable[[], bool]) -> None:
        self._teller = teller
        self._in_charge = in_charge

    @property
    def send_resolved(self) -> bool:
        """As the teller behind."""
        return self._teller.send_resolved

    async def tell(self, notification: Notification) -> None:
        """See `Teller.tell`. Raises TemporaryFailure when another replica tells."""
        if not self._in_charge():
            raise TemporaryFailure("another replica tells, since this one stood still")
        await self._teller.tell(notification)
