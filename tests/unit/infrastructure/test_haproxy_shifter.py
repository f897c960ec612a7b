"""A real HAProxy told by us, changed by others, ended, and under load."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.infrastructure.balancers import runtime_socket
from engine.infrastructure.balancers.chosen import ChosenShifter
from engine.infrastructure.balancers.haproxy import HaproxyShifter
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import Haproxy, LocalTarget
from tests.fakes.haproxy import BACKEND, RealHaproxy, free_port, program, running_haproxy
from tests.fakes.load import Load

pytestmark = pytest.mark.skipif(program() is None, reason="HAProxy is not installed (apt install haproxy)")

V1, V2 = Version("v1"), Version("v2")
CHECK = HealthCheck(interval=timedelta(milliseconds=50))


@dataclass
class App:
    """An instance in the test's own loop. Clear `well` and it fails its checks, clear `answers` and it keeps silent."""

    instance: Instance
    server: asyncio.Server
    well: bool = True
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)


class Stage:
    """One HAProxy, one placement, instances by `app`."""

    def __init__(self, haproxy: RealHaproxy, folder: Path) -> None:
        self.haproxy = haproxy
        target = LocalTarget(artifact="/srv/{version}", command=("x",), port=1, haproxy=haproxy.target)
        names = ServiceName("shop"), EnvironmentName("production")
        self.place = Placement(*names, target, CHECK, StrategySpec("all", "rolling"))
        self.shifter = HaproxyShifter(folder / "told")
        self.apps: list[App] = []
        self._serving: set[asyncio.Task[None] | None] = set()

    async def close(self) -> None:
        """End the instances and their connections."""
        for app in self.apps:
            app.answers.set()
            app.server.close()
        serving = [task for task in self._serving if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def app(self, version: str, ordinal: int = 1) -> Instance:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._serving.add(serving := asyncio.current_task())
            try:
                with suppress(OSError, asyncio.IncompleteReadError):
                    while head := await reader.readuntil(b"\r\n\r\n"):
                        await self._answer(app, head, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
                self._serving.discard(serving)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        app = App(_instance(version, ordinal, server.sockets[0].getsockname()[1]), server)
        app.answers.set()
        self.apps.append(app)
        return app.instance

    @staticmethod
    async def _answer(app: App, head: bytes, writer: asyncio.StreamWriter) -> None:
        status = b"200 OK"
        if head.startswith(b"GET /healthz"):
            status = b"200 OK" if app.well else b"503 Sick"
        else:
            app.asked.set()
            await app.answers.wait()
        version = app.instance.version.encode()
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\nX-Version: %b\r\n\r\n" % (status, version))
        await writer.drain()

    def app_of(self, instance: Instance) -> App:
        return next(one for one in self.apps if one.instance == instance)

    async def configure(self, weights: dict[str, int], *instances: Instance) -> None:
        told = {Version(name): weight for name, weight in weights.items()}
        await self.shifter.configure(self.place, instances, told)

    async def weights(self) -> dict[str, int]:
        return dict((await self.shifter.read(self.place)).weights)

    async def until(self, weights: dict[str, int]) -> None:
        await eventually(lambda: self._are(weights))

    async def ready(self, count: int) -> None:
        await eventually(lambda: self._count(count))

    async def _count(self, count: int) -> bool:
        return len((await self.shifter.read(self.place)).ready) == count

    async def _are(self, weights: dict[str, int]) -> bool:
        return await self.weights() == weights

    async def servers(self) -> list[str]:
        lines = (await self.haproxy.ask(f"show servers state {BACKEND}")).strip().splitlines()[2:]
        return [line.split()[3] for line in lines]


async def eventually(happened: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def _instance(version: str, ordinal: int, port: int) -> Instance:
    return Instance(
        id=InstanceId(f"shop-production-{version}-{ordinal}"),
        service=ServiceName("shop"),
        environment=EnvironmentName("production"),
        version=Version(version),
        address=f"127.0.0.1:{port}",
        pid=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        health=InstanceHealth.HEALTHY,
    )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_haproxy(tmp_path / "router") as haproxy:
        made = Stage(haproxy, tmp_path)
        yield made
        await made.close()


async def test_ten_shifts_under_load_lose_no_request(stage: Stage):
    old = [await stage.app("v1", ordinal) for ordinal in (1, 2, 3)]
    new = [await stage.app("v2", ordinal) for ordinal in (1, 2)]
    await stage.configure({"v1": 100}, *old)
    await stage.ready(3)
    async with Load(stage.haproxy.port, rate=300) as load:
        await load.wait(lambda it: it.versions["v1"] > 20)
        for share in (1, 5, 10, 20, 33, 50, 67, 80, 99):
            await stage.configure({"v1": 100 - share, "v2": share}, *old, *new)
            await stage.until({"v1": 100 - share, "v2": share})
        await stage.configure({"v2": 100}, *new)
        await stage.until({"v2": 100})
        seen = load.versions["v2"]
        await load.wait(lambda it: it.versions["v2"] > seen + 60)
    assert (load.failed, load.lost) == (0, 0), load.told()
    assert load.versions["v1"] > 20
    reading = await stage.shifter.read(stage.place)
    assert reading.lost == 0
    assert reading.requests == load.sent
    assert await stage.shifter.drained(stage.place, [one.id for one in old])
    assert await stage.servers() == [one.id for one in new]


async def test_requests_are_split_as_it_reads_back(stage: Stage):
    instances = [await stage.app("v1"), await stage.app("v1", 2), await stage.app("v2")]
    await stage.configure({"v1": 80, "v2": 20}, *instances)
    await stage.ready(3)
    await stage.configure({"v1": 80, "v2": 20}, *instances)
    async with aiohttp.ClientSession() as session:
        answers = [await session.get(f"http://127.0.0.1:{stage.haproxy.port}/") for _ in range(100)]
    assert sum(one.headers["X-Version"] == "v2" for one in answers) in range(18, 23)


async def test_an_ended_and_an_ill_instance_lose_no_request(stage: Stage):
    instances = [await stage.app("v1", ordinal) for ordinal in (1, 2, 3)]
    await stage.configure({"v1": 100}, *instances)
    await stage.ready(3)
    async with Load(stage.haproxy.port, rate=200) as load:
        await load.wait(lambda it: it.ok > 20)
        stage.app_of(instances[0]).server.close()
        stage.app_of(instances[1]).well = False
        await stage.ready(1)
        seen = load.ok
        await load.wait(lambda it: it.ok > seen + 20)
    assert (load.failed, load.lost) == (0, 0), load.told()
    assert await stage.weights() == {"v1": 100}


async def test_an_open_request_is_waited_for(stage: Stage):
    old, new = await stage.app("v1"), await stage.app("v2")
    await stage.configure({"v1": 100}, old)
    await stage.until({"v1": 100})
    stage.app_of(old).answers.clear()
    async with aiohttp.ClientSession() as session:
        slow = asyncio.create_task(session.get(f"http://127.0.0.1:{stage.haproxy.port}/"), name="slow")
        await stage.app_of(old).asked.wait()
        await stage.configure({"v2": 100}, old, new)
        await stage.ready(2)
        await stage.configure({"v2": 100}, new)
        await stage.until({"v2": 100})
        assert not await stage.shifter.drained(stage.place, [old.id, new.id])
        assert old.id not in (await stage.shifter.read(stage.place)).ready
        stage.app_of(old).answers.set()
        assert (await slow).status == 200
    assert await stage.shifter.drained(stage.place, [old.id])
    assert await stage.servers() == [new.id]


async def test_what_nobody_answered_is_counted_as_lost(stage: Stage):
    one = await stage.app("v1")
    await stage.configure({}, one)
    await stage.ready(1)
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"http://127.0.0.1:{stage.haproxy.port}/")).status == 503
    reading = await stage.shifter.read(stage.place)
    assert (reading.requests, reading.lost) == (1, 1)


async def test_a_hand_at_the_socket_is_seen_and_set_right(stage: Stage):
    old, new = await stage.app("v1"), await stage.app("v2")
    await stage.configure({"v1": 50, "v2": 50}, old, new)
    await stage.until({"v1": 50, "v2": 50})
    await stage.haproxy.ask(f"set weight {BACKEND}/{new.id} 0")
    assert await stage.weights() == {"v1": 100}
    await stage.haproxy.ask(f"set server {BACKEND}/{old.id} state maint")
    reading = await stage.shifter.read(stage.place)
    assert (dict(reading.weights), tuple(reading.ready)) == ({}, (new.id,))
    await stage.haproxy.ask(f"set server {BACKEND}/{new.id} state drain")
    assert (await stage.shifter.read(stage.place)).ready == ()
    await stage.configure({"v1": 50, "v2": 50}, old, new)
    await stage.until({"v1": 50, "v2": 50})
    await stage.haproxy.ask(f"set server {BACKEND}/{old.id} state maint")
    await stage.haproxy.ask(f"del server {BACKEND}/{old.id}")
    assert await stage.weights() == {"v2": 100}


async def test_an_instance_that_came_back_elsewhere_proves_itself_again(stage: Stage):
    one, other = await stage.app("v1"), await stage.app("v1", 2)
    await stage.configure({"v1": 100}, one, other)
    await stage.ready(2)
    moved = replace(one, address=f"127.0.0.1:{free_port()}")  # nobody there yet
    await stage.configure({"v1": 100}, moved, other)
    assert tuple((await stage.shifter.read(stage.place)).ready) == (other.id,)
    await stage.configure({"v1": 100}, one, other)
    await stage.ready(2)


async def test_after_a_restart_it_is_told_again(stage: Stage, tmp_path: Path):
    old, new = await stage.app("v1"), await stage.app("v2")
    await stage.configure({"v1": 70, "v2": 30}, old, new)
    await stage.until({"v1": 70, "v2": 30})
    stage.haproxy.stop()
    with pytest.raises(TemporaryFailure, match="does not answer"):
        await stage.weights()
    await stage.haproxy.start()
    stage.shifter = HaproxyShifter(tmp_path / "told")  # and we were restarted too
    await stage.until({"v1": 70, "v2": 30})
    assert sorted(await stage.servers()) == [old.id, new.id]


async def test_what_a_hand_removed_stays_removed_until_it_is_told(stage: Stage):
    one = await stage.app("v1")
    await stage.configure({"v1": 100}, one)
    await stage.until({"v1": 100})
    await stage.haproxy.ask(f"set server {BACKEND}/{one.id} state maint")
    assert (await stage.haproxy.ask(f"del server {BACKEND}/{one.id}")).strip() == "Server deleted."
    assert await stage.weights() == {}
    await stage.configure({"v1": 100}, one)
    await stage.until({"v1": 100})


async def test_two_that_tell_at_once_agree(stage: Stage, tmp_path: Path):
    instances = [await stage.app("v1", ordinal) for ordinal in (1, 2)]
    others = [HaproxyShifter(tmp_path / "told") for _ in range(3)]
    await asyncio.gather(*(one.configure(stage.place, instances, {V1: 100}) for one in others))
    await stage.until({"v1": 100})
    assert sorted(await stage.servers()) == [one.id for one in instances]


async def test_servers_of_others_are_left_alone(tmp_path: Path):
    more = f"server sorry 127.0.0.1:{free_port()} backup\n    server off 127.0.0.1:{free_port()} disabled"
    async with running_haproxy(tmp_path / "router", more=more) as haproxy:
        stage = Stage(haproxy, tmp_path)
        one = await stage.app("v1")
        await stage.configure({"v1": 100}, one)
        await stage.until({"v1": 100})
        await stage.configure({})
        assert await stage.shifter.drained(stage.place, [InstanceId("sorry"), one.id])
        assert sorted(await stage.servers()) == ["off", "sorry"]
        stage.apps[0].server.close()


async def test_a_backend_that_is_not_ours_alone_is_refused(tmp_path: Path):
    async with running_haproxy(tmp_path / "router", more=f"server static 127.0.0.1:{free_port()}") as haproxy:
        stage = Stage(haproxy, tmp_path)
        with pytest.raises(PermanentFailure, match=r"static.*Pilothouse's alone"):
            await stage.configure({"v1": 100}, await stage.app("v1"))
        assert await stage.servers() == ["static"]
        stage.apps[0].server.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"level": "operator"}, "level admin"),
        ({"balance": "static-rr"}, "balance roundrobin"),
    ],
)
async def test_what_haproxy_cfg_lacks_is_said(tmp_path: Path, settings: dict[str, str], words: str):
    async with running_haproxy(tmp_path / "router", **settings) as haproxy:
        stage = Stage(haproxy, tmp_path)
        with pytest.raises(PermanentFailure) as failed:
            await stage.configure({"v1": 100}, _instance("v1", 1, free_port()))
        assert words in failed.value.remedy


