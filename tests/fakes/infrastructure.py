"""Infrastructure in memory: scripted health, and one log of effects in the order they happened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from engine.catalog import EnvironmentName, Placement, ServiceName, Version
from engine.errors import EngineError, NotFound, PermanentFailure
from engine.infrastructure.balancers.balancing import effective_weights
from engine.ports import Artifact, Instance, InstanceHealth, InstanceId, TrafficReading

Effect = tuple[str, ...]
_Key = tuple[ServiceName, EnvironmentName]
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _key(place: Placement) -> _Key:
    return place.service, place.environment


class FakeArtifacts:
    """`contents` says which versions each service has; change a content and its digest changes."""

    def __init__(self, contents: Mapping[str, Mapping[str, str]]) -> None:
        self.contents = {service: dict(versions) for service, versions in contents.items()}

    async def versions(self, place: Placement) -> Sequence[Version]:
        return tuple(Version(name) for name in self.contents.get(place.service, {}))

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        known = self.contents.get(place.service, {})
        if version not in known:
            raise NotFound(f"{place.service} has no version {version!r}.", field="version")
        return Artifact(version, f"sha256:{hashlib.sha256(known[version].encode()).hexdigest()}")


class FakeManager:
    """Instances as rows. `starts_as` is the health a started one has; `judge` changes it later.

    `effects` gets ("start", id) and ("stop", id); share the list with FakeShifter to see the order of both.
    An error put in `failures` is raised by the next start or stop, before any effect.
    """

    def __init__(self, effects: list[Effect] | None = None, *, now: Callable[[], datetime] = lambda: _START) -> None:
        self.effects: list[Effect] = [] if effects is None else effects
        self.starts_as = InstanceHealth.STARTING
        self.failures: list[EngineError] = []
        self.missing: set[str] = set()
        self._now = now
        self._pids = 1000
        self._instances: dict[_Key, dict[InstanceId, Instance]] = {}

    async def observe(self, place: Placement) -> Sequence[Instance]:
        return tuple(self._instances.get(_key(place), {}).values())

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        self._fail()
        if version in self.missing:
            raise PermanentFailure(f"There is no artifact of {place.service} {version}.", "Build it first.")
        here = self._instances.setdefault(_key(place), {})
        for ordinal in sorted(ordinals):
            name = InstanceId(f"{place.service}-{place.environment}-{version}-{ordinal}")
            if name not in here or here[name].health is InstanceHealth.DEAD:
                here[name] = self._born(place, version, name)
                self.effects.append(("start", name))

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        self._fail()
        here = self._instances.setdefault(_key(place), {})
        for name in instances:
            if here.pop(name, None) is not None:
                self.effects.append(("stop", name))

    def judge(self, instance: str, health: InstanceHealth, note: str = "", *, judged: bool = False) -> None:
        """Say how an instance is from now on; `judged` as a platform says it that knows."""
        for here in self._instances.values():
            if (found := here.get(InstanceId(instance))) is not None:
                here[found.id] = replace(found, health=health, note=note, judged=judged)

    def _born(self, place: Placement, version: Version, name: InstanceId) -> Instance:
        self._pids += 1
        return Instance(
            id=name,
            service=place.service,
            environment=place.environment,
            version=version,
            address=f"127.0.0.1:{20000 + self._pids}",
            pid=self._pids,
            started_at=self._now(),
            health=self.starts_as,
        )

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class FakeShifter:
    """Routes on paper. Instances in `unready` take nothing, those in `busy` still answer a request.

    `lag` is how many reads a new order takes to show. `effects` gets ("configure", "v1=90 v2=10", ids…).
    An error put in `failures` is raised by the next configure, before any effect.
    """

    def __init__(self, effects: list[Effect] | None = None) -> None:
        self.effects: list[Effect] = [] if effects is None else effects
        self.unready: set[str] = set()
        self.busy: set[str] = set()
        self.failures: list[EngineError] = []
        self.lag = 0
        self.requests = 0
        self.lost = 0
        self._told: dict[_Key, tuple[tuple[Instance, ...], dict[Version, int]]] = {}
        self._shown: dict[_Key, tuple[tuple[Instance, ...], dict[Version, int]]] = {}
        self._wait: dict[_Key, int] = {}
        self._former: dict[_Key, dict[Version, int]] = {}

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        told = (tuple(instances), dict(weights))
        if self._told.get(_key(place)) == told:
            return
        self._told[_key(place)] = told
        self._wait[_key(place)] = self.lag
        words = " ".join(f"{version}={weight}" for version, weight in weights.items())
        self.effects.append(("configure", words, *(one.id for one in instances)))

    async def read(self, place: Placement) -> TrafficReading:
        self._catch_up(_key(place))
        ready = tuple(one.id for one in self._ready(_key(place)))
        return TrafficReading(self._effective(_key(place)), ready, self.requests, self.lost)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        return not self.busy.intersection(instances)

    def _catch_up(self, key: _Key) -> None:
        if self._wait.get(key, 0) > 0:
            self._wait[key] -= 1
        elif key in self._told and self._shown.get(key) != self._told[key]:
            self._former[key] = self._effective(key) if any(self._told[key][1].values()) else {}
            self._shown[key] = self._told[key]

    def _ready(self, key: _Key) -> list[Instance]:
        return [one for one in self._shown.get(key, ((), {}))[0] if one.id not in self.unready]

    def _effective(self, key: _Key) -> dict[Version, int]:
        """Those told; while none of them is ready, the former ones that still are."""
        versions = {one.version for one in self._ready(key)}
        told = effective_weights(self._shown.get(key, ((), {}))[1], versions)
        if told:
            self._former[key] = {}
        return told or effective_weights(self._former.get(key, {}), versions)
