"""Instances as containers named by their ids. The engine holds all there is to know, so nothing is kept by us."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.infrastructure.container.api import Api, Apis
from engine.infrastructure.container.containers import (
    Found,
    Standing,
    config_of,
    instance_of,
    is_ours,
    labels_of,
    standing_of,
)
from engine.infrastructure.container.faults import Absent, Conflict
from engine.infrastructure.container.images import Images, image_name
from engine.infrastructure.local import instance_id
from engine.ports import Instance, InstanceId
from engine.targets import ContainerTarget

_NOTE_LINES: Final = 10
_ATTEMPTS: Final = 5  # somebody else may make, start or remove the same container meanwhile
_BREATH: Final = timedelta(milliseconds=200)
_RETRY: Final = timedelta(seconds=2)


class ContainerManager:
    """Makes, watches and removes containers. Every call may be repeated at any time, by several processes at once."""

    def __init__(self, apis: Apis, images: Images) -> None:
        self._apis = apis
        self._images = images
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All instances of a placement: STARTING while they run (others judge their health), DEAD after.

        One that was only made when we were killed is none yet.
        """
        api = self._api(place)
        found = [one for one in await api.containers(labels_of(place)) if _is_instance(one)]
        notes = await asyncio.gather(*(_last_lines(api, one) for one in found))
        seen = [instance_of(place, one, note) for one, note in zip(found, notes, strict=True)]
        return tuple(sorted(seen, key=lambda one: one.id))

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Make these ordinals run. A dead one is removed and made anew; a missing image is pulled.

        Raises PermanentFailure when nobody has the image, it cannot run, or a foreign container has the name.
        """
        async with self._turns[place.service, place.environment]:
            for ordinal in sorted(ordinals):
                await self._start(place, version, instance_id(place, version, ordinal))

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """Ask each to end, make it end after the stop timeout, remove it. Unknown ids are stopped."""
        api, timeout = self._api(place), place.on(ContainerTarget).stop_timeout
        ends = await asyncio.gather(*(_stop(api, one, timeout) for one in instances), return_exceptions=True)
        for failure in ends:
            if failure is not None:
                raise failure

    async def _start(self, place: Placement, version: Version, instance: InstanceId) -> None:
        for attempt in range(_ATTEMPTS):
            await asyncio.sleep(_BREATH.total_seconds() if attempt else 0)
            try:
                await self._come_up(place, version, instance)
            except (Absent, Conflict):
                continue
            return
        raise TemporaryFailure(
            f"{instance} could not be started: somebody else changes its container at the same time.",
            "Look who else starts or removes containers of that name.",
            retry_after=_RETRY,
        )

    async def _come_up(self, place: Placement, version: Version, instance: InstanceId) -> None:
        """One attempt, from whatever is there. Raises Absent or Conflict when that changed meanwhile."""
        api = self._api(place)
        found = await api.container(instance)
        if found is not None and not is_ours(found, instance):
            raise PermanentFailure(
                f"A container called {instance} is there, and Pilothouse did not make it.",
                f"Rename or remove it: docker rename {instance} another-name.",
            )
        if found is not None and standing_of(found) is Standing.UP:
            return
        if found is not None and standing_of(found) is Standing.MADE:
            await _launch(api, found["Id"])
            return
        if found is not None:
            await api.remove(found["Id"])  # not by name: another process may have made it anew already
        await _launch(api, await self._create(place, version, instance))

    async def _create(self, place: Placement, version: Version, instance: InstanceId) -> str:
        image = image_name(place, version)
        try:
            await self._images.ensure(place, version)
        except Absent as absent:
            raise PermanentFailure(f"{instance} could not be started: {absent.reason}", absent.remedy) from absent
        return await self._api(place).create(instance, config_of(place, version, instance, image))

    def _api(self, place: Placement) -> Api:
        return self._apis.at(place.on(ContainerTarget).engine)


def _is_instance(found: Found) -> bool:
    return standing_of(found) in {Standing.UP, Standing.ENDED}


async def _last_lines(api: Api, found: Found) -> str:
    return await api.tail(found["Id"], _NOTE_LINES) if standing_of(found) is Standing.ENDED else ""


async def _launch(api: Api, container: str) -> None:
    """Start a made container. One that cannot start is removed, so that the next attempt is made anew."""
    try:
        await api.start(container)
    except (TemporaryFailure, PermanentFailure):
        if await _runs(api, container):  # another process was first
            return
        with suppress(EngineError):
            await api.remove(container)
        raise


async def _runs(api: Api, container: str) -> bool:
    found = await api.container(container)
    return found is not None and standing_of(found) is Standing.UP


async def _stop(api: Api, instance: InstanceId, timeout: timedelta) -> None:
    found = await api.container(instance)
    if found is None or not is_ours(found, instance):
        return
    try:
        await api.stop(found["Id"], timeout)
        await api.remove(found["Id"])
    except Absent:
        return
    except Conflict as conflict:
        raise TemporaryFailure(conflict.reason, conflict.remedy, retry_after=_RETRY) from conflict
