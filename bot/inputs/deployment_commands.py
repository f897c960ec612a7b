"""`pilothouse deploy`, `rollback`, `approve`, `abort`, `status` and the like: a running server, asked over its API.

Each gives the exit code: 0 when it was taken, or, where it is watched, when it ended as it should. Whoever watches
sees what the deployment's thread in chat shows, until it has ended. A server that is started anew meanwhile is waited
for: the deployment goes on without it.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

import aiohttp

from bot.inputs.silence_commands import FAILED, WAY_IN, CommandFailed, Server
from bot.inputs.tables import table

API: Final = "/api/v1"
TIMEOUT: Final = aiohttp.ClientTimeout(total=35)  # longer than the server takes to give up
LOOK: Final = timedelta(seconds=1)
PATIENCE: Final = 60  # looks in a row that may fail
TRIES: Final = 3
ENDED: Final = frozenset({"succeeded", "failed", "rolled_back", "cancelled"})
ARRIVED: Final = frozenset({"succeeded"})
BACK: Final = frozenset({"succeeded", "rolled_back", "cancelled"})
"""How an undoing may end: what was in flight is taken back, or the version before is deployed."""
_ROW: Final = (
    "id",
    "service",
    "environment",
    "version",
    "previous",
    "purpose",
    "state",
    "outcome",
    "reason",
    "step",
    "steps",
    "weight",
    "updated_at",
)

_ID: Final = re.compile(r"d-[0-9a-f]{12}")

Sleep = Callable[[float], Awaitable[None]]


class Away(CommandFailed):
    """The server gave no answer that could be used."""


@dataclass(frozen=True, slots=True)
class Told:
    """How the answer is given: for programs (`as_json`), and whether to stay until the end (`watch`)."""

    as_json: bool = False
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """The server's own API, failures in words."""

    server: Server
    session: aiohttp.ClientSession
    sleep: Sleep = asyncio.sleep

    async def get(self, path: str, **query: str) -> Any:
        """What stands there."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send `body`. It is sent again when no answer came; the key makes it one request all the same."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        for attempt in range(1, TRIES + 1):
            try:
                return await self._ask("POST", path, headers, json=body)
            except Away:
                if attempt == TRIES:
                    raise
                await self.sleep(LOOK.total_seconds())
        raise AssertionError("the last try answers or raises")

    async def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        token = {"Authorization": f"Bearer {self.server.token}"} if self.server.token else {}
        address = f"{self.server.url.rstrip('/')}{API}{path}"
        try:
            async with self.session.request(
                method, address, headers={**token, **(headers or {})}, timeout=TIMEOUT, **more
            ) as answer:
                text, status = await answer.text(), answer.status
                body = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise Away(f"{address} gave no usable answer: {reason}. Start it, or name another: --url.") from error
        if status >= 400:
            raise _refusal(status, body)
        return body


@dataclass(slots=True)
class Watch:
    """Tells what is new of one deployment at each look."""

    told: Told
    lines: int = 0
    seen: tuple[Any, ...] = ()
    say: Callable[[str], None] = field(default_factory=lambda: say)

    def look(self, deployment: Mapping[str, Any]) -> None:
        """Say what came since the last look."""
        fresh = [str(entry["text"]) for entry in deployment["history"][self.lines :]]
        self.lines += len(fresh)
        seen = tuple(deployment[name] for name in ("state", "step", "weight"))
        if self.told.as_json and (fresh or seen != self.seen):
            row = {name: deployment[name] for name in _ROW}
            self.say(json.dumps({**row, "news": fresh}, ensure_ascii=False))
        elif not self.told.as_json:
            for text in fresh:
                self.say(f"{_place(deployment)}  {_progress(deployment)}  {plain(text)}")
        self.seen = seen


async def deploy(server: Server, ask: Mapping[str, Any], told: Told) -> int:
    """Ask for a deployment."""
    return await talk(server, lambda api: _deed(api, "/deployments", ask, told))


async def roll_back(server: Server, service: str, environment: str, told: Told, to: str = "") -> int:
    """Go back to what ran before, or with `to` to that revision or version."""
    ask, path = {"to": to} if to else {}, f"{component(service, environment)}/rollback"
    return await talk(server, lambda api: _deed(api, path, ask, told, BACK))


async def approve(server: Server, deployment: str, told: Told) -> int:
    """Agree to what waits now: the plan as it is shown, or the step that waits."""

    async def work(api: Api) -> int:
        path = f"/deployments/{quote(deployment, safe='')}"
        found = await api.get(path)
        ask = {"digest": found["plan"]["digest"], "step": found["waiting_step"]}
        return await _deed(api, f"{path}/approve", ask, told)

    return await talk(server, work)


async def go_on(server: Server, deployment: str, how: Literal["resume", "promote", "finish"], told: Told) -> int:
    """Let a paused one go on, skip what is left of the steps, or let the former version go."""
    path = f"/deployments/{quote(deployment, safe='')}/{how}"
    return await talk(server, lambda api: _deed(api, path, {}, told))


async def abort(server: Server, deployment: str, told: Told) -> int:
    """Undo a deployment."""
    path = f"/deployments/{quote(deployment, safe='')}/abort"
    return await talk(server, lambda api: _deed(api, path, {}, told, BACK))


async def status(server: Server, named: Sequence[str], told: Told) -> int:
    """Show what runs and what is being deployed, of all or of the services and deployments that are named.

    Watched, these deployments or those in flight of these services; all that are in flight when none is named.
    """

    async def work(api: Api) -> int:
        services, deployments = await _told_apart(api, named)
        if told.watch:
            return await _watch(api, [*deployments, *await _to_watch(api, named, services)], told)
        if deployments:
            _show([await api.get(f"/deployments/{quote(one, safe='')}") for one in deployments], told)
        if services or not named:
            await _overview(api, told, services)
        return 0

    return await talk(server, work)


async def _told_apart(api: Api, named: Sequence[str]) -> tuple[list[str], list[str]]:
    """The services and the deployments among what is named. Raises CommandFailed for what is neither."""
    if all(map(_ID.fullmatch, named)):  # and nothing has to be asked of a server that is just away
        return [], list(named)
    known = sorted({str(one["service"]) for one in (await api.get("/components"))["components"]})
    wrong = next((one for one in named if one not in known and not one.startswith("d-")), None)
    if wrong is not None:
        services = f"Services: {', '.join(known)}." if known else "No service is set up yet."
        raise CommandFailed(f"There is no service or deployment {plain(wrong)[:80]!r}. {services}")
    return [one for one in named if one in known], [one for one in named if one not in known]


async def _to_watch(api: Api, named: Sequence[str], services: Sequence[str]) -> list[str]:
    """What is in flight of these services, or of all when nothing is named. Raises CommandFailed when nothing is."""
    if named and not services:
        return []
    found = [str(one["id"]) for one in await _in_flight(api) if _is_of(one, services)]
    if not found:
        raise CommandFailed(f"Nothing{' of ' + ', '.join(services) if services else ''} is being deployed.")
    return found


async def _deed(api: Api, path: str, ask: Mapping[str, Any], told: Told, wanted: frozenset[str] = ARRIVED) -> int:
    made = await api.post(path, ask)
    if told.watch:
        return await _watch(api, [made["id"]], told, wanted)
    _show([made], told)
    return 0


async def _watch(api: Api, deployments: Sequence[str], told: Told, wanted: frozenset[str] = ARRIVED) -> int:
    """Look until each has ended; 0 when all ended as they should."""
    watches = {one: Watch(told) for one in deployments}
    states: dict[str, str] = {}

    async def look() -> bool:
        for id in set(watches) - set(states):  # noqa: A001
            found = await api.get(f"/deployments/{quote(id, safe='')}")
            watches[id].look(found)
            if found["state"] in ENDED:
                states[id] = str(found["state"])
                _end(found, told)
        return set(watches) == set(states)

    await until(api, look)
    return 0 if set(states.values()) <= wanted else FAILED


async def until(api: Api, look: Callable[[], Awaitable[bool]]) -> None:
    """Look until there is nothing more to see. Raises Away once a server was away for PATIENCE looks."""
    failures = 0
    while True:
        try:
            if await look():
                return
            failures = 0
        except Away:
            failures += 1
            if failures >= PATIENCE:
                raise
        await api.sleep(LOOK.total_seconds())


def _end(deployment: Mapping[str, Any], told: Told) -> None:
    if not told.as_json:
        reason = f": {plain(str(deployment['reason']))}" if deployment["reason"] else "."
        say(f"{_place(deployment)}  {deployment['state'].replace('_', ' ')}{reason}")


async def _overview(api: Api, told: Told, services: Sequence[str] = ()) -> None:
    """What runs and what is in flight, of these services or of all."""
    components = [one for one in (await api.get("/components"))["components"] if _is_of(one, services)]
    flying = [one for one in await _in_flight(api) if _is_of(one, services)]
    if told.as_json:
        say(json.dumps({"components": components, "deployments": flying}, ensure_ascii=False))
        return
    rows = [
        [one["service"], one["environment"], one["version"] or "-", one["state"], f"{one['healthy']}/{one['desired']}"]
        for one in components
    ]
    say(table(["Service", "Environment", "Version", "State", "Healthy"], rows) if rows else "Nothing is set up.")
    if flying:
        say("")
        say(_deployments(flying))


def _is_of(one: Mapping[str, Any], services: Sequence[str]) -> bool:
    return not services or one["service"] in services


async def _in_flight(api: Api) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = (await api.get("/deployments", open="true", limit="200"))["deployments"]
    return found


def _show(deployments: Sequence[Mapping[str, Any]], told: Told) -> None:
    if told.as_json:
        for one in deployments:
            say(json.dumps(one, ensure_ascii=False))
    else:
        say(_deployments(deployments))
        for one in deployments:
            if one["preview"]:
                say(f"{_place(one)}  Preview: {plain(one['preview'])}")


def _deployments(deployments: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [one["id"], one["service"], one["version"], one["environment"], one["state"], _progress(one), one["reason"]]
        for one in deployments
    ]
    return table(["Deployment", "Service", "Version", "Environment", "State", "Progress", "Reason"], rows)


def _place(deployment: Mapping[str, Any]) -> str:
    return plain(f"{deployment['service']} {deployment['version']} in {deployment['environment']}")


def _progress(deployment: Mapping[str, Any]) -> str:
    step = f"step {deployment['step'] + 1} of {deployment['steps']}, " if deployment["step"] >= 0 else ""
    return f"{step}{deployment['weight']} %"


def plain(text: str) -> str:
    """What a terminal only shows, without what it would act on."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _refusal(status: int, body: Any) -> CommandFailed:
    problem = body.get("error") if isinstance(body, dict) else None
    if not isinstance(problem, dict):
        return CommandFailed(f"The server answered {status}.")
    words = plain(f"{problem.get('reason', '')} {problem.get('remedy', '')}".strip())
    if status == 401:
        return CommandFailed(f"{words} {WAY_IN}")
    return Away(words) if status >= 500 else CommandFailed(words)


def component(service: str, environment: str) -> str:
    """The address of what runs in one place."""
    return f"/components/{quote(service, safe='')}/{quote(environment, safe='')}"


async def talk(server: Server, work: Callable[[Api], Awaitable[int]]) -> int:
    """Do the work with the server; a failure is told on the error output and gives 1."""
    try:
        async with aiohttp.ClientSession() as session:
            return await work(Api(server, session))
    except CommandFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return FAILED


def say(text: str) -> None:
    """One line to the terminal, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
