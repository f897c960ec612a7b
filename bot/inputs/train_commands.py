"""`pilothouse train start`, `approve`, `reject`, `abort` and `status`: a running server, asked over its API.

Each gives the exit code: 0 when it was taken, or, where it is watched, when the train ended as it should. Whoever
watches sees what the train's thread in chat shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote

from bot.inputs.deployment_commands import Api, Told, plain, say, talk, until
from bot.inputs.silence_commands import FAILED, CommandFailed, Server
from bot.inputs.tables import table

Answer = Mapping[str, Any]
Ending = Literal["reject", "abort"]

ENDED: Final = frozenset({"succeeded", "taken_back", "stuck", "cancelled"})
OUT: Final = frozenset({"succeeded"})
BACK: Final = frozenset({"taken_back", "cancelled"})
"""How an end by hand may end: nothing of the train is left."""
_ROW: Final = ("id", "environment", "state", "reason", "services")


async def start(server: Server, parts: Sequence[str], environment: str, told: Told, override: str = "") -> int:
    """Ask for a train; `parts` are written as SERVICE=VERSION."""

    async def work(api: Api) -> int:
        ask = {"services": [_part(one) for one in parts], "environment": environment, "override": override}
        return await _answer(api, await api.post("/trains", ask), told, OUT)

    return await talk(server, work)


def _part(text: str) -> Answer:
    service, _, version = text.partition("=")
    if not service or not version:
        raise CommandFailed(f"{plain(text)!r} is no service and version. Write it as shop=v2.")
    return {"service": service, "version": version}


async def approve(server: Server, train: str, told: Told) -> int:
    """Agree to the plan as it is shown now."""

    async def work(api: Api) -> int:
        ask = {"digest": (await api.get(_path(train)))["digest"]}
        return await _answer(api, await api.post(f"{_path(train)}/approve", ask), told, OUT)

    return await talk(server, work)


async def end(server: Server, train: str, how: Ending, told: Told) -> int:
    """Refuse it, or take back what is out."""

    async def work(api: Api) -> int:
        return await _answer(api, await api.post(f"{_path(train)}/{how}", {}), told, BACK)

    return await talk(server, work)


async def status(server: Server, trains: Sequence[str], told: Told) -> int:
    """Show the newest trains, or these with all their services; watched, all that are under way when none is named."""

    async def work(api: Api) -> int:
        found = [await api.get(_path(one)) for one in trains] if trains else (await api.get("/trains"))["trains"]
        if told.watch:
            return await _watch(api, _worth_watching(found, named=bool(trains)), told, OUT)
        _show(found, told, whole=bool(trains))
        return 0

    return await talk(server, work)


def _worth_watching(found: Sequence[Answer], *, named: bool) -> list[str]:
    ids = [str(one["id"]) for one in found if named or one["state"] not in ENDED]
    if not ids:
        raise CommandFailed("No train is under way.")
    return ids


def _path(train: str) -> str:
    return f"/trains/{quote(train, safe='')}"


async def _answer(api: Api, train: Answer, told: Told, wanted: frozenset[str]) -> int:
    if told.watch:
        return await _watch(api, [str(train["id"])], told, wanted)
    _show([train], told, whole=True)
    return 0


async def _watch(api: Api, trains: Sequence[str], told: Told, wanted: frozenset[str]) -> int:
    """Look until each has ended; 0 when all ended as they should."""
    lines = dict.fromkeys(trains, 0)
    states: dict[str, str] = {}

    async def look() -> bool:
        for id in [one for one in lines if one not in states]:  # noqa: A001
            found = await api.get(_path(id))
            _tell(found, lines[id], told)
            lines[id] = len(found["history"])
            if found["state"] in ENDED:
                states[id] = str(found["state"])
        return len(states) == len(lines)

    await until(api, look)
    return 0 if set(states.values()) <= wanted else FAILED


def _tell(train: Answer, known: int, told: Told) -> None:
    """What came after the first `known` lines."""
    fresh = [str(entry["text"]) for entry in train["history"][known:]]
    if told.as_json and fresh:
        say(json.dumps({**{name: train[name] for name in _ROW}, "news": fresh}, ensure_ascii=False))
    elif not told.as_json:
        for text in fresh:
            say(plain(f"{train['id']} to {train['environment']}  {_words(train['state'])}  {text}"))


def _show(trains: Sequence[Answer], told: Told, *, whole: bool) -> None:
    if told.as_json:
        for one in trains:
            say(json.dumps(one, ensure_ascii=False))
    elif not trains:
        say("There is none yet.")
    else:
        say(_trains(trains))
        for one in trains if whole else ():
            say(f"\n{_services(one)}")


def _trains(trains: Sequence[Answer]) -> str:
    rows = [
        [one["id"], one["environment"], _words(one["state"]), _approvals(one), _in_order(one), one["reason"]]
        for one in trains
    ]
    return table(["Train", "Environment", "State", "Approved", "Services", "Reason"], rows)


def _approvals(train: Answer) -> str:
    return f"{len(set(train['approved_by']))} of {train['approvals_needed']}"


def _in_order(train: Answer) -> str:
    return " ".join(f"{part['service']}={part['version']}" for part in train["services"])


def _services(train: Answer) -> str:
    rows = [
        [
            str(part["wave"]),
            part["service"],
            part["previous"] or "-",
            part["version"],
            part["state"],
            part["deployment"] or "-",
            part["reason"] or part["note"],
        ]
        for part in train["services"]
    ]
    return table(["Wave", "Service", "Before", "Version", "State", "Deployment", "Note"], rows)


def _words(state: str) -> str:
    return state.replace("_", " ")
