"""Many questions to the proxy over one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.catalog import EnvironmentName, ServiceName
from engine.infrastructure.balancers import line
from engine.infrastructure.balancers.control import Control
from engine.infrastructure.balancers.line import Line
from engine.infrastructure.balancers.orders import Answer, Order, Read, Reading


class Proxy:
    """Answers each question with the number that its service is called by, once it may."""

    def __init__(self, directory: Path) -> None:
        self.control = Control(directory, self.obey)
        self.may = asyncio.Event()
        self.may.set()

    async def obey(self, order: Order) -> Answer:
        await self.may.wait()
        assert isinstance(order, Read)
        return Reading({}, (), int(order.service), 0)

    @property
    def callers(self) -> int:
        return len(self.control._writers)


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    proxy = Proxy(tmp_path)
    await proxy.control.start()
    yield proxy
    proxy.control.close()


def question(number: int) -> Read:
    return Read(ServiceName(str(number)), EnvironmentName("test"))


async def test_each_gets_its_own_answer_over_one_connection(tmp_path: Path, proxy: Proxy) -> None:
    asked = Line(tmp_path)
    answers = await asyncio.gather(*(asked.ask(question(number)) for number in range(50)))
    assert [one.requests for one in answers if isinstance(one, Reading)] == list(range(50))
    assert proxy.callers == 1


async def test_who_loses_patience_takes_no_answer_from_the_next(tmp_path: Path, proxy: Proxy) -> None:
    asked = Line(tmp_path)
    proxy.may.clear()
    first = asyncio.create_task(asked.ask(question(1)))
    second = asyncio.create_task(asked.ask(question(2)))
    await until(lambda: len(asked._waiting) == 2)
    first.cancel()
    proxy.may.set()
    assert await second == Reading({}, (), 2, 0)


async def test_an_end_of_the_proxy_is_told_to_all_who_wait_and_the_next_question_goes_to_the_next_one(
    tmp_path: Path, proxy: Proxy
) -> None:
    asked = Line(tmp_path)
    proxy.may.clear()
    waiting = [asyncio.create_task(asked.ask(question(number))) for number in range(3)]
    await until(lambda: len(asked._waiting) == 3)
    proxy.control.close()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [EOFError] * 3
    later = Proxy(tmp_path)
    await later.control.start()
    assert await asked.ask(question(7)) == Reading({}, (), 7, 0)
    later.control.close()


async def test_nobody_listening_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Line(tmp_path).ask(question(1))


async def test_the_connection_is_closed_when_nobody_asks(
    tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "IDLE", timedelta(milliseconds=10))
    asked = Line(tmp_path)
    await asked.ask(question(1))
    await until(lambda: proxy.callers == 0)
    assert await asked.ask(question(2)) == Reading({}, (), 2, 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the other end is seen from outside only
            await asyncio.sleep(0.001)
