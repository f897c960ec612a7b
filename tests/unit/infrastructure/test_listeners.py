"""Who listens at a port of this machine, and what that means for whoever wants to deploy there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import NotNow
from engine.infrastructure.balancers.chosen import ChosenShifter
from engine.infrastructure.listeners import holder, obstacle
from engine.targets import Haproxy, LocalTarget
from tests.unit.components.house import PLACE

LINUX = Path("/proc/net/tcp").exists()
needs_proc = pytest.mark.skipif(not LINUX, reason="only Linux tells who listens")


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """A program that listens; here it is this one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def port_of(other: socket.socket) -> int:
    return int(other.getsockname()[1])


def test_a_free_port_is_no_obstacle_and_stays_free(other: socket.socket) -> None:
    port = port_of(other)
    other.close()
    assert (obstacle(port), obstacle(port), holder(port)) == ("", "", None)
    with socket.create_server(("127.0.0.1", port)):
        pass


@needs_proc
def test_a_taken_port_names_who_has_it(other: socket.socket) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    assert obstacle(port_of(other)) == f"is taken by {name} (pid {os.getpid()})"


@needs_proc
def test_what_our_own_router_has_is_no_obstacle(other: socket.socket) -> None:
    assert obstacle(port_of(other), own=os.getpid()) == ""
    assert obstacle(port_of(other), own=1) != ""


def test_one_whose_owner_nobody_tells_is_taken_all_the_same(
    other: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.infrastructure.listeners.holder", lambda _: None)
    assert obstacle(port_of(other)) == "is taken by another program"


@pytest.mark.parametrize("field", ["port", "preview_port"])
async def test_a_placement_whose_port_is_taken_is_refused_with_what_to_do(
    other: socket.socket, tmp_path: Path, field: str
) -> None:
    target = replace(PLACE.on(LocalTarget), **{"port": 0, field: port_of(other)})  # type: ignore[arg-type]  # both are ports
    with pytest.raises(NotNow) as refused:
        await ChosenShifter(tmp_path).check(replace(PLACE, target=target))
    assert f"Port {port_of(other)}, where shop in production is to answer, is taken by " in refused.value.reason
    assert refused.value.remedy == f"End that program, or give the service another `{field}` in the settings."


@needs_proc
async def test_a_proxy_that_has_the_port_already_may_keep_it(other: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "proxy.pid").write_text(f"{os.getpid()}\n")
    target = replace(PLACE.on(LocalTarget), port=port_of(other))
    await ChosenShifter(tmp_path).check(replace(PLACE, target=target))


async def test_an_haproxy_has_ports_of_its_own(other: socket.socket, tmp_path: Path) -> None:
    target = replace(PLACE.on(LocalTarget), port=port_of(other), haproxy=Haproxy("/run/haproxy.sock", "shop"))
    await ChosenShifter(tmp_path).check(replace(PLACE, target=target))
