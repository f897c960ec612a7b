"""Processes of their own that use storage, to be killed or started together."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage.database import open_database
from storage.events import CardChange, NewEvent

ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Child:
    """A running child; each of its lines is an acknowledgement."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """Wait for the next line; an ended child has none, and its complaint is on stderr."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the child ended: {self.process.wait()}"
        return line.strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.communicate()


def start_child(task: str, url: str) -> Child:
    """Start a process that does `write` or `open` on the database."""
    command = [sys.executable, __file__, task, url]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return Child(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    )


async def _write(url: str) -> None:
    """Append two events and their card again and again, saying each time how often it is done."""
    database = await open_database(url)
    times = 0
    while True:
        times += 1
        await database.log.append(
            "child",
            [NewEvent("First", {"n": times}), NewEvent("Second", {"n": times})],
            expected=2 * (times - 1),
            at=datetime.now(UTC),
            card=CardChange("written", "child", "running", True, {"times": times}),
        )
        print(times, flush=True)


async def _open(url: str) -> None:
    """Load everything, wait for the word, then open."""
    print("ready", flush=True)
    sys.stdin.readline()
    database = await open_database(url)
    print("open", flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run({"write": _write, "open": _open}[sys.argv[1]](sys.argv[2]))
