"""A steady stream of requests to a service, each answer counted."""

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import aiohttp

RATE: Final = 60.0
"""Requests a second."""

ANSWER_WITHIN: Final = 10.0
PATIENCE: Final = 30.0


class Load:
    """``async with Load(port) as load`` sends requests until the block ends.

    `ok` were answered by the service, `failed` with 5xx by the service, `lost` by nobody: the connection broke, or
    the proxy itself had to answer. `versions` counts the answers by X-Version; `losses` says what was lost and how.
    """

    def __init__(self, port: int, *, rate: float = RATE) -> None:
        self.ok = self.failed = self.lost = 0
        self.versions: Counter[str] = Counter()
        self.losses: list[str] = []
        self._url = f"http://127.0.0.1:{port}/"
        self._pause = 1 / rate
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None]
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._send(), name="load")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._task
        await self._session.close()

    @property
    def sent(self) -> int:
        """All requests that have come to an end."""
        return self.ok + self.failed + self.lost

    async def wait(self, fits: Callable[[Self], bool], within: float = PATIENCE) -> None:
        """Until the counts fit. Raises TimeoutError that shows them."""
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: fits(self))
        except TimeoutError:
            raise TimeoutError(f"The load did not get there: {self.told()}") from None

    def told(self) -> str:
        """The counts, for messages."""
        return f"{self.ok} ok, {self.failed} failed, {self.lost} lost {self.losses[:5]}, {dict(self.versions)}"

    async def _send(self) -> None:
        """Requests under way when it stops are waited for, so that none is cut off by us."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(self._request(), name="request")
                due = max(due + self._pause, loop.time() - 0.5)
                try:
                    async with asyncio.timeout(max(0.0, due - loop.time())):
                        await self._stop.wait()
                except TimeoutError:
                    continue

    async def _request(self) -> None:
        try:
            async with self._session.get(self._url) as answer:
                await answer.read()
                self._count(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._lose(repr(error))
        async with self._news:
            self._news.notify_all()

    def _count(self, answer: aiohttp.ClientResponse) -> None:
        if "X-Pilothouse-Proxy" in answer.headers:
            self._lose(f"{answer.status} {answer.headers['X-Pilothouse-Proxy']}")
        elif answer.status >= 500:
            self.failed += 1
        else:
            self.ok += 1
        self.versions[answer.headers.get("X-Version", "")] += 1

    def _lose(self, how: str) -> None:
        self.lost += 1
        self.losses.append(how)
