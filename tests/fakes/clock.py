"""A clock that moves only when it is told to."""

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Call it for the time, as agents call their `now`; `advance` moves it on."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, time: timedelta) -> datetime:
        """Move on by `time` and answer the new time. Raises ValueError when that is backwards."""
        if time < timedelta(0):
            raise ValueError("time does not go back")
        self.at += time
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Stand in for asyncio.sleep: the time passes at once."""
        self.advance(timedelta(seconds=seconds))
