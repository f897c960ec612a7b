"""Waits until objects come to be as they should, by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import Gone
from engine.infrastructure.kubernetes.kinds import Choice, Json

SETTLE: Final = timedelta(seconds=5)  # a healthy control plane follows a change in much less


async def until(api: Api, choice: Choice, happened: Callable[[Collection[Json]], bool], *, within: timedelta) -> bool:
    """Whether the chosen objects came to be as `happened` says within this time."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            while not await _once(api, choice, happened):
                continue
    except TimeoutError:
        return False
    return True


async def _once(api: Api, choice: Choice, happened: Callable[[Collection[Json]], bool]) -> bool:
    """List, then watch to the end of one watch."""
    listed = await api.find(choice)
    held: dict[str, Json] = {one["metadata"]["name"]: one for one in listed.get("items") or ()}
    if happened(held.values()):
        return True
    try:
        async with aclosing(api.watch(choice, listed["metadata"]["resourceVersion"])) as events:
            async for event in events:
                if event is not None and _take(held, event) and happened(held.values()):
                    return True
    except Gone:
        return False
    return False


def _take(held: dict[str, Json], event: Json) -> bool:
    name = event["object"]["metadata"].get("name", "")
    match event["type"]:
        case "BOOKMARK":
            return False
        case "DELETED":
            held.pop(name, None)
        case _:
            held[name] = event["object"]
    return True
