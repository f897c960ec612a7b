"""The one door to all infrastructure: a placement's calls go to the platform of its target, loaded when first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from engine.catalog import Placement, Version
from engine.durable import MayAct, alone
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.platform import Ground, Platform
from engine.ports import Artifact, Instance, InstanceId, TrafficReading
from engine.targets import ContainerTarget, EcsTarget, KubernetesTarget, LambdaTarget, LocalTarget, Target

_MODULES: Final[Mapping[type[Target], tuple[str, str]]] = {
    LocalTarget: ("engine.infrastructure.local_platform", ""),
    ContainerTarget: ("engine.infrastructure.container.platform", "container"),
    KubernetesTarget: ("engine.infrastructure.kubernetes.platform", ""),
    EcsTarget: ("engine.infrastructure.aws.ecs_platform", "aws"),
    LambdaTarget: ("engine.infrastructure.aws.lambda_platform", "aws"),
}
"""Where each kind lives, and the extra to install for it. Each module has `make(ground) -> Platform`."""


RESTART: Final = "Mend that and start Pilothouse again."


def _nothing(_: Placement) -> str:
    """Every placement has what it takes."""
    return ""


class Platforms:
    """Premises, ArtifactSource, InstanceManager and TrafficShifter of every placement, whatever it runs on.

    Every call may raise PermanentFailure when the optional package of its platform is not installed. Those with an
    effect ask `may_act` first, and raise what it raises.
    """

    def __init__(
        self, ground: Ground, may_act: MayAct = alone, *, lacks: Callable[[Placement], str] = _nothing
    ) -> None:
        self._ground = ground
        self._lacks = lacks
        self._may_act = may_act
        self._loaded: dict[type[Target], Platform] = {}

    def of(self, place: Placement) -> Platform:
        """The platform that this placement runs on. Raises TemporaryFailure while it `lacks` what it takes."""
        if lacking := self._lacks(place):
            told = f"{place.service} in {place.environment} is misconfigured: {lacking}."
            raise TemporaryFailure(told, RESTART)
        kind = type(place.target)
        if kind not in self._loaded:
            self._loaded[kind] = _make(kind, place, self._ground)
        return self._loaded[kind]

    async def close(self) -> None:
        """Let go of every platform that was used; what runs goes on."""
        for platform in self._loaded.values():
            await platform.close()
        self._loaded.clear()

    async def metrics(self) -> Sequence[str]:
        """`host:port` of the metrics pages of the platforms that are in use."""
        pages = [page for platform in self._loaded.values() for page in await platform.metrics()]
        return list(dict.fromkeys(pages))  # processes and containers share one proxy

    async def versions(self, place: Placement) -> Sequence[Version]:
        """See ArtifactSource."""
        return await self.of(place).artifacts.versions(place)

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """See ArtifactSource."""
        return await self.of(place).artifacts.artifact(place, version)

    async def check(self, place: Placement) -> None:
        """See Premises."""
        await self.of(place).check(place)

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """See InstanceManager."""
        return await self.of(place).manager.observe(place)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """See InstanceManager."""
        await self._may_act()
        await self.of(place).manager.start(place, version, ordinals)

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """See InstanceManager."""
        await self._may_act()
        await self.of(place).manager.stop(place, instances)

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """See TrafficShifter."""
        await self._may_act()
        await self.of(place).shifter.configure(place, instances, weights)

    async def read(self, place: Placement) -> TrafficReading:
        """See TrafficShifter."""
        return await self.of(place).shifter.read(place)

    async def keep_router(self, place: Placement) -> TrafficReading | None:
        """Bring the router back where that is ours to do, and say what it does. May raise what `read` raises."""
        platform = self.of(place)
        return await platform.shifter.read(place) if platform.keeps_router else None

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """See TrafficShifter."""
        return await self.of(place).shifter.drained(place, instances)


def _make(kind: type[Target], place: Placement, ground: Ground) -> Platform:
    name, extra = _MODULES[kind]
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("engine."):
            raise
        raise PermanentFailure(
            f"{place.service} in {place.environment} needs the package {error.name}, which is not installed.",
            f"Install it: pip install 'pilothouse[{extra}]'.",
        ) from error
    platform: Platform = module.make(ground)
    return platform
