"""Houses for flows: `house` is shared by a module (its SCENE decides which), `houses` opens others for one test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.house import House
from tests.fakes.scene import Scene

Houses = Callable[..., Awaitable[House]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A running house for all tests of the module."""
    scene = getattr(request.module, "SCENE", Scene())
    async with House(tmp_path_factory.mktemp("house"), scene) as opened:
        await opened.start()
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def houses(tmp_path: Path) -> AsyncIterator[Houses]:
    """Opens a house that is not started yet; it closes with the test."""
    async with AsyncExitStack() as stack:

        async def open_(scene: Scene | None = None, *, database_url: str = "") -> House:
            return await stack.enter_async_context(House(tmp_path, scene, database_url=database_url))

        yield open_
