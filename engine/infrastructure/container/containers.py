"""What a container of ours is made from, and what the engine's words about it mean. Pure."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.targets import ContainerTarget

Found = Mapping[str, Any]
"""What the engine tells of one container or image, as the Docker Engine API 1.41 documents it."""

_HOST: Final = "127.0.0.1"
_INSTANCE: Final = "pilothouse.instance"
_VERSION: Final = "pilothouse.version"
_BY_SIGNAL: Final = 128  # a shell's and an engine's way to tell a signal as an exit status


class Standing(Enum):
    """How far a container is. MADE was never started: we were stopped in between."""

    MADE = "made"
    UP = "up"
    ENDED = "ended"
    LEAVING = "leaving"


_STANDINGS: Final[Mapping[str, Standing]] = {
    "created": Standing.MADE,
    "configured": Standing.MADE,
    "initialized": Standing.MADE,
    "running": Standing.UP,
    "paused": Standing.UP,
    "restarting": Standing.UP,
    "stopping": Standing.UP,
    "removing": Standing.LEAVING,
}


def labels_of(place: Placement) -> Mapping[str, str]:
    """The labels by which a placement's containers are found."""
    return {"pilothouse.service": place.service, "pilothouse.environment": place.environment}


def config_of(place: Placement, version: Version, instance: InstanceId, image: str) -> dict[str, Any]:
    """The body of a create call. The engine must not restart it: whoever looks after instances does, and counts."""
    target = place.on(ContainerTarget)
    port = f"{target.container_port}/tcp"
    own = {"PORT": str(target.container_port), "PILOTHOUSE_INSTANCE": instance}
    config = {
        "Image": image,
        "Env": [f"{name}={value}" for name, value in {**target.environment, **own}.items()],
        "Labels": {**labels_of(place), _VERSION: version, _INSTANCE: instance},
        "ExposedPorts": {port: {}},
        "StopTimeout": math.ceil(target.stop_timeout.total_seconds()),
        "HostConfig": {
            "PortBindings": {port: [{"HostIp": _HOST, "HostPort": "0"}]},
            "RestartPolicy": {"Name": "no"},
        },
    }
    return {**config, "Cmd": list(target.command)} if target.command else config


def is_ours(found: Found, instance: InstanceId) -> bool:
    """Whether this container was made by us as that instance."""
    return _labels(found).get(_INSTANCE) == instance


def standing_of(found: Found) -> Standing:
    """How far the container is."""
    return _STANDINGS.get(str(found["State"]["Status"]), Standing.ENDED)


def instance_of(place: Placement, found: Found, last_lines: str) -> Instance:
    """The container as an instance: STARTING while it runs, since others judge its health, DEAD after."""
    state, labels = found["State"], _labels(found)
    alive = standing_of(found) is Standing.UP
    return Instance(
        id=InstanceId(labels[_INSTANCE]),
        service=place.service,
        environment=place.environment,
        version=Version(labels[_VERSION]),
        address=f"{_HOST}:{_host_port(place, found)}",
        pid=int(state["Pid"]),
        started_at=_moment(str(state["StartedAt"])),
        health=InstanceHealth.STARTING if alive else InstanceHealth.DEAD,
        note="" if alive else "\n".join(part for part in (_end_of(state), last_lines) if part),
    )


def _labels(found: Found) -> Mapping[str, str]:
    return found["Config"].get("Labels") or {}


def _host_port(place: Placement, found: Found) -> str:
    """The port on this machine; "0" when it is published no longer."""
    published = (found.get("NetworkSettings") or {}).get("Ports") or {}
    bindings = published.get(f"{place.on(ContainerTarget).container_port}/tcp") or [{}]
    return str(bindings[0].get("HostPort") or 0)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _end_of(state: Mapping[str, Any]) -> str:
    status, error = int(state["ExitCode"]), str(state.get("Error") or "")
    if state.get("OOMKilled"):
        told = f"Ended with exit status {status}: it used more memory than it may."
    elif status - _BY_SIGNAL in {one.value for one in signal.Signals}:
        told = f"Ended with exit status {status} ({signal.Signals(status - _BY_SIGNAL).name})."
    else:
        told = f"Ended with exit status {status}."
    return f"{told} {error}".strip()
