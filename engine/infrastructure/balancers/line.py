"""One connection to the proxy's socket for the questions that hundreds of deployments ask many times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Final

from engine.infrastructure.balancers.control import answer_of, connect, line_of
from engine.infrastructure.balancers.orders import Answer, Order

IDLE: Final = timedelta(seconds=1)


class Line:
    """Asks over a connection that is opened when it is needed and closed after a second without a question.

    Answers come in the order of the questions, so it is for what the proxy answers at once: all others would wait
    behind an order that it has to work for.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[bytes]] = deque()

    async def ask(self, order: Order) -> Answer:
        """Put a question. Raises OSError or EOFError when nobody answers, MsgspecError for what is no answer."""
        async with self._opening:
            writer = self._writer or await self._open()
        if writer.is_closing():
            raise EOFError
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        writer.write(line_of(order))
        return answer_of(await answer)

    async def _open(self) -> asyncio.StreamWriter:
        reader, self._writer = await connect(self._directory)
        self._listener = asyncio.create_task(self._listen(reader, self._writer), name="answers of the proxy")
        return self._writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await self._next(reader):
                answer = self._waiting.popleft()
                if not answer.done():  # who asked may have lost patience
                    answer.set_result(line)
        except (OSError, ValueError):  # gone, or a line without end
            pass
        finally:
            self._hang_up(writer)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """The next line; empty at the end, and when nobody has asked for a while."""
        while True:
            try:
                async with asyncio.timeout(IDLE.total_seconds()):
                    return await reader.readline()
            except TimeoutError:
                if not self._waiting:
                    return b""

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        self._writer = None
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(EOFError())
