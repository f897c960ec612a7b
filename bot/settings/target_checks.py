"""What is wrong with the sections that say what a service runs on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from bot.settings.backup_parts import backup_faults
from bot.settings.model import ServicePart
from bot.settings.placeholders import strays_in_artifact, strays_in_command
from bot.settings.positions import Field
from bot.settings.reference_checks import arn_faults, image_fault, variable_faults
from bot.settings.target_parts import (
    ContainerPart,
    EcsPart,
    KubernetesPart,
    LambdaPart,
    LocalPart,
    PlacementPart,
)

Fault = tuple[Field, str]
TargetPart = LocalPart | ContainerPart | KubernetesPart | EcsPart | LambdaPart
KINDS: Final[Mapping[str, str]] = {
    "local": "local",
    "container": "container",
    "kubernetes": "kubernetes",
    "ecs": "ecs",
    "lambda": "lambda_",
}
"""The sections' names with those of their fields."""
VERSIONED: Final[Mapping[str, str]] = {
    "local": "artifact",
    "container": "image",
    "kubernetes": "image",
    "ecs": "image",
    "lambda": "code",
}
# Labels of DNS: that of RFC 1035 for what begins the names of Services, with room for a dash and a version in its 63
# characters, and that of RFC 1123.
LABELS: Final[Mapping[str, re.Pattern[str]]] = {
    "name": re.compile(r"[a-z]([a-z0-9-]{0,59}[a-z0-9])?"),
    "namespace": re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
    "container": re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
}
PROXIED: Final = ("local", "container")


def target_sections(part: ServicePart | PlacementPart) -> dict[str, TargetPart]:
    """The sections that say what it runs on, by name."""
    found = {name: getattr(part, field) for name, field in KINDS.items()}
    return {name: section for name, section in found.items() if section is not None}


def target_faults(name: str, service: ServicePart) -> Iterator[Fault]:
    """What is wrong with what a service runs on."""
    field: Field = ("services", name)
    yield from _sections(field, target_sections(service))
    yield from backup_faults(field, service.backup)
    for environment, place in service.environments.items():
        here: Field = (*field, "environments", environment)
        yield from _sections(here, target_sections(place))
        yield from backup_faults(here, place.backup)
        yield from _place(here, place, target_sections(place) or target_sections(service))


def _sections(field: Field, sections: Mapping[str, TargetPart]) -> Iterator[Fault]:
    if len(sections) > 1:
        yield (*field, list(sections)[1]), f"a service runs on one of {', '.join(sections)}; remove the others"
    for kind, section in sections.items():
        key = VERSIONED[kind]
        if "{version}" not in getattr(section, key):
            example = "releases/{version}/app.py" if kind == "local" else "registry/shop:{version}"
            yield (*field, kind, key), f"has to hold {{version}}, such as {example}"
        if isinstance(section, KubernetesPart):
            yield from _labels((*field, kind), section)
        yield from (((*field, kind, key), stray) for stray in strays_in_artifact(getattr(section, key)))
        yield from _names((*field, kind), key, section)
        for index, word in enumerate(section.command if isinstance(section, LocalPart) else ()):
            yield from (((*field, kind, "command", index), stray) for stray in strays_in_command(word))


def _names(field: Field, key: str, section: TargetPart) -> Iterator[Fault]:
    """Names that the platform would refuse once it gets them."""
    named = getattr(section, key)
    fault = "" if isinstance(section, LocalPart) or named.startswith("s3://") else image_fault(named)
    if fault:
        yield (*field, key), fault
    if isinstance(section, EcsPart):
        yield from arn_faults(field, section)
    if isinstance(section, LambdaPart) and section.preview_alias == section.alias:
        yield (*field, "preview_alias"), "is the alias of all callers; the preview needs one of its own"
    yield from variable_faults((*field, "environment"), section.environment)


def _place(field: Field, place: PlacementPart, sections: Mapping[str, TargetPart]) -> Iterator[Fault]:
    if not sections:
        yield field, f"nothing says what it runs on; add one of {', '.join(KINDS)} here or to the service"
        return
    kind, section = next(iter(sections.items()))
    if kind in PROXIED and place.haproxy is None and place.port is None:
        yield (*field, "port"), "is missing; it says where the proxy of this machine listens"
    for name in ("port", "preview_port", "haproxy"):
        if kind not in PROXIED and getattr(place, name) is not None:
            yield (*field, name), f"is for services behind a proxy of this machine, not on {kind}; remove it"
    yield from _haproxy(field, place)
    if kind == "lambda" and "instances" in place.model_fields_set and place.instances != 1:
        yield (*field, "instances"), "a Lambda function scales by itself; leave it out"
    if isinstance(section, KubernetesPart):
        yield from _router(field, section)
        yield from _marks(field)


def _haproxy(field: Field, place: PlacementPart) -> Iterator[Fault]:
    for name in ("port", "preview_port", "balancing") if place.haproxy is not None else ():
        if name in place.model_fields_set:
            yield (*field, name), "belongs to the built-in proxy; say it in haproxy.cfg, and remove it here"


def backend_faults(services: Mapping[str, ServicePart]) -> Iterator[Fault]:
    """Placements that would fight for one backend of one HAProxy, be it for callers or for a preview."""
    taken: dict[tuple[str, str], Field] = {}
    for name, service in services.items():
        for environment, place in service.environments.items():
            here: Field = ("services", name, "environments", environment, "haproxy")
            for key, backend in _backends(place):
                other = taken.setdefault(backend, (*here, key))
                if other != (*here, key):
                    yield (*here, key), f"is the backend of {other[1]} in {other[3]} already; each needs its own"


def _backends(place: PlacementPart) -> Iterator[tuple[str, tuple[str, str]]]:
    """The fields that name backends of an HAProxy, with its socket and the backend."""
    if place.haproxy is not None:
        yield "backend", (place.haproxy.socket, place.haproxy.backend)
        if place.haproxy.preview_backend:
            yield "preview_backend", (place.haproxy.socket, place.haproxy.preview_backend)


def _router(field: Field, part: KubernetesPart) -> Iterator[Fault]:
    needed = "route" if part.router == "gateway" else "service"
    if not getattr(part, needed):
        said = "the HTTPRoute whose weights split traffic" if needed == "route" else "the Service that selects pods"
        yield field, f"kubernetes with router {part.router} needs `{needed}`, {said}"


def _labels(field: Field, part: KubernetesPart) -> Iterator[Fault]:
    for key, label in LABELS.items():
        if not label.fullmatch(getattr(part, key)):
            letter, most = ("a letter", 61) if key == "name" else ("a letter or digit", 63)
            told = f"has to be up to {most} small letters, digits and dashes, with {letter} first and no dash last"
            yield (*field, key), told


def _marks(field: Field) -> Iterator[Fault]:
    """The names of the service and of the environment become values of labels."""
    _, service, _, environment = field
    for what, name, where in (("service", service, field[:2]), ("environment", environment, field)):
        if str(name).endswith("-"):
            yield where, f"the {what} is a label on Kubernetes, so it can't end with a dash; choose another name"
