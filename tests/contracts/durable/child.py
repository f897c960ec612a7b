"""A process with one durable engine: `child.py URL EXECUTOR FOLDER`. It ends only when killed.

Its turns append to FOLDER/turns; while FOLDER/hold exists a turn does not end.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from engine import durable_dbos


async def main(url: str, executor: str, folder: Path) -> None:
    async def turn(subject: str) -> timedelta | None:
        number = len((folder / "turns").read_text().splitlines())
        with (folder / "turns").open("a") as file:
            file.write(f"{subject} {number}\n")
        if number == 2 and (folder / "hold").exists():
            await asyncio.Event().wait()
        return timedelta(0) if number < 4 else None

    durable_dbos.STRETCH = timedelta(seconds=-1)  # type: ignore[misc]  # each turn is written down
    durable = durable_dbos.DbosDurable(url, turn, executor_id=executor)
    await durable.launch()
    await durable.start("deployment/a")
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
