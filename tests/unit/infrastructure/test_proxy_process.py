"""The proxy as a process: it outlives whoever started it, comes back as it was, and loses nothing while it shifts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import PermanentFailure
from engine.infrastructure import processes
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget
from tests.bench.proxy_shifts import quiet_port

V1, V2 = Version("v1"), Version("v2")
ROOT = Path(__file__).parents[3]
SERVER = """
import os, sys
from aiohttp import web
async def answer(request):
    await request.read()
    return web.Response(text=sys.argv[1])
app = web.Application()
app.router.add_route("*", "/{rest:.*}", answer)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
"""


@pytest.fixture
def place(tmp_path):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "server.py").write_text(SERVER)
    target = LocalTarget(
        artifact=str(tmp_path / "{version}"),
        command=("{python}", "{artifact}/server.py", "{version}"),
        port=quiet_port(),
        stop_timeout=timedelta(seconds=5),
    )
    health = HealthCheck(interval=timedelta(milliseconds=200))
    return Placement(ServiceName("shop"), EnvironmentName("test"), target, health, StrategySpec("all", "rolling"))


@pytest.fixture
async def manager(tmp_path):
    manager = LocalManager(tmp_path / "instances", now=lambda: datetime.now(UTC))
    yield manager
    await manager.stop_everything()


@pytest.fixture
async def shifter(tmp_path):
    shifter = ProxyShifter(tmp_path / "proxy")
    yield shifter
    await shifter.stop()


async def until(happened, seconds=10.0):
    end = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def serve(manager, shifter, place, weights, counts):
    for version, count in counts.items():
        await manager.start(place, version, range(1, count + 1))
    instances = [one for one in await manager.observe(place) if one.version in counts]
    await shifter.configure(place, instances, weights)

    async def shifted():
        reading = await shifter.read(place)
        return reading.weights == weights and len(reading.ready) == len(instances)

    await until(shifted)
    return instances


def proxy_pid(tmp_path):
    return int((tmp_path / "proxy" / "proxy.pid").read_text())


class Load:
    """Callers on kept connections that ask without a pause until told to stop."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/"
        self.stopping = asyncio.Event()
        self.answers = []
        self.failures = []

    async def run(self, callers=8):
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(self._call(session, "GET" if number % 2 else "POST"), name=f"caller {number}")

    async def _call(self, session, method):
        while not self.stopping.is_set():
            try:
                async with session.request(method, self.url, data=b"x" if method == "POST" else None) as got:
                    self.answers.append(await got.text())
                    if got.status != 200:
                        self.failures.append((got.status, self.answers[-1]))
            except aiohttp.ClientError as error:
                self.failures.append(error)


async def test_no_request_fails_while_a_version_replaces_another(manager, shifter, place):
    await serve(manager, shifter, place, {V1: 100}, {V1: 2})
    load = Load(place.target.port)
    running = asyncio.create_task(load.run(), name="load")
    old = await manager.observe(place)
    for weights in ({V1: 90, V2: 10}, {V1: 50, V2: 50}, {V1: 10, V2: 90}, {V2: 100}):
        await serve(manager, shifter, place, weights, {V1: 2, V2: 2})
    new = [one for one in await manager.observe(place) if one.version == V2]
    await shifter.configure(place, new, {V2: 100})
    gone = [one.id for one in old]
    await until(lambda: shifter.drained(place, gone))
    await manager.stop(place, gone)
    seen = len(load.answers)

    async def more():
        return len(load.answers) > seen + 100

    await until(more)
    load.stopping.set()
    await running
    assert load.failures == []
    assert set(load.answers[seen:]) == {"v2"}
    reading = await shifter.read(place)
    assert reading.requests >= len(load.answers)
    assert reading.lost == 0


async def test_a_killed_instance_costs_no_repeatable_request(manager, shifter, place):
    instances = await serve(manager, shifter, place, {V1: 100}, {V1: 2})
    load = Load(place.target.port)
    load_of_gets = asyncio.create_task(_gets(load), name="load")

    async def underway(count):
        return len(load.answers) > count

    await until(lambda: underway(50))
    os.kill(instances[0].pid, signal.SIGKILL)
    so_far = len(load.answers)
    await until(lambda: underway(so_far + 200))
    load.stopping.set()
    await load_of_gets
    assert load.failures == []
    assert list((await shifter.read(place)).ready) == [instances[1].id]


async def _gets(load):
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(load._call(session, "GET"), name=f"caller {number}")


