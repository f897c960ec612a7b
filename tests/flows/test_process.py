"""The product as a process: where it cannot run, and what it leaves behind when it is told to stop."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes.house import House
from tests.fakes.scene import HOST, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("process")]

Houses = Callable[..., Awaitable[House]]


async def test_a_taken_port_is_told_with_the_way_to_choose_another(houses: Houses) -> None:
    house = await houses()
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, house.ports.board)
    async with other:
        process = await house.launch()
        assert await house.ended() == 1
        assert process.stdout is not None
        assert await process.stdout.read() == b""
    told = house.tail()
    assert f"Can't listen on {HOST}:{house.ports.board}" in told
    assert "PILOTHOUSE_PORT" in told
    assert "Traceback" not in told
    assert "was never retrieved" not in told


async def test_a_second_process_with_the_same_folder_is_refused_and_harms_nothing(houses: Houses) -> None:
    house = await houses(Scene(steps=((100, "100ms"),)))
    await house.start()
    code, told = await house.run_second()
    assert code == 1
    assert f"already runs with the data folder {house.data} (process {house.pid})" in told
    assert "Traceback" not in told
    await house.bring_out("v1")


async def test_sigterm_leaves_the_service_running_and_nothing_half_written(houses: Houses) -> None:
    house = await houses(Scene(steps=((10, "1s"), (100, "1s"))))
    await house.start()
    await house.bring_out("v1")
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("WeightShifted", f"deployment/{id}")
        starts, proxy = house.starts(), house.proxy_pid()
        assert await house.stop() == 0
        before = load.versions["v1"]
        await load.wait(lambda one: one.versions["v1"] > before + 30)
        assert all(_lives(pid) for _, pid in starts)
        assert _lives(proxy)
        _whole(house)
        await house.start()
        await house.end_of(id, "DeploymentSucceeded")
        assert house.starts()[: len(starts)] == starts
        assert len(house.starts()) == len(starts) + 1
        assert house.proxy_pid() == proxy
        assert load.lost == 0, load.told()
    assert "Traceback" not in (house.room / "house.log").read_text()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _whole(house: House) -> None:
    """Every file can be read by whoever comes next."""
    for path in [*house.data.glob("instances/*.json"), house.data / "proxy" / "routes.json"]:
        json.loads(path.read_text())
    for path in house.data.glob("*.sqlite"):
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
