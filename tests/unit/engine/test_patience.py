"""A limit that counts the other's lateness and not our own."""

import asyncio
import time
from datetime import timedelta

import pytest

from engine.patience import TICKS, patience

LIMIT = timedelta(milliseconds=100)


async def test_who_does_not_answer_is_given_up_after_the_limit() -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    with pytest.raises(TimeoutError):
        async with patience(LIMIT):
            await asyncio.Event().wait()
    assert loop.time() - begin >= LIMIT.total_seconds() * 0.9


async def test_an_answer_that_came_while_we_were_busy_counts() -> None:
    async with patience(LIMIT):
        for _ in range(TICKS - 2):  # as many rounds as asking and hearing take
            time.sleep(LIMIT.total_seconds())  # noqa: ASYNC251  # the loop is held up on purpose
            await asyncio.sleep(0)


async def test_a_block_that_ends_leaves_no_limit_behind() -> None:
    async with patience(LIMIT):
        pass
    await asyncio.sleep(LIMIT.total_seconds() * 2)
