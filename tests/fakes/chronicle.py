"""What the product wrote into its event log, read from the database itself by another process."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from engine.deployments import fold
from engine.deployments.deployment import Deployment, DeploymentId
from engine.deployments.events import DeploymentPlanned, parse_event
from engine.deployments.journal import subject_of
from storage.codec import decode_time

PATIENCE: Final = 30.0
"""Seconds that the waits last unless told otherwise."""

LOOK: Final = 0.01
"""Seconds between two looks at the database of another process."""

COLUMNS: Final = "position, stream, version, type, data, at, actor"


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as it was written."""

    position: int
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    at: datetime
    actor: str


class Chronicle:
    """Reads the log at `url`, which need not exist yet. Nothing is held open between two reads."""

    def __init__(self, url: str) -> None:
        self._url = url

    def facts(self, prefix: str = "", *, after: int = 0) -> list[Fact]:
        """The events of all streams that begin with `prefix`, later than the position `after`."""
        found = [_fact(row) for row in self._rows(after)]
        return [one for one in found if one.stream.startswith(prefix)]

    def last(self) -> int:
        """The position of the newest event, 0 when there is none."""
        return max((one.position for one in self.facts()), default=0)

    def of(self, id: str) -> list[Fact]:  # noqa: A002
        """The events of one deployment."""
        return self.facts(subject_of(DeploymentId(id)))

    def deployment(self, id: str) -> Deployment:  # noqa: A002
        """The deployment, folded from its events."""
        first, *rest = self.of(id)
        planned = parse_event(first.type, first.data)
        assert isinstance(planned, DeploymentPlanned)
        found = fold.begin(DeploymentId(id), planned, at=first.at)
        for one in rest:
            event = parse_event(one.type, one.data)
            assert event is not None, one
            found = fold.apply(found, event, at=one.at)
        return found

    async def wait(
        self, fits: Callable[[Fact], bool], *, after: int = 0, within: float = PATIENCE, why: str = ""
    ) -> Fact:
        """The first event later than `after` that fits. Raises TimeoutError that shows the last events."""
        seen = after
        try:
            async with asyncio.timeout(within):
                while True:
                    for one in self.facts(after=seen):
                        if fits(one):
                            return one
                        seen = one.position
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            last = "\n".join(f"  {one.stream} {one.type} {one.data}"[:300] for one in self.facts(after=after)[-12:])
            raise TimeoutError(
                f"{why or 'What was waited for'} did not come within {within} s. Last:\n{last}"
            ) from None

    async def wait_type(self, kind: str, stream: str, *, after: int = 0, within: float = PATIENCE) -> Fact:
        """The first event of a type in the streams that begin with `stream`."""
        return await self.wait(
            lambda one: one.type == kind and one.stream.startswith(stream), after=after, within=within, why=kind
        )

    def _rows(self, after: int) -> Iterable[tuple[Any, ...]]:
        statement = f"SELECT {COLUMNS} FROM events WHERE position > {after} ORDER BY position"  # noqa: S608
        if self._url.startswith("postgresql"):
            with psycopg.connect(self._url) as connection:
                return connection.execute(statement.encode()).fetchall()
        path = Path(self._url.removeprefix("sqlite:///"))
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as file:
            return file.execute(statement).fetchall()


def _fact(row: tuple[Any, ...]) -> Fact:
    position, stream, version, kind, data, at, actor = row
    return Fact(
        position, stream, version, kind, json.loads(data), decode_time(at) if isinstance(at, str) else at, actor
    )
