"""Lambda versions behind an alias."""

from __future__ import annotations

from engine.catalog import Placement
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.lambda_alias import AliasShifter
from engine.infrastructure.aws.lambda_manager import LambdaManager
from engine.infrastructure.aws.lambda_versions import Versions, where
from engine.infrastructure.aws.registry import Registry
from engine.infrastructure.platform import Ground, Platform
from engine.targets import LambdaTarget


def make(ground: Ground) -> Platform:  # noqa: ARG001  # every platform is made on the same ground
    """One set of connections for all Lambda placements; everything there is to know is in AWS."""
    aws = Aws()
    return on(aws, Versions(aws))


def on(aws: Aws, versions: Versions) -> Platform:
    """The platform on connections of the caller's, which `close` ends."""
    artifacts = Registry(aws, _codes)
    manager = LambdaManager(aws, versions, artifacts)
    return Platform(artifacts, manager, AliasShifter(aws, versions), close=aws.close)


def _codes(place: Placement) -> tuple[str, Where]:
    target = place.on(LambdaTarget)
    return target.code, where(target)
