"""`pilothouse scale`, `stop`, `start`, `restart`, `retry` and `unregister`: a running server, asked over its API.

Each gives the exit code: 0 when it was taken, or, where it is watched, when what was asked for has come about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from bot.inputs.deployment_commands import Api, Told, component, plain, say, talk, until
from bot.inputs.silence_commands import FAILED, Server

Wish = Literal["stop", "start", "restart", "retry", "unregister"]
Answer = Mapping[str, Any]

SETTLED: Final = frozenset({"registered", "running", "failed", "stopped", "unregistered"})
RUNS: Final = frozenset({"running"})
WANTED: Final[Mapping[Wish, frozenset[str]]] = {
    "stop": frozenset({"stopped"}),
    "retry": frozenset({"running", "registered"}),  # what never ran waits for a deployment
    "unregister": frozenset({"unregistered"}),
}
_WATCHED: Final = ("service", "environment", "state", "version", "healthy", "desired", "health", "reason")


@dataclass(frozen=True, slots=True)
class Where:
    """One service in one environment."""

    service: str
    environment: str

    @property
    def path(self) -> str:
        """Its address in the API."""
        return component(self.service, self.environment)


async def scale(server: Server, where: Where, instances: int, told: Told) -> int:
    """Have another number of instances."""
    return await talk(server, lambda api: _deed(api, where, "scale", {"instances": instances}, told, RUNS))


async def change(server: Server, where: Where, wish: Wish, told: Told) -> int:
    """Stop it, start it, and whatever else needs no more words than where."""
    return await talk(server, lambda api: _deed(api, where, wish, {}, told, WANTED.get(wish, RUNS)))


async def _deed(api: Api, where: Where, wish: str, ask: Answer, told: Told, wanted: frozenset[str]) -> int:
    made = await api.post(f"{where.path}/{wish}", ask)
    if told.watch:
        return await _watch(api, where, told, wanted)
    say(json.dumps(made, ensure_ascii=False) if told.as_json else _asked(made))
    return 0


async def _watch(api: Api, where: Where, told: Told, wanted: frozenset[str]) -> int:
    """Look until it has settled; 0 when it is as asked for."""
    seen: Answer = {}

    async def look() -> bool:
        nonlocal seen
        found = await api.get(where.path)
        news = {name: found[name] for name in _WATCHED}
        if news != seen:
            say(json.dumps(news, ensure_ascii=False) if told.as_json else _line(news))
        seen = news
        return news["state"] in SETTLED

    await until(api, look)
    return 0 if seen["state"] in wanted else FAILED


def _asked(made: Answer) -> str:
    number = "" if made["desired"] is None else f", {_counted(made['desired'])} wanted"
    version = f", {made['version']}" if made["version"] else ""
    return plain(f"{made['service']} in {made['environment']} is {made['state']}{version}{number}.")


def _counted(instances: int) -> str:
    return f"{instances} instance{'' if instances == 1 else 's'}"


def _line(news: Answer) -> str:
    reason = f"  {news['reason']}" if news["reason"] else ""
    return plain(f"{news['service']} in {news['environment']}  {news['state']}, {news['health']}{reason}")
