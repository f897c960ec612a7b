"""Real processes: adoption after a kill, exit notes, clean environments, and honest failures."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.errors import PermanentFailure
from engine.infrastructure import processes
from engine.infrastructure.local import LocalManager
from engine.infrastructure.records import Records
from engine.ports import InstanceHealth
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget

PARENT = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_local import place_in
from engine.infrastructure import processes
from engine.infrastructure.local import LocalManager
from engine.infrastructure.records import Records

directory = Path({directory!r})
manager = LocalManager(directory / "instances", now=lambda: datetime.now(UTC))
if {early!r}:  # killed after the spawn, before its pid is on disk
    processes.find_process = lambda pid: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(manager.start(place_in(directory, {script!r}), "v1", [1]))
os.kill(os.getpid(), signal.SIGKILL)
"""
SLEEPER = "import signal; print('up', flush=True); signal.pause()"
TOUGH = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", os.getpid(), flush=True)
while True:
    signal.pause()
"""
ROOT = Path(__file__).parents[3]


def place_in(directory: Path, script: str = SLEEPER, **changes) -> Placement:
    (directory / "v1").mkdir(exist_ok=True)
    (directory / "v1" / "run.py").write_text(script)
    target = LocalTarget(
        artifact=str(directory / "{version}"),
        command=("{python}", "{artifact}/run.py", "{port}", "{instance}", "{other}"),
        port=1,
        stop_timeout=timedelta(seconds=5),
    )
    target = replace(target, **changes)
    return Placement(
        ServiceName("shop"), EnvironmentName("test"), target, HealthCheck(), StrategySpec("all", "rolling")
    )


@pytest.fixture
async def manager(tmp_path):
    manager = LocalManager(tmp_path / "instances", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    yield manager
    await manager.stop_everything()


async def until(happened, seconds=10.0):
    end = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


async def said(manager, text):
    await until(lambda: _said(manager, text))


async def _said(manager, text):
    return text in await manager.log_tail("shop-test-v1-1", 20)


async def dead(manager, place):
    async def is_dead():
        return (await manager.observe(place))[0].health is InstanceHealth.DEAD

    await until(is_dead)
    return (await manager.observe(place))[0]


@pytest.mark.parametrize("early", [False, True])
async def test_instances_of_a_killed_parent_are_adopted(tmp_path, manager, early):
    script = PARENT.format(tests=str(Path(__file__).parent), directory=str(tmp_path), early=early, script=SLEEPER)
    parent = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    (record,) = Records(tmp_path / "instances").all()
    assert bool(record.pid) is not early
    place = place_in(tmp_path)
    (one,) = await manager.observe(place)
    assert one.health is InstanceHealth.STARTING
    assert processes.find_process(one.pid)
    await manager.start(place, "v1", [1])
    assert (await manager.observe(place))[0].pid == one.pid
    os.kill(one.pid, signal.SIGKILL)
    assert "earlier run" in (await dead(manager, place)).note


async def test_what_another_process_writes_is_read(tmp_path, manager):
    ours, theirs = Records(tmp_path / "instances"), Records(tmp_path / "instances")
    await manager.start(place_in(tmp_path), "v1", [1])
    (path,) = (tmp_path / "instances").glob("*.json")
    os.utime(path, (1, 1))  # as if written long ago
    (record,) = ours.all()
    assert ours.all() == (record,)
    theirs.write(replace(record, exit_status=1))
    assert ours.all() == (replace(record, exit_status=1),)
    theirs.remove(record.id)
    assert (ours.all(), ours.find(record.id)) == ((), None)
    theirs.write(record)
    assert ours.find(record.id) == record


async def test_a_pid_that_changed_hands_is_not_ours(tmp_path, manager):
    place = place_in(tmp_path)
    await manager.start(place, "v1", [1])
    records = Records(tmp_path / "instances")
    (record,) = records.all()
    records.write(replace(record, pid=os.getpid()))
    assert (await manager.observe(place))[0].health is InstanceHealth.DEAD
    await manager.stop(place, ["shop-test-v1-1"])  # must not end this very test
    processes.signal_group(record.pid, signal.SIGKILL)
    await processes.wait_end(record.process, timedelta(seconds=5))
    processes.reap(record.process)


async def test_an_end_leaves_its_status_and_last_words(tmp_path, manager):
    place = place_in(tmp_path, "print('one'); print('no database'); raise SystemExit(3)")
    await manager.start(place, "v1", [1])
    note = (await dead(manager, place)).note
    assert note == "Ended with exit status 3.\none\nno database"
    assert await manager.log_tail("shop-test-v1-1", 1) == "no database"
    assert await manager.log_tail("../x", 1) == ""


async def test_a_child_sees_nothing_secret(tmp_path, manager, monkeypatch):
    for name in ("SLACK_BOT_TOKEN", "DATABASE_URL", "PILOTHOUSE_API_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    script = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]), flush=True)"
    place = place_in(tmp_path, script, environment={"COLOUR": "green"})
    await manager.start(place, "v1", [1])
    await dead(manager, place)
    environment, arguments = json.loads(await manager.log_tail("shop-test-v1-1", 1))
    assert "secret" not in environment.values()
    assert environment["COLOUR"] == "green"
    assert environment["PILOTHOUSE_INSTANCE"] == "shop-test-v1-1"
    assert arguments == [environment["PORT"], "shop-test-v1-1", "{other}"]
    assert set(environment) <= {
        "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "COLOUR", "PORT",
        "PILOTHOUSE_INSTANCE", "PILOTHOUSE_LAUNCH",
    }  # fmt: skip


async def test_a_stubborn_process_is_killed_with_its_children(tmp_path, manager):
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {TOUGH!r}])\n{TOUGH}"
    place = place_in(tmp_path, child, stop_timeout=timedelta(milliseconds=100))
    await manager.start(place, "v1", [1])
    await until(lambda: _count(manager, "up", 2))
    lines = (await manager.log_tail("shop-test-v1-1", 2)).splitlines()
    group = [processes.find_process(int(line.split()[1])) for line in lines]
    await manager.stop(place, ["shop-test-v1-1"])
    assert await manager.observe(place) == ()
    for member in group:
        assert await processes.wait_end(member, timedelta(seconds=5))


async def _count(manager, text, count):
    return (await manager.log_tail("shop-test-v1-1", 20)).count(text) == count


async def test_a_port_is_kept_while_it_is_free(tmp_path, manager):
    place = place_in(tmp_path)
    await manager.start(place, "v1", [1])
    (one,) = await manager.observe(place)
    os.kill(one.pid, signal.SIGKILL)
    await dead(manager, place)
    await manager.start(place, "v1", [1])
    (again,) = await manager.observe(place)
    assert again.address == one.address
    os.kill(again.pid, signal.SIGKILL)
    await dead(manager, place)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(one.address.rpartition(":")[2])))
        other.listen()
        await manager.start(place, "v1", [1])
    assert (await manager.observe(place))[0].address != one.address


async def test_no_instance_gets_the_port_of_a_router(tmp_path, manager):
    place = place_in(tmp_path)
    await manager.start(place, "v1", [1])
    (one,) = await manager.observe(place)
    os.kill(one.pid, signal.SIGKILL)
    await dead(manager, place)
    promised = {int(one.address.rpartition(":")[2])}
    later = LocalManager(tmp_path / "instances", now=lambda: datetime.now(UTC), router_ports=lambda: promised)
    await later.start(place, "v1", [1])
    assert (await later.observe(place))[0].address != one.address


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/no/such/program",), "No such file or directory: /no/such/program"),
        (("no-such-program-anywhere",), "No such file or directory: no-such-program-anywhere"),
        (("{artifact}/run.py",), "Permission denied"),
        (("{artifact}",), "Permission denied"),
    ],
)
async def test_what_cannot_start_says_why(tmp_path, manager, command, words):
    place = place_in(tmp_path, command=command)
    with pytest.raises(PermanentFailure) as failed:
        await manager.start(place, "v1", [1])
    assert words in failed.value.reason
    assert "shop-test-v1-1" in failed.value.reason
    assert "Check the command" in failed.value.remedy
    assert await manager.observe(place) == ()


@pytest.mark.parametrize("version", ["../v1", "", ".", "a/b", "x" * 65, "v1\n"])
async def test_a_version_is_no_path(tmp_path, manager, version):
    with pytest.raises(PermanentFailure):
        await manager.start(place_in(tmp_path), version, [1])
    assert not (tmp_path / "instances").exists()


async def test_a_broken_state_file_is_named(tmp_path, manager):
    place = place_in(tmp_path)
    await manager.start(place, "v1", [1])
    state = tmp_path / "instances" / "shop-test-v1-1.json"
    whole = state.read_bytes()
    state.write_bytes(whole[:20])
    with pytest.raises(PermanentFailure, match=r"shop-test-v1-1\.json"):
        await manager.observe(place)
    state.write_bytes(whole)


async def test_files_are_for_us_only_and_large_logs_are_put_aside(tmp_path, manager):
    place = place_in(tmp_path)
    directory = tmp_path / "instances"
    directory.mkdir(mode=0o700)
    log = directory / "shop-test-v1-1.log"
    log.write_bytes(bytes(6 * 1024 * 1024))
    await manager.start(place, "v1", [1])
    await said(manager, "up")
    assert log.stat().st_size < 1000
    assert (directory / "shop-test-v1-1.log.1").stat().st_size == 6 * 1024 * 1024
    assert [path.name for path in directory.glob("*") if path.stat().st_mode & 0o077 and path.suffix == ".json"] == []


async def test_two_managers_start_one_process(tmp_path, manager):
    place = place_in(tmp_path)
    other = LocalManager(tmp_path / "instances", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    await asyncio.gather(*(one.start(place, "v1", [1]) for one in (manager, other) * 5))
    (record,) = Records(tmp_path / "instances").all()
    assert (await manager.observe(place)) == (await other.observe(place))
    assert processes.find_leader({"PILOTHOUSE_LAUNCH": record.launch}) == record.process


async def test_waiting_for_an_end_works_without_pidfd(tmp_path, manager, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    place = place_in(tmp_path)
    await manager.start(place, "v1", [1])
    await said(manager, "up")
    await manager.stop(place, ["shop-test-v1-1"])
    assert await manager.observe(place) == ()
