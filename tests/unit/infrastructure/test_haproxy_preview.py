"""A second backend of a real HAProxy: previews at a port of its own, and pins by a line in haproxy.cfg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from engine.infrastructure.balancers.haproxy import HaproxyShifter
from engine.ports import Instance
from engine.targets import LocalTarget
from tests.fakes.haproxy import BACKEND, free_port, program, running_haproxy
from tests.unit.infrastructure.test_haproxy_shifter import Stage, eventually

pytestmark = pytest.mark.skipif(program() is None, reason="HAProxy is not installed (apt install haproxy)")

NEXT = f"{BACKEND}-preview"
PINNED = f"""
    acl pinned req.hdr(x-try) -m str new
    acl pinned req.cook(try) -m str new
    use_backend {NEXT} if pinned {{ nbsrv({NEXT}) gt 0 }}
"""
PREVIEW = f"""
frontend preview
    bind 127.0.0.1:{{port}}
    default_backend {NEXT}
backend {NEXT}
    balance roundrobin
    option httpchk GET /healthz
"""
PINS: tuple[Mapping[str, str], ...] = ({"X-Try": "new"}, {"Cookie": "a=b; try=new"})
NEAR: tuple[Mapping[str, str], ...] = ({}, {"X-Try": "newer"}, {"Cookie": "retry=new; try=newer"})


@asynccontextmanager
async def previewed(folder: Path) -> AsyncIterator[tuple[Stage, int]]:
    """A stage with a preview backend, and the port that shows it."""
    port = free_port()
    async with running_haproxy(folder / "router", more=PREVIEW.format(port=port), callers=PINNED) as haproxy:
        stage = Stage(haproxy, folder)
        target = replace(haproxy.target, preview_backend=NEXT)
        stage.place = replace(stage.place, target=replace(stage.place.on(LocalTarget), haproxy=target))
        yield stage, port
        await stage.close()


async def answers(port: int, headers: Mapping[str, str]) -> str:
    """The version that answers there, or the status without one."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/", headers=headers) as answer,
    ):
        return answer.headers.get("X-Version", str(answer.status))


async def there(stage: Stage) -> list[str]:
    lines = (await stage.haproxy.ask(f"show servers state {NEXT}")).strip().splitlines()[2:]
    return [line.split()[3] for line in lines]


async def shown(port: int, version: str) -> None:
    async def so() -> bool:
        return await answers(port, {}) == version

    await eventually(so)


async def both(stage: Stage, weights: dict[str, int]) -> tuple[Instance, Instance]:
    """An instance of v1 with the traffic, then one of v2 beside it with these weights."""
    old, new = await stage.app("v1"), await stage.app("v2")
    await stage.configure({"v1": 100}, old)
    await stage.ready(1)
    await stage.configure(weights, old, new)
    await stage.ready(2)
    return old, new


async def test_a_new_version_is_shown_and_answers_who_carries_the_pin(tmp_path: Path) -> None:
    async with previewed(tmp_path) as (stage, port):
        old, new = await both(stage, {"v1": 100})
        await shown(port, "v2")
        assert [await answers(stage.haproxy.port, pin) for pin in PINS] == ["v2", "v2"]
        assert [await answers(stage.haproxy.port, near) for near in NEAR] == ["v1", "v1", "v1"]
        await stage.configure({"v2": 100}, old, new)
        await stage.until({"v2": 100})
        assert [await answers(stage.haproxy.port, near) for near in (*PINS, *NEAR)] == ["v2"] * 5


@pytest.mark.parametrize("left", ["v1", "v2"])
async def test_the_preview_is_empty_once_one_version_is_left(tmp_path: Path, left: str) -> None:
    async with previewed(tmp_path) as (stage, port):
        old, new = await both(stage, {"v1": 50, "v2": 50})
        await shown(port, "v2")
        stays, goes = (old, new) if left == "v1" else (new, old)
        await stage.configure({left: 100}, stays)
        await stage.until({left: 100})
        await shown(port, "503")
        assert [await answers(stage.haproxy.port, pin) for pin in PINS] == [left, left]
        assert await stage.shifter.drained(stage.place, [goes.id])
        await eventually(lambda: is_empty(stage))


async def is_empty(stage: Stage) -> bool:
    await stage.shifter.drained(stage.place, [one.instance.id for one in stage.apps])
    return await there(stage) == []


async def test_what_a_hand_took_out_of_the_preview_is_missed_and_set_right(tmp_path: Path) -> None:
    async with previewed(tmp_path) as (stage, port):
        old, new = await both(stage, {"v1": 100})
        await stage.haproxy.ask(f"set server {NEXT}/{new.id} state maint")
        await stage.haproxy.ask(f"del server {NEXT}/{new.id}")
        stage.shifter = HaproxyShifter(tmp_path / "told")  # and we were restarted
        assert tuple((await stage.shifter.read(stage.place)).ready) == (old.id,)
        await stage.configure({"v1": 100}, old, new)
        await stage.ready(2)
        await shown(port, "v2")


async def test_after_a_restart_the_preview_is_told_again(tmp_path: Path) -> None:
    async with previewed(tmp_path) as (stage, port):
        await both(stage, {"v1": 100})
        stage.haproxy.stop()
        await stage.haproxy.start()
        stage.shifter = HaproxyShifter(tmp_path / "told")
        await stage.until({"v1": 100})
        await shown(port, "v2")
        assert await there(stage) == ["shop-production-v2-1"]


async def test_a_request_to_the_preview_is_waited_for(tmp_path: Path) -> None:
    async with previewed(tmp_path) as (stage, port):
        old, new = await both(stage, {"v1": 100})
        await shown(port, "v2")
        app = stage.app_of(new)
        app.answers.clear()
        app.asked.clear()
        asking = asyncio.create_task(answers(port, {}), name="asking")
        await app.asked.wait()
        await stage.configure({"v1": 100}, old)
        assert not await stage.shifter.drained(stage.place, [new.id])
        app.answers.set()
        assert await asking == "v2"
        await eventually(lambda: stage.shifter.drained(stage.place, [new.id]))
