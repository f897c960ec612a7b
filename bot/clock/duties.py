"""Work without an end that one replica does: it begins with the lease and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


class Duties:
    """Named works; `failed` is told when one ends by an error, which nobody can go on without."""

    def __init__(self, works: Mapping[str, Work], failed: Callable[[str, BaseException], None]) -> None:
        self._works = works
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self) -> None:
        """Take up all of it; what is under way goes on."""
        for name, work in self._works.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.create_task(work(), name=name)
                self._tasks[name].add_done_callback(self._ended)

    async def end(self) -> None:
        """Lay all of it down."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(task.get_name(), error)
