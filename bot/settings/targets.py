"""What a service runs on: from the sections of the settings file to the engine's targets."""

from __future__ import annotations

from bot.settings.model import ServicePart
from bot.settings.read import Settings
from bot.settings.target_checks import target_sections
from bot.settings.target_parts import (
    ContainerPart,
    EcsPart,
    KubernetesPart,
    LambdaPart,
    LocalPart,
    PlacementPart,
)
from engine.targets import ContainerTarget, EcsTarget, Haproxy, KubernetesTarget, LambdaTarget, LocalTarget, Target


def to_target(settings: Settings, part: ServicePart, place: PlacementPart) -> Target:
    """What the service runs on in that environment; paths made absolute from the settings file's folder."""
    (section,) = (target_sections(place) or target_sections(part)).values()
    match section:
        case LocalPart():
            return _local(settings, section, place)
        case ContainerPart():
            return _container(section, place)
        case KubernetesPart():
            return _kubernetes(settings, section, place)
        case EcsPart():
            return _ecs(section, place)
        case LambdaPart():
            return LambdaTarget(**dict(section))


def _haproxy(place: PlacementPart) -> Haproxy | None:
    return Haproxy(**dict(place.haproxy)) if place.haproxy else None


def _local(settings: Settings, part: LocalPart, place: PlacementPart) -> LocalTarget:
    here = str(settings.base)
    return LocalTarget(
        artifact=str(settings.resolve(part.artifact)),
        command=tuple(word.replace("{here}", here) for word in part.command),
        port=place.port or 0,
        instances=place.instances,
        environment=dict(part.environment),
        stop_timeout=part.stop_timeout,
        preview_port=place.preview_port or 0,
        balancing=place.balancing,
        haproxy=_haproxy(place),
    )


def _container(part: ContainerPart, place: PlacementPart) -> ContainerTarget:
    return ContainerTarget(
        image=part.image,
        container_port=part.container_port,
        port=place.port or 0,
        engine=part.engine,
        command=tuple(part.command),
        instances=place.instances,
        environment=dict(part.environment),
        stop_timeout=part.stop_timeout,
        preview_port=place.preview_port or 0,
        balancing=place.balancing,
        haproxy=_haproxy(place),
    )


def _kubernetes(settings: Settings, part: KubernetesPart, place: PlacementPart) -> KubernetesTarget:
    paths = {
        name: str(settings.resolve(value)) if value else ""
        for name, value in (("manifest", part.manifest), ("kubeconfig", part.kubeconfig))
    }
    return KubernetesTarget(**{**dict(part), **paths}, instances=place.instances)


def _ecs(part: EcsPart, place: PlacementPart) -> EcsTarget:
    lists = {"subnets": tuple(part.subnets), "security_groups": tuple(part.security_groups)}
    return EcsTarget(**{**dict(part), **lists}, instances=place.instances)
