"""A running product with the demo's shop in it, for the figures that need one."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.bench.figure import NotHere
from tests.fakes.house import House
from tests.fakes.scene import Scene

WITHIN: Final = 10.0  # seconds


@asynccontextmanager
async def open_shop(scene: Scene, *, database_url: str = "") -> AsyncIterator[House]:
    """The product, on SQLite by default, with shop v1 in production. The block's end leaves no process and no file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as room:
        async with House(Path(room), scene, database_url=database_url) as house:
            await house.start()
            await house.bring_out("v1")
            yield house


def need(program: str, package: str) -> str:
    """Where the program is. Raises NotHere."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        raise NotHere(f"{program} is not installed (Debian: apt-get install {package})")
    return found


async def until(fits: Callable[[], Awaitable[bool]], *, look: float) -> None:
    """Look at another process every `look` seconds until what is asked is true. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while True:
            if await fits():
                return
            await asyncio.sleep(look)
