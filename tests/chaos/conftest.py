"""Houses to be killed: one for all tests of a module, on SQLite; others for one test, on either database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.house import House
from tests.fakes.scene import Scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house in which v1 runs in production."""
    scene: Scene = request.module.SCENE
    async with House(tmp_path_factory.mktemp("house"), scene) as opened:
        await opened.start()
        await opened.bring_out("v1")
        yield opened


@pytest_asyncio.fixture(loop_scope="module", params=["sqlite", "postgresql"])
async def own_house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A house of each database for one test, in which v1 runs in production."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    async with House(tmp_path, request.module.SCENE, database_url=url) as opened:
        await opened.start()
        await opened.bring_out("v1")
        yield opened
