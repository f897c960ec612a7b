"""Containers of a real engine in all the states that crashes, conflicts and people leave them in."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiodocker
import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.container.api import Apis
from engine.infrastructure.container.containers import config_of
from engine.infrastructure.container.images import Images
from engine.infrastructure.container.manager import ContainerManager
from engine.infrastructure.platform import Ground
from engine.infrastructure.platforms import Platforms
from engine.ports import InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import ContainerTarget
from tests.fakes import podman
from tests.fakes.haproxy import program, running_haproxy
from tests.fakes.load import Load

V1 = Version("v1")
NAME = InstanceId("shop-test-v1-1")
POLITE = "trap 'exit 0' TERM; while true; do /bin/busybox sleep 0.1; done"
BROKEN = "echo starting; echo no database; exit 3"
pytestmark = [
    pytest.mark.skipif(podman.missing() is not None, reason=podman.missing() or ""),
    pytest.mark.xdist_group("containers"),  # one engine for all
]


@pytest.fixture
async def engine() -> AsyncIterator[podman.Engine]:
    async with podman.engine_alone() as made:
        yield made


@pytest.fixture
async def docker(engine: podman.Engine) -> AsyncIterator[aiodocker.Docker]:
    async with aiodocker.Docker(url=engine.url) as made:
        yield made


@pytest.fixture
async def manager(engine: podman.Engine) -> AsyncIterator[ContainerManager]:
    apis = Apis()
    yield ContainerManager(apis, Images(apis))
    await apis.close()


async def place_on(engine: podman.Engine, **different: Any) -> Placement:
    """A placement with version v1."""
    settings = {"image": await podman.image(engine, "v1"), "container_port": 8080, "port": 0, "engine": engine.url}
    target = ContainerTarget(**{**settings, "stop_timeout": timedelta(seconds=1), **different})
    check = HealthCheck(interval=timedelta(milliseconds=100))
    return Placement(ServiceName("shop"), EnvironmentName("test"), target, check, StrategySpec("all", "rolling"))


def shell(line: str) -> tuple[str, ...]:
    return ("/bin/busybox", "sh", "-c", line)


async def eventually(happened: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


async def test_a_container_is_what_its_settings_say(engine, manager, docker):
    before = datetime.now(UTC) - timedelta(seconds=1)
    place = await place_on(engine, environment={"COLOUR": "green"})
    await manager.start(place, V1, [1])
    (seen,) = await manager.observe(place)
    made = await docker.containers.container(NAME).show()
    assert {"COLOUR=green", "PORT=8080", f"PILOTHOUSE_INSTANCE={NAME}"} <= set(made["Config"]["Env"])
    assert made["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"}
    assert made["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    assert (seen.pid, seen.judged) == (made["State"]["Pid"], False)
    assert before < seen.started_at < datetime.now(UTC) + timedelta(seconds=1)


async def test_one_that_was_only_made_is_started_and_not_made_again(engine, manager, docker):
    place = await place_on(engine)
    made = await docker.containers.create(config_of(place, V1, NAME, "localhost/shop:v1"), name=NAME)
    assert await manager.observe(place) == ()
    await manager.start(place, V1, [1])
    assert [one.id for one in await manager.observe(place)] == [NAME]
    assert (await docker.containers.container(NAME).show())["Id"] == made.id


async def test_two_managers_start_one_container(engine, manager):
    place, apis = await place_on(engine), Apis()
    other = ContainerManager(apis, Images(apis))
    starts = (one.start(place, V1, [1]) for one in (manager, other) * 3)
    ends = await asyncio.gather(*starts, return_exceptions=True)
    # Podman itself stumbles at times over two that make the same container; it is tried again then.
    assert {type(end) for end in ends} <= {type(None), TemporaryFailure}
    await manager.start(place, V1, [1])
    assert await manager.observe(place) == await other.observe(place)
    assert len(await manager.observe(place)) == 1
    await apis.close()


async def test_two_managers_that_replace_a_dead_one_keep_what_either_made(engine, manager):
    place, apis = await place_on(engine), Apis()
    other = ContainerManager(apis, Images(apis))
    await manager.start(place, V1, [1])
    (before,) = await manager.observe(place)
    os.kill(before.pid, signal.SIGKILL)

    async def is_dead() -> bool:
        return (await manager.observe(place))[0].health is InstanceHealth.DEAD

    await eventually(is_dead)
    await asyncio.gather(*(one.start(place, V1, [1]) for one in (manager, other)), return_exceptions=True)
    await manager.start(place, V1, [1])
    (after,) = await manager.observe(place)
    assert after.health is InstanceHealth.STARTING
    assert after.pid != before.pid
    await apis.close()


async def test_a_foreign_container_of_that_name_is_left_alone(engine, manager, docker):
    place = await place_on(engine)
    await docker.containers.create({"Image": "localhost/shop:v1"}, name=NAME)
    with pytest.raises(PermanentFailure, match="Pilothouse did not make it"):
        await manager.start(place, V1, [1])
    await manager.stop(place, [NAME])
    assert (await docker.containers.container(NAME).show())["State"]["Status"] == "created"
    assert await manager.observe(place) == ()


async def test_a_command_that_is_not_there_says_so_and_leaves_nothing(engine, manager, docker):
    place = await place_on(engine, command=("/no/such/program",))
    with pytest.raises(PermanentFailure) as failed:
        await manager.start(place, V1, [1])
    assert "/no/such/program" in failed.value.reason
    assert "`command`" in failed.value.remedy
    assert await docker.containers.list(all=True) == []


async def test_one_that_ends_says_why(engine, manager):
    place = await place_on(engine, command=shell(BROKEN))
    await manager.start(place, V1, [1])

    async def is_dead() -> bool:
        return (await manager.observe(place))[0].health is InstanceHealth.DEAD

    await eventually(is_dead)
    (seen,) = await manager.observe(place)
    assert seen.note == "Ended with exit status 3.\nstarting\nno database"
    assert seen.pid == 0


@pytest.mark.parametrize(("command", "seconds", "in_time"), [(shell(POLITE), 8, True), ((), 1, False)])
async def test_each_is_asked_to_end_and_then_made_to(engine, manager, docker, command, seconds, in_time):
    image = await podman.image(engine, "v1", name="hears-term", stop_signal="TERM")
    place = await place_on(engine, image=image, command=command, stop_timeout=timedelta(seconds=seconds))
    await manager.start(place, V1, [1])
    begun = time.monotonic()
    await manager.stop(place, [NAME])
    assert (time.monotonic() - begun < seconds) is in_time
    assert await docker.containers.list(all=True) == []


async def test_one_that_somebody_removed_is_gone(engine, manager, docker):
    place = await place_on(engine)
    await manager.start(place, V1, [1, 2])
    await docker.containers.container(NAME).delete(force=True)
    assert [one.id for one in await manager.observe(place)] == ["shop-test-v1-2"]
    await manager.start(place, V1, [1, 2])
    assert len(await manager.observe(place)) == 2


@pytest.mark.skipif(program() is None, reason="HAProxy is not installed (apt install haproxy)")
async def test_a_canary_of_containers_behind_haproxy_loses_no_request(engine, tmp_path):
    """As the product comes to it: by the one door to all platforms, which loads what the target needs."""
    platforms = Platforms(Ground(tmp_path / "data", lambda: datetime.now(UTC)))
    async with running_haproxy(tmp_path / "router") as haproxy:
        place = await place_on(engine, haproxy=haproxy.target)
        await podman.image(engine, "v2")
        await platforms.start(place, V1, [1, 2])
        await platforms.start(place, Version("v2"), [1])
        instances = await platforms.observe(place)

        async def shift(share: int) -> None:
            wanted = {V1: 100 - share, Version("v2"): share}
            wanted = {version: weight for version, weight in wanted.items() if weight}

            async def reached() -> bool:
                await platforms.configure(place, instances, wanted)
                return dict((await platforms.read(place)).weights) == wanted

            await eventually(reached)

        await shift(0)
        async with Load(haproxy.port, rate=50) as load:
            await load.wait(lambda it: it.ok > 10)
            for share in (1, 10, 30, 50, 100, 0):
                await shift(share)
            await shift(100)
            leaving = [one.id for one in instances if one.version == V1]
            await platforms.configure(place, [one for one in instances if one.version != V1], {Version("v2"): 100})
            await eventually(lambda: platforms.drained(place, leaving))
            await platforms.stop(place, leaving)
            seen = load.ok
            await load.wait(lambda it: it.ok > seen + 10)
        assert (load.failed, load.lost) == (0, 0), load.told()
    assert [one.version for one in await platforms.observe(place)] == ["v2"]
    assert await platforms.metrics() == []
    await platforms.close()
