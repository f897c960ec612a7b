"""Instances as child processes of this machine that outlive us and are adopted at our next start."""

from __future__ import annotations

import asyncio
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure import processes
from engine.infrastructure.artifacts import artifact_path, is_version_name
from engine.infrastructure.platform import no_ports
from engine.infrastructure.records import Record, Records
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.targets import LocalTarget

_HOST: Final = "127.0.0.1"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACEHOLDER: Final = re.compile(r"\{(artifact|version|port|instance|python)\}")
_KILLED: Final = timedelta(seconds=5)  # the kernel ends a process at once unless a disk holds it
_NOTE_LINES: Final = 10


def instance_id(place: Placement, version: Version, ordinal: int) -> InstanceId:
    """The name of a version's `ordinal`-th copy. Raises PermanentFailure when no file may be called so."""
    name = f"{place.service}-{place.environment}-{version}-{ordinal}"
    if not is_version_name(version) or not _ID.fullmatch(name):
        raise PermanentFailure(
            f"{name!r} cannot name an instance.", "Names may have letters, digits, dot, dash and underscore."
        )
    return InstanceId(name)


class LocalManager:
    """Runs instances in `directory`: one state file and one log each.

    A process is ours only when pid and start time match the record; one whose record lacks them, because we
    were killed between start and record, is found by its environment. Every call may be repeated at any time,
    by several processes at once. No instance is given one of `router_ports`, though nobody may listen there yet.
    """

    def __init__(
        self,
        directory: Path,
        *,
        now: Callable[[], datetime],
        router_ports: Callable[[], Collection[int]] = no_ports,
    ) -> None:
        self._records = Records(directory)
        self._now = now
        self._router_ports = router_ports

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All instances of a placement: STARTING while they run (others judge their health), DEAD after.

        One that was only meant to start when we were killed is none yet.
        """
        return await asyncio.to_thread(self._observe, place)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Make these ordinals run. A dead one starts again, on its old port when that is free.

        Raises PermanentFailure when the executable or the artifact is missing or may not be used.
        """
        for ordinal in sorted(ordinals):
            await asyncio.to_thread(self._start, place, version, instance_id(place, version, ordinal))

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """SIGTERM to each group, SIGKILL after the stop timeout, then forget it. Unknown ids are stopped.

        Raises TemporaryFailure when the kernel does not end one.
        """
        found = await asyncio.to_thread(self._known, instances)
        await self._stop(found, place.on(LocalTarget).stop_timeout)

    async def stop_everything(self) -> None:
        """Stop every instance of every placement, each within its own stop timeout."""
        found = await asyncio.to_thread(self._known, None)
        await self._stop(found, None)

    async def log_tail(self, instance: InstanceId, lines: int) -> str:
        """The last `lines` of an instance's output, of its last 64 KiB; empty when there is none."""
        if not _ID.fullmatch(instance):
            return ""
        return await asyncio.to_thread(self._records.tail, instance, lines)

    def _observe(self, place: Placement) -> tuple[Instance, ...]:
        mine = self._of(place)
        # Most looks find nothing to write down, and hundreds of placements need not wait for one another.
        if not all(map(_is_settled, mine)):
            with self._records.locked():
                mine = tuple(self._settle(record) for record in self._of(place))
        return tuple(self._instance(record) for record in mine if record.pid)

    def _of(self, place: Placement) -> tuple[Record, ...]:
        records = self._records.all(f"{place.service}-{place.environment}-")
        return tuple(record for record in records if _belongs(record, place))

    def _instance(self, record: Record) -> Instance:
        alive = processes.is_alive(record.process)
        return Instance(
            id=record.id,
            service=record.service,
            environment=record.environment,
            version=record.version,
            address=f"{_HOST}:{record.port}",
            pid=record.pid,
            started_at=record.started_at,
            health=InstanceHealth.STARTING if alive else InstanceHealth.DEAD,
            note="" if alive else self._obituary(record),
        )

    def _obituary(self, record: Record) -> str:
        last = self._records.tail(record.id, _NOTE_LINES)
        return "\n".join(part for part in (_end_of(record), last) if part)

    def _settle(self, record: Record) -> Record:
        """Bring a record up to the truth: adopt the process it lacks, keep an ended one's exit status."""
        settled = record if record.pid else self._adopt(record)
        if settled.pid and settled.exit_status is None and not processes.is_alive(settled.process):
            settled = replace(settled, exit_status=processes.reap(settled.process))
        if settled != record:
            self._records.write(settled)
        return settled

    @staticmethod
    def _adopt(record: Record) -> Record:
        found = processes.find_leader(_marks(record))
        return replace(record, pid=found.pid, birth=found.birth) if found else record

    def _start(self, place: Placement, version: Version, instance: InstanceId) -> None:
        with self._records.locked():
            before = self._records.find(instance)
            before = self._settle(before) if before else None
            if before is None or not processes.is_alive(before.process):
                self._launch(place, version, self._intent(place, version, instance, before))

    def _intent(self, place: Placement, version: Version, instance: InstanceId, before: Record | None) -> Record:
        taken = {record.port for record in self._records.all() if record.id != instance}
        taken.update(self._router_ports())
        return Record(
            id=instance,
            service=place.service,
            environment=place.environment,
            version=version,
            port=_choose_port(before.port if before else 0, taken),
            launch=secrets.token_hex(8),
            started_at=self._now(),
            stop_timeout=place.on(LocalTarget).stop_timeout.total_seconds(),
        )

    def _launch(self, place: Placement, version: Version, intent: Record) -> None:
        artifact = artifact_path(place.on(LocalTarget).artifact, version)
        if not artifact.exists():
            raise PermanentFailure(
                f"{intent.id} could not be started: there is no {artifact}.",
                "Build or copy that version first.",
            )
        self._records.rotate_log(intent.id)
        self._records.write(intent)
        pid = self._spawn(place, intent, artifact)
        found = processes.find_process(pid)
        self._records.write(replace(intent, pid=pid, birth=found.birth if found else "gone"))

    def _spawn(self, place: Placement, intent: Record, artifact: Path) -> int:
        values = {
            "artifact": str(artifact),
            "version": intent.version,
            "port": str(intent.port),
            "instance": intent.id,
            "python": sys.executable,
        }
        command = [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in place.on(LocalTarget).command]
        try:
            return processes.spawn(command, _environment(place, intent), self._records.log(intent.id))
        except OSError as error:
            self._records.remove(intent.id)
            raise processes.start_failure(intent.id, error, self._start_remedy(intent)) from error

    def _start_remedy(self, intent: Record) -> str:
        last = self._records.tail(intent.id, _NOTE_LINES)
        remedy = "Check the command and the artifact in the settings."
        return f"{remedy} Last output: {last}" if last else remedy

    def _known(self, instances: Collection[InstanceId] | None) -> tuple[Record, ...]:
        with self._records.locked():
            named = [one for one in instances or () if _ID.fullmatch(one)]
            found = self._records.all() if instances is None else map(self._records.find, named)
            return tuple(self._settle(record) for record in found if record is not None)

    async def _stop(self, records: Collection[Record], timeout: timedelta | None) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = {
                record.id: group.create_task(self._end(record, timeout), name=f"stop {record.id}") for record in records
            }
        stuck = [name for name, task in tasks.items() if not task.result()]
        if stuck:
            raise TemporaryFailure(
                f"Not even SIGKILL ends {', '.join(stuck)}.",
                "A disk or a network drive may hold it.",
                retry_after=timedelta(seconds=5),
            )

    async def _end(self, record: Record, timeout: timedelta | None) -> bool:
        patience = timedelta(seconds=record.stop_timeout) if timeout is None else timeout
        process = record.process
        if processes.is_alive(process):
            processes.signal_group(process.pid, signal.SIGTERM)
            processes.signal_group(process.pid, signal.SIGCONT)  # a stopped one could not hear it
            ended = await processes.wait_end(process, patience)
            # Also after a good end: what it started itself must not stay.
            processes.signal_group(process.pid, signal.SIGKILL)
            if not ended and not await processes.wait_end(process, _KILLED):
                return False
        await asyncio.to_thread(self._forget, record)
        return True

    def _forget(self, record: Record) -> None:
        with self._records.locked():
            processes.reap(record.process)
            now = self._records.find(record.id)
            if now is not None and now.launch == record.launch:
                self._records.remove(record.id)