async def test_a_missing_backend_is_said_with_the_lines_to_write(stage: Stage):
    stage.place = _at(stage.place, Haproxy(str(stage.haproxy.socket), "other"))
    for call in (stage.weights(), stage.configure({}), stage.shifter.drained(stage.place, [])):
        with pytest.raises(PermanentFailure) as failed:
            await call
        assert "'other'" in failed.value.reason
        assert "`backend other`" in failed.value.remedy


async def test_a_socket_over_tcp_serves_as_well(stage: Stage):
    stage.place = _at(stage.place, Haproxy(f"127.0.0.1:{stage.haproxy.admin_port}", BACKEND))
    await stage.configure({"v1": 100}, await stage.app("v1"))
    await stage.until({"v1": 100})


async def test_a_hanging_haproxy_is_a_trouble_and_not_a_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime_socket, "_ANSWER", timedelta(milliseconds=100))
    assert stage.haproxy.process is not None
    os.kill(stage.haproxy.process.pid, signal.SIGSTOP)
    with pytest.raises(TemporaryFailure, match="no answer within"):
        await stage.weights()


async def test_nobody_at_a_port_is_a_trouble(stage: Stage):
    stage.place = _at(stage.place, Haproxy(f"127.0.0.1:{free_port()}", BACKEND))
    with pytest.raises(TemporaryFailure, match="does not answer"):
        await stage.weights()


