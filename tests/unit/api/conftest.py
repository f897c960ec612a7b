"""A served house and a client for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.api.house import Client, House, a_client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client(House()) as asking:
        yield asking