def _is_settled(record: Record) -> bool:
    """Whether it says what is true: its process is known, and runs or has its exit status written down."""
    return bool(record.pid) and (record.exit_status is not None or processes.is_alive(record.process))


def _belongs(record: Record, place: Placement) -> bool:
    return (record.service, record.environment) == (place.service, place.environment)


def _marks(record: Record) -> Mapping[str, str]:
    return {"PILOTHOUSE_INSTANCE": record.id, "PILOTHOUSE_LAUNCH": record.launch}


def _environment(place: Placement, record: Record) -> Mapping[str, str]:
    own = {"PORT": str(record.port), **_marks(record)}
    return {**processes.clean_environment(), **place.on(LocalTarget).environment, **own}


def _end_of(record: Record) -> str:
    status = record.exit_status
    if status is None:
        return "It ended; its exit status went to an earlier run of Pilothouse."
    if status < 0:
        return f"Ended by {signal.Signals(-status).name}."
    return f"Ended with exit status {status}."


def _choose_port(preferred: int, taken: Collection[int]) -> int:
    for _ in range(64):
        port = _bindable(preferred) or _bindable(0)
        if port and port not in taken:
            return port
        preferred = 0
    raise TemporaryFailure("No free port was found.", "Close programs that hold ports.")


def _bindable(port: int) -> int:
    """The port that could be bound: `port`, any free one for 0; or 0 when it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections only linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return 0
        found: int = probe.getsockname()[1]
        return found
