"""An event loop whose time jumps to the next timer at once, so that minutes of waiting are tested in milliseconds.

For code that talks to nothing outside the process: with nothing ready to run, the loop moves its clock and goes on.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class _Jumping(selectors.SelectSelector):
    """Does not wait: it tells the loop how long it would have."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("Everything waits for something that never comes.")
        self.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now` is the time of the product inside."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time())


def run(main: Callable[[Callable[[], datetime]], Awaitable[T]]) -> T:
    """Run `main(now)` to its end in virtual time."""
    loop = VirtualLoop()

    async def inside() -> T:
        return await main(loop.now)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(inside())