async def test_a_killed_proxy_serves_at_once_as_before(tmp_path, manager, shifter, place):
    instances = await serve(manager, shifter, place, {V1: 90, V2: 10}, {V1: 1, V2: 1})
    address = await shifter.metrics_address()
    first = proxy_pid(tmp_path)
    os.kill(first, signal.SIGKILL)
    await processes.wait_end(processes.find_process(first), timedelta(seconds=5))
    reading = await shifter.read(place)
    assert proxy_pid(tmp_path) != first
    assert dict(reading.weights) == {"v1": 90, "v2": 10}
    assert set(reading.ready) == {one.id for one in instances}
    assert await shifter.metrics_address() == address
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{place.target.port}/") as got:
        assert got.status == 200


async def test_another_run_adopts_the_proxy(tmp_path, manager, shifter, place):
    await serve(manager, shifter, place, {V1: 100}, {V1: 1})
    first = proxy_pid(tmp_path)
    later = ProxyShifter(tmp_path / "proxy")
    assert (await later.read(place)).weights == {"v1": 100}
    assert proxy_pid(tmp_path) == first
    await later.stop()
    await later.stop()
    assert not processes.is_alive(processes.Process(first, "")) or processes.find_process(first) is None


async def test_many_asking_at_once_start_one_proxy(tmp_path, shifter, place):
    other = ProxyShifter(tmp_path / "proxy")
    readings = await asyncio.gather(*(one.read(place) for one in (shifter, other) * 4))
    assert len(readings) == 8
    assert (tmp_path / "proxy" / "proxy.log").read_text().count("already serves") <= 1


async def test_a_second_proxy_says_so_and_ends(tmp_path, shifter, place):
    await shifter.read(place)
    command = (sys.executable, "-m", "engine.infrastructure.balancers.proxy_process", "--directory", tmp_path / "proxy")
    second = await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"Another proxy (pid {proxy_pid(tmp_path)}) already serves" in second.stderr
    assert (await shifter.read(place)).lost == 0


async def test_a_taken_port_is_named(shifter, place):
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.target.port))
        other.listen()
        with pytest.raises(PermanentFailure) as failed:
            await shifter.configure(place, [], {})
    assert f"port {place.target.port}" in failed.value.reason
    assert "choose another" in failed.value.remedy
    await shifter.configure(place, [], {})


async def test_a_port_lost_over_a_crash_is_told_until_it_is_back(tmp_path, manager, shifter, place):
    instances = await serve(manager, shifter, place, {V1: 100}, {V1: 1})
    first = processes.find_process(proxy_pid(tmp_path))
    os.kill(first.pid, signal.SIGKILL)
    await processes.wait_end(first, timedelta(seconds=5))
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", place.target.port))
        thief.listen()
        with pytest.raises(PermanentFailure, match=f"port {place.target.port}"):
            await shifter.read(place)
    await shifter.configure(place, instances, {V1: 100})
    assert (await shifter.read(place)).weights == {"v1": 100}


async def test_weights_that_are_no_whole_are_refused(shifter, place):
    with pytest.raises(PermanentFailure, match="sum to 100"):
        await shifter.configure(place, [], {V1: 90, V2: 20})


async def test_routes_that_cannot_be_read_are_named(tmp_path, place):
    directory = tmp_path / "proxy"
    directory.mkdir()
    (directory / "routes.json").write_text("{")
    with pytest.raises(PermanentFailure) as failed:
        await ProxyShifter(directory).read(place)
    assert "routes.json" in failed.value.reason


async def test_only_we_may_talk_to_it_even_in_a_deep_directory(tmp_path, place):
    directory = tmp_path / ("deep" * 20) / ("deeper" * 10)
    shifter = ProxyShifter(directory)
    await shifter.read(place)
    socket_file = directory / "proxy.sock"
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    await shifter.stop()


async def test_prometheus_can_read_its_numbers(manager, shifter, place):
    await serve(manager, shifter, place, {V1: 100}, {V1: 1})
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{place.target.port}/") as got:
            await got.read()
        async with session.get(f"http://{await shifter.metrics_address()}/metrics") as got:
            assert got.content_type == "text/plain"
            page = await got.text()
        async with session.get(f"http://{await shifter.metrics_address()}/other") as got:
            assert got.status == 404
    labels = 'service="shop",environment="test",version="v1"'
    assert f'pilothouse_proxy_requests_total{{{labels},code="200"}} 1' in page
    assert f'pilothouse_proxy_request_seconds_bucket{{{labels},le="+Inf"}} 1' in page
    assert f"pilothouse_proxy_weight{{{labels}}} 100" in page
    assert 'pilothouse_proxy_lost_total{service="shop",environment="test"} 0' in page
    assert f'pilothouse_proxy_ready{{{labels},instance_id="shop-test-v1-1"}} 1' in page
