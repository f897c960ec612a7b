"""The API's word on a version: known to be bad, or good after all."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from bot.inputs.api.endpoint import Api, Call, Endpoint, ask
from bot.inputs.api.shape import Shape
from engine.commands import MarkVersion

REASON: Final = 500


class MarkAsk(Shape):
    """Whether the version is bad, and why: the reason stands wherever the version is warned of."""

    bad: bool
    reason: str = Field(default="", max_length=REASON)


class VersionMark(Shape):
    """What is said of the version from now on."""

    service: str
    version: str
    bad: bool


async def mark(api: Api, call: Call) -> VersionMark:
    """Warn of a version, or take that back."""
    wish = call.ask(MarkAsk)
    command = MarkVersion(call.path("service"), call.path("version"), wish.bad, wish.reason)
    return VersionMark.model_validate((await ask(api, call, command)).data)


MARKS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "POST",
        "/services/{service}/versions/{version}/mark",
        "Warn of a version, or take it back",
        mark,
        VersionMark,
        MarkAsk,
    ),
)
