"""A replica that is not in charge tells nothing."""

from datetime import UTC, datetime

import pytest

from alerting.errors import TemporaryFailure
from alerting.notify.guarded import GuardedTeller
from alerting.notify.notification import Notification, Reason


class Plain:
    """Keeps what it was told."""

    send_resolved = False

    def __init__(self) -> None:
        self.told: list[str] = []

    async def tell(self, notification: Notification) -> None:
        self.told.append(notification.key)


async def test_it_tells_only_in_charge() -> None:
    plain, charge = Plain(), [True]
    teller = GuardedTeller(plain, lambda: charge[0])
    notification = Notification("k", "g", {}, "r", Reason.FIRST, (), (), datetime(2026, 1, 5, tzinfo=UTC))
    await teller.tell(notification)
    charge[0] = False
    with pytest.raises(TemporaryFailure, match="another replica tells"):
        await teller.tell(notification)
    assert (plain.told, teller.send_resolved) == (["k"], False)
