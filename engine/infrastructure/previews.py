"""Where people can look at a version before it has a share of the traffic. Pure."""

from __future__ import annotations

from engine.catalog import Placement, Version
from engine.infrastructure.kubernetes.names import object_name
from engine.strategy_specs import Pin
from engine.targets import ContainerTarget, KubernetesTarget, LambdaTarget, LocalTarget


def previews_of(place: Placement, version: Version) -> tuple[str, ...]:
    """The address of the preview and the pin, in plain text; empty where nobody can look at it."""
    pin = place.strategy.pin
    return tuple(text for text in (_address(place, version), _pinned(pin) if pin else "") if text)


def _address(place: Placement, version: Version) -> str:
    match place.target:
        case KubernetesTarget(preview_service=name, namespace=namespace) if name:
            return f"{name}.{namespace}.svc"
        case KubernetesTarget(router="gateway", namespace=namespace, container_port=port):
            return f"http://{object_name(place, version)}.{namespace}.svc:{port}"
        case LambdaTarget(function=function, preview_alias=alias) if alias:
            return f"{function}:{alias}"
        case LocalTarget(haproxy=haproxy) | ContainerTarget(haproxy=haproxy) if haproxy is not None:
            return f"backend {haproxy.preview_backend} of HAProxy" if haproxy.preview_backend else ""
        case LocalTarget(preview_port=port) | ContainerTarget(preview_port=port) if port:
            return f"http://127.0.0.1:{port}"
        case _:
            return ""


def _pinned(pin: Pin) -> str:
    return f"header {pin.name}: {pin.value}" if pin.kind == "header" else f"cookie {pin.name}={pin.value}"
