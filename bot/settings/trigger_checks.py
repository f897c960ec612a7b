"""What is wrong with the sections that say what deploys by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from bot.settings.cron import parse_cron
from bot.settings.model import File
from bot.settings.positions import Field
from bot.settings.trigger_parts import TriggerPart
from engine.security.identity import SYSTEM

Fault = tuple[Field, str]

TAKEN: Final = frozenset({"github", "gitlab", "alertmanager"})
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "github": ("sha", "short_sha", "ref", "run"),
    "gitlab": ("sha", "short_sha", "ref", "run"),
    "generic": (),
}
"""What a version may be made of. A GitHub deployment also has `{payload.KEY}`."""
_GITHUB: Final = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"


def trigger_faults(file: File) -> Iterator[Fault]:
    """What is wrong with `triggers` itself; whether their services exist is asked elsewhere."""
    for name, part in file.triggers.items():
        field: Field = ("triggers", name)
        if name in TAKEN:
            yield field, f"/webhooks/{name} is an address of its own; choose another name"
        if name in file.people or name == SYSTEM.id:
            yield field, f"{name!r} is a person already; choose another name"
        yield from _kind(field, part)
        yield from _version(field, part)


def _kind(field: Field, part: TriggerPart) -> Iterator[Fault]:
    by_run = part.kind == "gitlab" or (part.kind == "github" and part.event == "workflow_run")
    needed = {
        "repository": part.kind != "generic",
        "workflow": part.kind == "github" and part.event == "workflow_run",
        "branch": by_run,
    }
    for key, wanted in needed.items():
        given = key in part.model_fields_set
        if wanted and not getattr(part, key):
            yield (*field, key), f"is missing; {_why(key, part)}"
        if given and not wanted:
            yield (*field, key), f"means nothing to {_named(part)}; remove it"
    if part.kind != "github" and "event" in part.model_fields_set:
        yield (*field, "event"), f"means nothing to {_named(part)}; remove it"
    if part.results and part.results.environment_url and not (part.kind == "github" and part.event == "deployment"):
        yield (*field, "results", "environment_url"), f"means nothing to {_named(part)}; remove it"
    if part.kind == "generic" and part.results is not None:
        yield (*field, "results"), "nobody is known who could be told; only github and gitlab have results"
    if part.kind == "github" and part.repository and not re.fullmatch(_GITHUB, part.repository):
        yield (*field, "repository"), f"has to be OWNER/NAME, not {part.repository[:60]!r}"


def _why(key: str, part: TriggerPart) -> str:
    return {
        "repository": f"say which one, such as {'acme/shop' if part.kind == 'github' else 'acme/web/shop'}",
        "workflow": "it is the `name` of the workflow whose success deploys",
        "branch": "it is the branch or tag that may be deployed, such as main or v*",
    }[key]


def _named(part: TriggerPart) -> str:
    return f"kind {part.kind}" if part.kind != "github" else f"event {part.event}"


def _version(field: Field, part: TriggerPart) -> Iterator[Fault]:
    if part.kind == "generic":
        if "version" in part.model_fields_set:
            yield (*field, "version"), "means nothing to kind generic, whose sender names the version; remove it"
        return
    known = PLACES[part.kind]
    for place in PLACEHOLDER.findall(part.version):
        of_payload = place.startswith("payload.") and part.event == "deployment" and part.kind == "github"
        if place not in known and not of_payload:
            told = ", ".join(f"{{{one}}}" for one in known)
            yield (*field, "version"), f"{{{place[:40]}}} is nothing it could hold; there are {told}"


def schedule_faults(file: File) -> Iterator[Fault]:
    """What is wrong with the times of `deploy_schedules`."""
    for name, part in file.deploy_schedules.items():
        try:
            parse_cron(part.cron, "UTC")
        except ValueError as error:
            yield ("deploy_schedules", name, "cron"), str(error)
