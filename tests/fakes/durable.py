"""A durable engine on a virtual clock: loops run when a test lets time pass."""

from datetime import UTC, datetime, timedelta

from engine.durable import Turn


class VirtualClock:
    """Aware UTC time that stands still until told; call it for the time."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, time: timedelta) -> None:
        self.at += time


class FakeDurable:
    """Durable in memory. A wake during a turn is kept for after it; a turn that raises is due again `retry` later."""

    def __init__(self, turn: Turn, clock: VirtualClock) -> None:
        self._turn = turn
        self._clock = clock
        self._due: dict[str, datetime] = {}
        self.failures: list[Exception] = []
        self.retry = timedelta(seconds=1)

    @property
    def running(self) -> frozenset[str]:
        """The subjects whose loop has not ended."""
        return frozenset(self._due)

    async def start(self, subject: str) -> None:
        self._due.setdefault(subject, self._clock.at)

    async def wake(self, subject: str) -> None:
        if subject in self._due:
            self._due[subject] = self._clock.at

    async def run_until(self, at: datetime) -> None:
        """Take every turn due by `at`, moving the clock to each, and end with the clock at `at`."""
        while (subject := self._next(at)) is not None:
            self._clock.at = max(self._clock.at, self._due[subject])
            await self._take(subject)
        self._clock.at = max(self._clock.at, at)

    async def run_for(self, time: timedelta) -> None:
        """Take every turn due within `time` from now."""
        await self.run_until(self._clock.at + time)

    def _next(self, at: datetime) -> str | None:
        due = [(when, subject) for subject, when in self._due.items() if when <= at]
        return min(due)[1] if due else None

    async def _take(self, subject: str) -> None:
        asleep = self._clock.at + timedelta(days=36500)
        self._due[subject] = asleep
        try:
            wait = await self._turn(subject)
        except Exception as failure:  # noqa: BLE001  # a turn may raise anything; the loop outlives it
            self.failures.append(failure)
            wait = self.retry
        if wait is None:
            del self._due[subject]
        elif self._due[subject] == asleep:
            self._due[subject] = self._clock.at + wait
