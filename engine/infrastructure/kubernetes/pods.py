"""A pod as the manager sees it, and how it is, in the platform's own words. Pure.

The waiting reasons and conditions are those of the kubelet and the scheduler:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import EnvironmentName, Placement, ServiceName, Version
from engine.infrastructure.kubernetes.kinds import Json
from engine.infrastructure.kubernetes.names import (
    DEFAULT_CONTAINER,
    ENVIRONMENT_LABEL,
    NUMBERED_AT,
    ON,
    ORDINAL_LABEL,
    SERVICE_LABEL,
    TRAFFIC_LABEL,
    VERSION_LABEL,
    instance_id,
)
from engine.ports import Instance, InstanceHealth
from engine.targets import KubernetesTarget

_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})
_CRASHED: Final = "CrashLoopBackOff"


@dataclass(frozen=True, slots=True)
class Pod:
    """What we need of a pod. Times but `numbered_at`, which is by our clock, are by the cluster's clocks.

    `ended`: its phase is Failed or Succeeded, its Deployment makes another. `dead`: a container has ended and waits to
    be started again; `looping`: not before some time has passed. `stuck`: it cannot come up. `since` is the start of
    this run of its container, or of the last.
    """

    name: str
    uid: str
    revision: str
    service: ServiceName
    environment: EnvironmentName
    version: Version
    ordinal: int | None
    traffic: str
    address: str
    created: datetime
    leaving: bool = False
    ended: bool = False
    dead: bool = False
    looping: bool = False
    stuck: bool = False
    ready: bool = False
    was_ready: bool = False
    running: bool = False
    restarts: int = 0
    since: datetime | None = None
    numbered_at: datetime | None = None
    note: str = ""

    @property
    def live(self) -> bool:
        """Whether it counts among the replicas of its Deployment."""
        return not self.leaving and not self.ended

    @property
    def started_at(self) -> datetime:
        """When this run began; the first one when we first saw the pod."""
        return self.running_since if self.restarts else self.numbered_at or self.created

    @property
    def running_since(self) -> datetime:
        """When its container was started last, by our clock as far as it can be told.

        The clocks of the cluster may differ from ours, so what they say only counts as time since the pod was made.
        """
        passed = max(timedelta(0), (self.since or self.created) - self.created)
        return (self.numbered_at or self.created) + passed


def parse_pod(found: Json) -> Pod:
    """A Pod object with our labels. The runs of its default container count."""
    meta, status = found["metadata"], found.get("status") or {}
    marks, remarks = meta.get("labels") or {}, meta.get("annotations") or {}
    statuses = tuple(_statuses(status))
    main = _main(status, remarks.get(DEFAULT_CONTAINER, ""))
    since, ready = _since(main), _condition(status, "Ready")
    ordinal = marks.get(ORDINAL_LABEL, "")
    ended = status.get("phase") in {"Failed", "Succeeded"}
    is_ready = ready.get("status") == "True"
    return Pod(
        name=meta["name"],
        uid=meta["uid"],
        revision=meta["resourceVersion"],
        service=ServiceName(marks.get(SERVICE_LABEL, "")),
        environment=EnvironmentName(marks.get(ENVIRONMENT_LABEL, "")),
        version=Version(marks.get(VERSION_LABEL, "")),
        ordinal=int(ordinal) if ordinal.isdecimal() else None,
        traffic=marks.get(TRAFFIC_LABEL, ON),
        address=status.get("podIP") or "",
        created=_time(meta["creationTimestamp"]),
        leaving="deletionTimestamp" in meta,
        ended=ended,
        dead=any(_is_dead(one) for one in statuses),
        looping=any(_waits_for(one) == _CRASHED for one in statuses),
        stuck=any(_is_stuck(one) for one in statuses) or _unscheduled(status),
        ready=is_ready,
        was_ready=is_ready or _was_ready(ready, since),
        running="running" in (main.get("state") or {}),
        restarts=int(main.get("restartCount") or 0),
        since=since,
        numbered_at=_time(remarks[NUMBERED_AT]) if NUMBERED_AT in remarks else None,
        note="" if is_ready else _note(status, statuses, ready),
    )


def health_of(pod: Pod, grace: timedelta, *, now: datetime) -> InstanceHealth:
    """How a pod is. Not ready is STARTING until it has run for `grace` or was ready once, then UNHEALTHY."""
    if pod.ended or pod.dead:
        return InstanceHealth.DEAD
    if pod.ready:
        return InstanceHealth.HEALTHY
    if pod.stuck or pod.was_ready or (pod.running and now - pod.running_since >= grace):
        return InstanceHealth.UNHEALTHY
    return InstanceHealth.STARTING


def instance_of(pod: Pod, place: Placement, ordinal: int, *, now: datetime) -> Instance:
    """The pod as the engine knows it."""
    port = place.on(KubernetesTarget).container_port
    return Instance(
        id=instance_id(place, pod.version, ordinal),
        service=place.service,
        environment=place.environment,
        version=pod.version,
        address=_address(pod.address, port),
        pid=0,
        started_at=pod.started_at,
        health=health_of(pod, place.health.grace, now=now),
        note=pod.note,
        judged=True,
    )


def _address(host: str, port: int) -> str:
    """`host:port`, with the brackets of an IPv6 address; empty while the pod has none."""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{port}" if host else ""


def _statuses(status: Json) -> Iterator[Json]:
    for init in status.get("initContainerStatuses") or ():
        ended = (init.get("state") or {}).get("terminated") or {}
        if not ended or ended.get("exitCode"):  # one that ended well has done what it is for
            yield init
    yield from status.get("containerStatuses") or ()


def _main(status: Json, container: str) -> Json:
    found: list[Json] = status.get("containerStatuses") or []
    return next((one for one in found if one.get("name") == container), found[0] if found else {})


def _since(main: Json) -> datetime | None:
    state, last = main.get("state") or {}, main.get("lastState") or {}
    runs = (state.get("running"), state.get("terminated"), last.get("terminated"))
    started = next((run["startedAt"] for run in runs if run and run.get("startedAt")), None)
    return _time(started) if started else None


def _was_ready(ready: Json, since: datetime | None) -> bool:
    """A condition that turned false after its container started was true in between."""
    turned: str = ready.get("lastTransitionTime") or ""
    return ready.get("status") == "False" and since is not None and bool(turned) and _time(turned) > since


def _is_dead(one: Json) -> bool:
    return "terminated" in (one.get("state") or {}) or _waits_for(one) == _CRASHED


def _is_stuck(one: Json) -> bool:
    reason = _waits_for(one)
    return bool(reason) and reason not in _STARTING


def _waits_for(one: Json) -> str:
    return ((one.get("state") or {}).get("waiting") or {}).get("reason") or ""


def _unscheduled(status: Json) -> bool:
    return _condition(status, "PodScheduled").get("reason") == "Unschedulable"


def _condition(status: Json, kind: str) -> Json:
    found: list[Json] = status.get("conditions") or []
    return next((one for one in found if one.get("type") == kind), {})


def _note(status: Json, statuses: tuple[Json, ...], ready: Json) -> str:
    """Why it is not ready: its own end, what its containers wait for, why no node takes it, or what readiness says."""
    if status.get("reason") or status.get("message"):
        return _said(status.get("reason", ""), status.get("message", ""))
    told = [text for text in map(_told, statuses) if text]
    if told:
        return " ".join(told)
    if _unscheduled(status):
        scheduled = _condition(status, "PodScheduled")
        return _said(scheduled.get("reason", ""), scheduled.get("message", ""))
    return _said(ready.get("reason", ""), ready.get("message", "")) if ready.get("reason") else ""


def _told(one: Json) -> str:
    state, last = one.get("state") or {}, (one.get("lastState") or {}).get("terminated")
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    parts = []
    if waiting and waiting.get("reason") not in _STARTING:
        parts.append(_said(waiting.get("reason", ""), waiting.get("message", "")))
    parts.extend(_end_of(run) for run in (ended, last) if run)
    if parts and one.get("restartCount"):
        parts.append(f"Restarts: {one['restartCount']}.")
    return f"{one.get('name', '')}: {' '.join(parts)}" if parts else ""


def _end_of(run: Json) -> str:
    code = int(run.get("exitCode") or 0)
    by = int(run.get("signal") or 0) or (code - 128 if 128 < code < 192 else 0)
    named = f" ({signal.Signals(by).name})" if by in set(signal.Signals) else ""
    return _said(f"{run.get('reason') or 'Ended'} with exit code {code}{named}", run.get("message") or "")


def _said(reason: str, message: str) -> str:
    text = f"{reason}: {message.strip()}" if reason and message else reason or message
    return text if text.endswith(".") else f"{text}."


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