@pytest.mark.parametrize(
    ("weights", "different"),
    [
        ({"v1": 90}, {}),
        ({"v1": 110, "v2": -10}, {}),
        ({"v1": 100}, {"id": "shop-production-v1-1;shutdown sessions"}),
        ({"v1": 100}, {"id": "shop-production-v1-1 disabled"}),
        ({"v1": 100}, {"address": "127.0.0.1:80 maxconn 1"}),
        ({"v1": 100}, {"version": "v2"}),
    ],
)
async def test_nonsense_is_never_told(stage: Stage, weights: dict[str, int], different: dict[str, str]):
    instance = replace(_instance("v1", 1, free_port()), **different)
    with pytest.raises(EngineError):
        await stage.configure(weights, instance)
    assert await stage.servers() == []


async def test_a_backend_cannot_smuggle_a_command(stage: Stage):
    stage.place = _at(stage.place, Haproxy(str(stage.haproxy.socket), "shop;show env"))
    with pytest.raises(PermanentFailure, match="cannot be a backend"):
        await stage.weights()


async def test_the_target_chooses_the_router(stage: Stage, tmp_path: Path):
    chosen = ChosenShifter(tmp_path / "data")
    one = await stage.app("v1")
    await chosen.configure(stage.place, [one], {V1: 100})
    await eventually(lambda: _reads(chosen, stage.place, {V1: 100}))
    assert await chosen.drained(stage.place, [one.id])
    assert await chosen.metrics() == ()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["haproxy"]


async def _reads(chosen: ChosenShifter, place: Placement, weights: dict[Version, int]) -> bool:
    return dict((await chosen.read(place)).weights) == weights


def _at(place: Placement, haproxy: Haproxy) -> Placement:
    return replace(place, target=replace(place.on(LocalTarget), haproxy=haproxy))
