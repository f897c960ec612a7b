"""A second replica beside a house: the same database, workspace and settings, and the same instances and proxy."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import psycopg
import yaml

from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.house import House

DRIVEN_WITHIN: Final = 10.0
LOOK: Final = 0.02


class Twin(House):
    """Runs on another data folder, in which instances and proxy are those of `first`. To be opened within `first`."""

    def __init__(self, room: Path, first: House) -> None:
        room.mkdir()
        super().__init__(room, first.scene, database_url=first.database_url)
        self.ports = replace(first.ports, board=self.ports.board)
        self.workspace, self.chronicle = first.workspace, first.chronicle
        self._keys = first._keys
        self._share(first)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.kill()

    def _share(self, first: House) -> None:
        file = yaml.safe_load(first.settings.read_text())
        file |= {"data": str(self.data), "http": {**file["http"], "port": self.ports.board}}
        self.settings.write_text(yaml.safe_dump(file, sort_keys=False))
        self.data.mkdir()
        for shared in ("instances", "proxy"):
            (first.data / shared).mkdir(parents=True, exist_ok=True)
            (self.data / shared).symlink_to(first.data / shared)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replicas."""

    one: House
    two: House

    def other(self, house: House) -> House:
        """The replica that is not this one."""
        return self.two if house is self.one else self.one

    async def driver(self, id: DeploymentId) -> House:  # noqa: A002
        """The replica that drives the deployment, as the durable engine's own table says."""
        async with asyncio.timeout(DRIVEN_WITHIN):
            while (pid := _driving(self.one.database_url, id)) is None:  # noqa: ASYNC110  # another process says when
                await asyncio.sleep(LOOK)
        return self.one if self.one.runs and pid == self.one.pid else self.two

    async def stop(self, house: House) -> None:
        """SIGSTOP at a moment in which it does not hold the lock on the instances that it shares with the other.

        Replicas on machines of their own share no such lock, so nobody waits for it there.
        """
        while True:
            os.kill(house.pid, signal.SIGSTOP)
            if _free(self.one.data / "instances" / "lock"):
                return
            os.kill(house.pid, signal.SIGCONT)
            await asyncio.sleep(LOOK)


def _driving(url: str, id: DeploymentId) -> int | None:  # noqa: A002
    """The pid in the name of the executor that has the deployment's loop."""
    query = (
        "SELECT executor_id FROM durable.workflow_status WHERE workflow_uuid LIKE %s AND status = 'PENDING' "
        "ORDER BY created_at DESC LIMIT 1"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(query, (f"{subject_of(id)}#%",)).fetchone()
    return None if row is None else int(str(row[0]).split("/")[1])


def _free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
