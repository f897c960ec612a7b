"""The API's locks, freezes and releases: what holds, who changes it, what ran, and what differs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from pydantic import Field

from bot.inputs.api.endpoint import Api, Call, Endpoint, Parameter, ask
from bot.inputs.api.shape import Shape
from bot.readings.permits import PermitReadings
from engine.commands import Freeze as FreezeCommand
from engine.commands import Lock as LockCommand
from engine.commands import Response, Unfreeze, Unlock
from engine.deployments.releases import Releases
from engine.permits.freezes import FreezeState
from engine.permits.journal import PermitJournal
from engine.permits.locks import LockState

PLACE: Final = "/components/{service}/{environment}"
TO: Final = Parameter("to", "A revision or version to compare with; the settings now when left out.")
LONGEST: Final = 366 * 86400
REASON: Final = 500

ShapeT = TypeVar("ShapeT", bound=Shape)


class Lock(Shape):
    """A lock of one service in one environment; `until` is null while it lasts until somebody unlocks it.

    `automatic` came by itself after a roll-back. `waiting` are told when it ends, in this order; `ended` is null while
    it holds, else unlocked, broken, expired or deployed.
    """

    service: str
    environment: str
    number: int
    owner: str
    reason: str
    since: datetime
    until: datetime | None
    automatic: bool
    waiting: list[str]
    ended: str | None
    ended_by: str | None
    ended_at: datetime | None


class Locks(Shape):
    """Those that hold."""

    locks: list[Lock]


class LockAsk(Shape):
    """Lock it for so many seconds, at most a year; null is until it is unlocked."""

    seconds: int | None = Field(default=None, ge=1, le=LONGEST)
    reason: str = Field(default="", max_length=REASON)


class UnlockAsk(Shape):
    """Give a lock back. An admin breaks the lock of somebody else, with a reason."""

    reason: str = Field(default="", max_length=REASON)


class Freeze(Shape):
    """A freeze that a person made, of a service, an environment or one in the other; "" is every one."""

    service: str
    environment: str
    person: str
    reason: str
    since: datetime
    until: datetime | None
    ended: str | None
    ended_by: str | None
    ended_at: datetime | None


class FreezeWindow(Shape):
    """A window of the settings; `until` is null while it does not hold."""

    environment: str
    name: str
    until: datetime | None


class BadVersion(Shape):
    """A version known to be bad: `by` a person, or system when a gate of `deployment` took it back."""

    service: str
    version: str
    by: str
    reason: str
    at: datetime
    deployment: str | None


class Freezes(Shape):
    """The freezes that hold, every window of the settings, and the versions that are warned of."""

    freezes: list[Freeze]
    windows: list[FreezeWindow]
    bad_versions: list[BadVersion]


class FreezeAsk(Shape):
    """Freeze a service, an environment, or one in the other, for so many seconds; null is until it is ended."""

    service: str = Field(default="", max_length=80)
    environment: str = Field(default="", max_length=80)
    seconds: int | None = Field(default=None, ge=1, le=LONGEST)
    reason: str = Field(default="", max_length=REASON)


class UnfreezeAsk(Shape):
    """End the freeze of exactly this service and environment, as it was made."""

    service: str = Field(default="", max_length=80)
    environment: str = Field(default="", max_length=80)


class Release(Shape):
    """A release; `returned_to` is the revision it went back to, null for a version that was deployed."""

    revision: int
    version: str
    previous: str | None
    digest: str
    deployment: str
    purpose: str
    by: str
    at: datetime
    returned_to: int | None


class History(Shape):
    """The releases of a place, the newest first: it is what runs."""

    service: str
    environment: str
    releases: list[Release]


class FieldDifference(Shape):
    """A field of the configuration; values of variables are not told."""

    field: str
    before: str
    after: str


class ReleaseDiff(Shape):
    """From what runs to another release, or, with null, to the settings now."""

    service: str
    environment: str
    revision: int
    version: str
    to_revision: int | None
    to_version: str | None
    differences: list[FieldDifference]


async def locks(api: Api, _: Call) -> Locks:
    """What is locked."""
    return Locks(locks=[shown_lock(one) for one in await permit_readings(api).locks()])


async def freezes(api: Api, _: Call) -> Freezes:
    """What is frozen."""
    found = await permit_readings(api).frozen()
    return Freezes(
        freezes=[shown(one, Freeze) for one in found.freezes],
        windows=[shown(one, FreezeWindow) for one in found.windows],
        bad_versions=[shown(one, BadVersion) for one in found.bad],
    )


async def history(api: Api, call: Call) -> History:
    """What ran in one place."""
    service, environment = call.path("service"), call.path("environment")
    found = await permit_readings(api).history(service, environment)
    releases = [shown(one, Release) for one in reversed(found)]
    return History(service=service, environment=environment, releases=releases)


async def diff(api: Api, call: Call) -> ReleaseDiff:
    """What differs. Raises NotFound, NotNow before the first release."""
    to = call.http.query.get("to", "")
    found = await permit_readings(api).compared(call.path("service"), call.path("environment"), to)
    return ReleaseDiff(
        service=found.place.service,
        environment=found.place.environment,
        revision=found.present.revision,
        version=found.present.version,
        to_revision=found.other.revision if found.other else None,
        to_version=found.other.version if found.other else None,
        differences=[shown(one, FieldDifference) for one in found.differences],
    )


async def lock(api: Api, call: Call) -> Lock:
    """Let nobody else deploy there."""
    wish = call.ask(LockAsk)
    command = LockCommand(call.path("service"), call.path("environment"), _lasts(wish.seconds), wish.reason)
    return _lock_of(await ask(api, call, command))


async def unlock(api: Api, call: Call) -> Lock:
    """Give it back."""
    command = Unlock(call.path("service"), call.path("environment"), call.ask(UnlockAsk).reason)
    return _lock_of(await ask(api, call, command))


async def freeze(api: Api, call: Call) -> Freeze:
    """Let nothing be deployed."""
    wish = call.ask(FreezeAsk)
    command = FreezeCommand(wish.service, wish.environment, _lasts(wish.seconds), wish.reason)
    return _freeze_of(await ask(api, call, command, named_in_body=True))


async def unfreeze(api: Api, call: Call) -> Freeze:
    """End a freeze."""
    wish = call.ask(UnfreezeAsk)
    return _freeze_of(await ask(api, call, Unfreeze(wish.service, wish.environment), named_in_body=True))


def permit_readings(api: Api) -> PermitReadings:
    """What is locked, frozen and released."""
    return PermitReadings(api.catalog, PermitJournal(api.log), api.releases or Releases(api.log), api.now)


def _lasts(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _lock_of(response: Response) -> Lock:
    return shown_lock(msgspec.convert(response.data["lock"], LockState))


def shown_lock(found: LockState) -> Lock:
    """A lock as it is shown."""
    return Lock.model_validate({**_of(found, Lock), "waiting": list(found.waiters)})


def _freeze_of(response: Response) -> Freeze:
    return shown(msgspec.convert(response.data["freeze"], FreezeState), Freeze)


def shown(found: object, shape: type[ShapeT]) -> ShapeT:
    """What was found in its shape, whose fields stand there under the same names."""
    return shape.model_validate(_of(found, shape))


def _of(found: object, shape: type[Shape]) -> dict[str, object]:
    """What of the shape's fields stands there under the same name."""
    return {name: getattr(found, name) for name in shape.model_fields if hasattr(found, name)}


PERMITS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", f"{PLACE}/history", "Its releases", history, History),
    Endpoint("GET", f"{PLACE}/diff", "What differs from what runs", diff, ReleaseDiff, query=(TO,)),
    Endpoint("POST", f"{PLACE}/lock", "Let nobody else deploy it there", lock, Lock, LockAsk),
    Endpoint("POST", f"{PLACE}/unlock", "Give a lock back", unlock, Lock, UnlockAsk),
    Endpoint("GET", "/locks", "What is locked", locks, Locks),
    Endpoint("GET", "/freezes", "What is frozen, and what is known to be bad", freezes, Freezes),
    Endpoint("POST", "/freezes", "Let nothing be deployed", freeze, Freeze, FreezeAsk, 201),
    Endpoint("POST", "/freezes/end", "End a freeze", unfreeze, Freeze, UnfreezeAsk),
)
