"""`pilothouse lock`, `freeze`, `mark`, `history`, `diff` and the like: a running server, asked over its API.

Each gives the exit code: 0 when it was done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from alerting.metrics.duration import parse_duration
from bot.inputs.deployment_commands import Api, component, say, talk
from bot.inputs.silence_commands import CommandFailed, Server
from bot.inputs.tables import table

Answer = Mapping[str, Any]
Words = Callable[[Answer], str]


@dataclass(frozen=True, slots=True)
class Terms:
    """For how long, such as 2h ("" until it is ended), and why."""

    lasts: str = ""
    reason: str = ""

    def body(self) -> dict[str, Any]:
        """As the API reads them. Raises CommandFailed."""
        if not self.lasts:
            return {"reason": self.reason}
        try:
            seconds = parse_duration(self.lasts).total_seconds()
        except ValueError as wrong:
            raise CommandFailed(f"--for {self.lasts!r}: {wrong}. Write 30m, 2h or 1d12h.") from wrong
        return {"reason": self.reason, "seconds": round(seconds)}


async def history(server: Server, service: str, environment: str, *, as_json: bool) -> int:
    """Show the releases of a place."""
    return await _look(server, f"{component(service, environment)}/history", _releases, as_json=as_json)


async def diff(server: Server, service: str, environment: str, to: str, *, as_json: bool) -> int:
    """Show what differs between what runs and the release `to`, or the settings now."""
    query = {"to": to} if to else {}
    return await _look(server, f"{component(service, environment)}/diff", _differences, as_json=as_json, **query)


async def locks(server: Server, *, as_json: bool) -> int:
    """Show what is locked."""
    return await _look(server, "/locks", _locked, as_json=as_json)


async def freezes(server: Server, *, as_json: bool) -> int:
    """Show what is frozen, and what is known to be bad."""
    return await _look(server, "/freezes", _frozen, as_json=as_json)


async def lock(server: Server, service: str, environment: str, terms: Terms, *, as_json: bool) -> int:
    """Lock a place."""
    path = f"{component(service, environment)}/lock"
    told = f"Locked {service} in {environment}"
    return await _do(server, path, terms.body, lambda one: f"{told} {_until(one)}.", as_json=as_json)


async def unlock(server: Server, service: str, environment: str, reason: str, *, as_json: bool) -> int:
    """Give a lock back, or break one."""
    path, told = f"{component(service, environment)}/unlock", f"Unlocked {service} in {environment}."
    return await _do(server, path, lambda: {"reason": reason}, lambda _: told, as_json=as_json)


async def freeze(server: Server, service: str, environment: str, terms: Terms, *, as_json: bool) -> int:
    """Freeze a service, an environment, or one in the other."""
    scope = {"service": service, "environment": environment}
    return await _do(
        server,
        "/freezes",
        lambda: {**scope, **terms.body()},
        lambda one: f"Froze {_scope(one)} {_until(one)}.",
        as_json=as_json,
    )


async def unfreeze(server: Server, service: str, environment: str, *, as_json: bool) -> int:
    """End a freeze of just this scope."""
    scope = {"service": service, "environment": environment}
    return await _do(
        server, "/freezes/end", lambda: scope, lambda one: f"Ended the freeze of {_scope(one)}.", as_json=as_json
    )


async def mark(server: Server, service: str, version: str, *, bad: bool, reason: str, as_json: bool) -> int:
    """Say that a version is known to be bad, or good after all."""
    path = f"/services/{quote(service, safe='')}/versions/{quote(version, safe='')}/mark"
    told = f"{version} of {service} is known to be bad now." if bad else f"Nobody is warned of {version} of {service}."
    return await _do(server, path, lambda: {"bad": bad, "reason": reason}, lambda _: told, as_json=as_json)


async def _look(server: Server, path: str, words: Words, *, as_json: bool, **query: str) -> int:
    async def work(api: Api) -> int:
        return _tell(await api.get(path, **query), words, as_json=as_json)

    return await talk(server, work)


async def _do(server: Server, path: str, body: Callable[[], Answer], words: Words, *, as_json: bool) -> int:
    async def work(api: Api) -> int:
        return _tell(await api.post(path, body()), words, as_json=as_json)

    return await talk(server, work)


def _tell(answer: Answer, words: Words, *, as_json: bool) -> int:
    say(json.dumps(answer, ensure_ascii=False) if as_json else words(answer))
    return 0


def _releases(answer: Answer) -> str:
    rows = [
        [str(one["revision"]), one["version"], one["by"], one["at"], _how(one), one["deployment"]]
        for one in answer["releases"]
    ]
    return table(["Revision", "Version", "By", "At", "How", "Deployment"], rows) if rows else "There is none yet."


def _how(release: Answer) -> str:
    if release["purpose"] != "roll_back":
        return "deployed"
    return f"back to {release['returned_to']}" if release["returned_to"] else "rolled back"


def _differences(answer: Answer) -> str:
    before = f"revision {answer['revision']} ({answer['version']}), which runs"
    after = (
        f"revision {answer['to_revision']} ({answer['to_version']})" if answer["to_revision"] else "the settings now"
    )
    rows = [[one["field"], one["before"], one["after"]] for one in answer["differences"]]
    shown = table(["Field", "Before", "After"], rows) if rows else "Nothing differs in the configuration."
    return f"From {before}, to {after}:\n{shown}"


def _locked(answer: Answer) -> str:
    rows = [
        [one["service"], one["environment"], one["owner"], one["until"] or "-", str(len(one["waiting"])), one["reason"]]
        for one in answer["locks"]
    ]
    return table(["Service", "Environment", "Owner", "Until", "Waiting", "Reason"], rows) if rows else "None."


def _frozen(answer: Answer) -> str:
    made = [[_scope(one), f"by {one['person']}", one["until"] or "-", one["reason"]] for one in answer["freezes"]]
    windows = [[one["environment"], "window", one["until"] or "not now", one["name"]] for one in answer["windows"]]
    bad = [
        [f"{one['service']} {one['version']}", "known to be bad", "-", one["reason"]] for one in answer["bad_versions"]
    ]
    rows = [*made, *windows, *bad]
    return table(["What", "How", "Until", "Reason"], rows) if rows else "None."


def _scope(freeze: Answer) -> str:
    places = f"{freeze['service']} in {freeze['environment']}" if freeze["environment"] else freeze["service"]
    return str(places if freeze["service"] else freeze["environment"])


def _until(held: Answer) -> str:
    return f"until {held['until']}" if held["until"] else "until somebody ends that"
