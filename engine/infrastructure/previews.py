"""Where people can look at a version before everybody gets it. Pure."""

from __future__ import annotations

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes.names import object_name
from engine.strategy_specs import Pin
from engine.targets import ContainerTarget, KubernetesTarget, LambdaTarget, LocalTarget


def previews_of(place: Placement, version: Version, *, shared: bool = False) -> tuple[str, ...]:
    """The address of the preview and the pin, in plain text; empty where nobody can look at it.

    A version that is `shared` has a share of the traffic already: only the pin still leads to it.
    """
    pin = place.strategy.pin
    return tuple(text for text in ("" if shared else _address(place, version), _pinned(pin) if pin else "") if text)


def _address(place: Placement, version: Version) -> str:
    match place.target:
        case KubernetesTarget(preview_service=name, namespace=namespace) if name:
            return f"{name}.{namespace}.svc"
        case KubernetesTarget(router="gateway"):
            return _own_service(place, version)
        case LambdaTarget(function=function, preview_alias=alias) if alias:
            return f"{function}:{alias}"
        case LocalTarget(haproxy=haproxy) | ContainerTarget(haproxy=haproxy) if haproxy is not None:
            return f"backend {haproxy.preview_backend} of HAProxy" if haproxy.preview_backend else ""
        case LocalTarget(preview_port=port) | ContainerTarget(preview_port=port) if port:
            return f"http://127.0.0.1:{port}"
        case _:
            return ""


def _own_service(place: Placement, version: Version) -> str:
    target = place.on(KubernetesTarget)
    try:
        return f"http://{object_name(place, version)}.{target.namespace}.svc:{target.container_port}"
    except PermanentFailure:
        return ""  # the version cannot come up under such a name, which its start tells


def _pinned(pin: Pin) -> str:
    return f"header {pin.name}: {pin.value}" if pin.kind == "header" else f"cookie {pin.name}={pin.value}"
