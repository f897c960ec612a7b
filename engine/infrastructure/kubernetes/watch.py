"""The pods of a namespace that are ours, kept by one list and one watch however many services there are."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from engine.catalog import Placement
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import Gone
from engine.infrastructure.kubernetes.kinds import POD, Choice, Json
from engine.infrastructure.kubernetes.names import SERVICE_LABEL
from engine.infrastructure.kubernetes.pods import Pod, parse_pod

log = logging.getLogger(__name__)
_RELIST: Final = timedelta(seconds=1)
_CONNECT: Final = timedelta(seconds=1)
_Pods = defaultdict[tuple[str, str], dict[str, Pod]]


class PodWatch:
    """What is asked is answered from memory while the watch runs, and from a new list while it does not.

    So nothing is older than the silence after which a watch counts as broken (see api.py). A watch that ends goes on
    from where it was; one that cannot is begun anew by the next question. Nobody asks, nothing is done.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._choice = Choice(POD, namespace, SERVICE_LABEL)
        self._pods: _Pods = defaultdict(dict)
        self._version = ""
        self._current = False
        self._asking = asyncio.Lock()
        self._heard = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def pods(self, place: Placement) -> Collection[Pod]:
        """All pods of a placement, those that end too."""
        if not self._current:
            async with self._asking:
                if not self._current:
                    return _of(await self._ask(), place)
        return _of(self._pods, place)

    async def until(self, happened: Callable[[Collection[Pod]], bool], place: Placement, *, within: timedelta) -> bool:
        """Whether the pods of a placement came to be as `happened` says within this time."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                while True:
                    self._changed.clear()
                    if happened(await self.pods(place)):
                        return True
                    await self._change()
        except TimeoutError:
            return False

    def note(self, found: Json) -> None:
        """Take in a known pod as the API just answered it, ahead of the watch.

        One that is not known any more was deleted meanwhile, and the watch has told already.
        """
        pod = parse_pod(found)
        known = self._pods.get((pod.service, pod.environment), {}).get(pod.name)
        if known is not None and known.uid == pod.uid:
            self._put(pod, known)

    def forget(self, pod: Pod) -> None:
        """Take out a pod that the API says does not exist."""
        known = self._pods.get((pod.service, pod.environment), {}).get(pod.name)
        if known is not None and known.uid == pod.uid:
            del self._pods[pod.service, pod.environment][pod.name]
            self._wake()

    async def close(self) -> None:
        """End the watch."""
        self._current = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _change(self) -> None:
        """Wait for the watch to tell something; without one, until it is time to list again."""
        try:
            async with asyncio.timeout(None if self._current else _RELIST.total_seconds()):
                await self._changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()

    async def _ask(self) -> _Pods:
        """List, and begin to watch from there unless a watch is about to go on by itself.

        What that one tells may be newer already than the list, so the list answers this question only.
        """
        listed = await self._api.find(self._choice)
        found = _by_place(listed)
        if self._task is not None and not self._task.done():
            return found
        self._pods, self._version = found, listed["metadata"]["resourceVersion"]
        self._heard.clear()
        self._task = asyncio.create_task(self._follow(), name=f"watch {self._choice}")
        await self._connected()
        self._wake()
        return self._pods

    async def _connected(self) -> None:
        """Wait until the watch listens or has failed, so that not everybody lists meanwhile. A slow one is let be."""
        try:
            async with asyncio.timeout(_CONNECT.total_seconds()):
                await self._heard.wait()
        except TimeoutError:
            return

    async def _follow(self) -> None:
        """Watch, and go on after each regular end, as long as the API answers."""
        try:
            while True:
                await self._watch_once()
        except Gone:
            log.info("The watch of %s is too old; the next question lists them.", self._choice)
        except (TemporaryFailure, PermanentFailure) as failure:
            log.warning("The watch of %s ended: %s", self._choice, failure)
        finally:
            self._current = False
            self._heard.set()
            self._wake()

    async def _watch_once(self) -> None:
        async with aclosing(self._api.watch(self._choice, self._version)) as events:
            async for event in events:
                if event is None:
                    self._current = True
                    self._heard.set()
                else:
                    self._take(event)
        self._current = False

    def _take(self, event: Json) -> None:
        found = event["object"]
        self._version = found["metadata"]["resourceVersion"]
        match event["type"]:
            case "BOOKMARK":
                return
            case "DELETED":
                self.forget(parse_pod(found))
            case _:
                pod = parse_pod(found)
                self._put(pod, self._pods[pod.service, pod.environment].get(pod.name))

    def _put(self, pod: Pod, known: Pod | None) -> None:
        if known is None or known.uid != pod.uid or not _older(pod, known):
            self._pods[pod.service, pod.environment][pod.name] = pod
            self._wake()


def _by_place(listed: Json) -> _Pods:
    found: _Pods = defaultdict(dict)
    for pod in map(parse_pod, listed.get("items") or ()):
        found[pod.service, pod.environment][pod.name] = pod
    return found


def _of(pods: _Pods, place: Placement) -> Collection[Pod]:
    return tuple(pods.get((place.service, place.environment), {}).values())


def _older(one: Pod, other: Pod) -> bool:
    """Resource versions of one kind grow (Kubernetes KEP-5504); what is not a number is taken as it comes."""
    if not (one.revision.isdecimal() and other.revision.isdecimal()):
        return False
    return int(one.revision) < int(other.revision)
