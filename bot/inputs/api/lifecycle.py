"""The API's changes of a component's life: each answers with how the component stood right after it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import Field

from bot.inputs.api.endpoint import Api, Call, Endpoint, Handle, ask
from bot.inputs.api.errors import ApiError
from bot.inputs.api.schemas import NothingAsk
from bot.inputs.api.shape import Shape
from engine.commands import Response, Restart, Retry, Scale, Start, Stop, Unregister

PLACE: Final = "/components/{service}/{environment}"


class ScaleAsk(Shape):
    """Have so many instances, until the settings change or somebody scales again."""

    instances: int = Field(ge=0, le=1_000_000)


class EndAsk(Shape):
    """`seen`, when given, is what was decided last as its page on the board shows it; only that is then ended."""

    seen: int | None = Field(default=None, ge=0)


class Asked(Shape):
    """What was asked for is written down and under way. `desired` is how many instances are wanted."""

    service: str
    environment: str
    state: str
    version: str | None
    desired: int | None


async def scale(api: Api, call: Call) -> Asked:
    """Have another number of instances."""
    instances = call.ask(ScaleAsk).instances
    response = await ask(api, call, Scale(call.path("service"), call.path("environment"), instances))
    if response.data["desired"] != instances:
        reason = f"This Idempotency-Key belongs to a request for {response.data['desired']} instances."
        raise ApiError(422, "Invalid", reason, "Use a new key for a new request.", field="Idempotency-Key")
    return _asked(response)


def end(command: Callable[[str, str, int | None], Stop | Unregister]) -> Handle:
    """A change that is asked before: it counts for what was shown."""

    async def handle(api: Api, call: Call) -> Asked:
        seen = call.ask(EndAsk).seen
        return _asked(await ask(api, call, command(call.path("service"), call.path("environment"), seen)))

    return handle


def change(command: Callable[[str, str], Start | Retry | Restart]) -> Handle:
    """A change that needs no more words than where."""

    async def handle(api: Api, call: Call) -> Asked:
        return _asked(await ask(api, call, command(call.path("service"), call.path("environment"))))

    return handle


def _asked(response: Response) -> Asked:
    data = response.data
    return Asked(
        service=data["service"],
        environment=data["environment"],
        state=data.get("state", "updating"),  # only a restart says no more than where
        version=data.get("version") or None,
        desired=data.get("desired"),
    )


LIFECYCLE: Final[tuple[Endpoint, ...]] = (
    Endpoint("POST", f"{PLACE}/scale", "Run another number of instances", scale, Asked, ScaleAsk),
    Endpoint("POST", f"{PLACE}/stop", "Stop all of it", end(Stop), Asked, EndAsk),
    Endpoint("POST", f"{PLACE}/start", "Bring back what was stopped", change(Start), Asked, NothingAsk),
    Endpoint("POST", f"{PLACE}/restart", "Start its instances anew", change(Restart), Asked, NothingAsk),
    Endpoint("POST", f"{PLACE}/retry", "Bring back what was stable", change(Retry), Asked, NothingAsk),
    Endpoint("POST", f"{PLACE}/unregister", "Look after it no longer", end(Unregister), Asked, EndAsk),
)
