"""Every adapter of the infrastructure ports in the same small world: one service, versions v1, v2 and v10."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.infrastructure.artifacts import LocalArtifacts
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager
from engine.ports import ArtifactSource, Instance, InstanceHealth, InstanceManager, TrafficShifter
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget
from tests.contracts.infrastructure import worlds_aws, worlds_container, worlds_kubernetes
from tests.fakes.infrastructure import FakeArtifacts, FakeManager, FakeShifter

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


@dataclass(slots=True)
class World:
    """One implementation of each port, and what the outside does to it.

    `kill` is None where nothing ever ends by itself, and `obituary` is what is said of a killed one. `processes`:
    instances are processes that are there at once, with pids, and are judged by others. `many`: a version may have
    several instances. `moves_shares`: the router itself takes the share of a version that is ill.
    `knows_versions`: the source can tell which versions exist without running them.
    """

    place: Placement
    artifacts: ArtifactSource
    manager: InstanceManager
    shifter: TrafficShifter
    kill: Callable[[Instance], None] | None
    sicken: Callable[[Instance], None]
    processes: bool = True
    obituary: str = "SIGKILL"
    many: bool = True
    moves_shares: bool = True
    knows_versions: bool = True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _place(folder: Path) -> Placement:
    for version in ("v1", "v2", "v10"):
        (folder / version).mkdir(parents=True)
        (folder / version / "server.py").write_text(f"# {version}\n{SERVER}")
    target = LocalTarget(
        artifact=str(folder / "{version}"),
        command=("{python}", "{artifact}/server.py", "{version}"),
        port=free_port(),
        stop_timeout=timedelta(seconds=5),
    )
    health = HealthCheck(interval=timedelta(milliseconds=100), timeout=timedelta(seconds=1))
    return Placement(ServiceName("shop"), EnvironmentName("production"), target, health, StrategySpec("all", "rolling"))


def _fake(place: Placement) -> World:
    manager, shifter = FakeManager(), FakeShifter()

    def kill(instance: Instance) -> None:
        manager.judge(instance.id, InstanceHealth.DEAD, "Ended by SIGKILL.")
        shifter.unready.add(instance.id)

    contents = {"shop": {"v1": "1", "v2": "2", "v10": "10"}}
    manager.missing.add("v9")
    return World(place, FakeArtifacts(contents), manager, shifter, kill, lambda one: shifter.unready.add(one.id))


WORLDS = {**worlds_container.WORLDS, **worlds_aws.WORLDS, **worlds_kubernetes.WORLDS}


PARAMS = [pytest.param(name, marks=worlds_container.MARKS.get(name, ())) for name in ("memory", "local", *WORLDS)]


@pytest.fixture(params=PARAMS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    place = _place(tmp_path / "artifacts")
    if request.param == "memory":
        yield _fake(place)
        return
    if request.param in WORLDS:
        async with WORLDS[request.param](World, place, tmp_path) as made:
            yield made
        return
    assert sys.platform == "linux"
    manager = LocalManager(tmp_path / "instances", now=lambda: datetime.now(UTC))
    shifter = ProxyShifter(tmp_path / "proxy")
    yield World(
        place,
        LocalArtifacts(),
        manager,
        shifter,
        kill=lambda one: os.kill(one.pid, signal.SIGKILL),
        sicken=lambda one: os.kill(one.pid, signal.SIGSTOP),
    )
    await shifter.stop()
    await manager.stop_everything()
