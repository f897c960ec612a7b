"""What the API says when it cannot do as asked: one shape for all, with the status that programs expect."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from bot.inputs.api.schemas import ErrorAnswer, Problem
from bot.web.access import challenge
from engine.commands import Response
from engine.errors import EngineError
from engine.failures import classify
from storage.errors import StorageError

log = logging.getLogger(__name__)

STATUS: Final[Mapping[str, int]] = {
    "Invalid": 422,
    "NotFound": 404,
    "Unauthenticated": 401,
    "Denied": 403,
    "NotNow": 409,
    "TemporaryFailure": 503,
}
_ADDRESSES: Final = "GET /api/v1/openapi.json lists every address."


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(
        self, status: int, kind: str, reason: str, remedy: str, *, field: str | None = None, allow: str = ""
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.problem = Problem(kind=kind, reason=reason, remedy=remedy, field=field)
        self.allow = allow

    def answer(self) -> web.Response:
        """As it is sent."""
        headers = challenge(self.status) | ({"Allow": self.allow} if self.allow else {})
        text = ErrorAnswer(error=self.problem).model_dump_json()
        return web.Response(status=self.status, text=text, content_type="application/json", headers=headers)


@web.middleware
async def tell_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every failure of a handler or of the router as JSON."""
    try:
        return await handler(request)
    except ApiError as error:
        return error.answer()
    except (EngineError, StorageError) as error:
        return from_failure(error).answer()
    except web.RequestPayloadError:
        reason = "The body is not what its headers say."
        return ApiError(400, "Unreadable", reason, "Send it as its Content-Encoding says.").answer()
    except web.HTTPException as error:
        return _from_router(request, error).answer()


def from_failure(error: EngineError | StorageError) -> ApiError:
    """A failure met while reading, classified as the orchestrator does."""
    reference = secrets.token_hex(4)
    failure = classify(error, reference)
    if failure.severity != "refusal":
        log.error("%s while reading: %s", failure.kind, failure.reason)
    field = getattr(error, "field", "") or None
    return ApiError(STATUS.get(failure.kind, 500), failure.kind, failure.reason, failure.remedy, field=field)


def from_response(response: Response, *, named_in_body: bool = False) -> ApiError:
    """What the orchestrator answered. What a body names and does not exist is a wrong field, not a missing address."""
    status = 422 if named_in_body and response.kind == "NotFound" else STATUS.get(response.kind, 500)
    return ApiError(status, response.kind, response.error, response.remedy, field=response.field or None)


def from_validation(error: ValidationError) -> ApiError:
    """The first fault of a body, in words that name the field."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "missing":
            reason, remedy = f"The field `{field}` is missing.", f"Send `{field}` in the body."
        case "extra_forbidden":
            reason, remedy = f"There is no field `{field}`.", "Leave it out; openapi.json lists the fields."
        case "json_invalid":
            return ApiError(400, "Malformed", "The body is no JSON.", str(first["msg"]))
        case _:
            reason, remedy = f"The field `{field}` is wrong: {_lower(first['msg'])}.", "Correct it and send it again."
    if not field:
        reason, remedy = "The body is no JSON object.", 'Send one such as {"service": "shop"}.'
    return ApiError(422, "Invalid", reason, remedy, field=field or None)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _from_router(request: web.Request, error: web.HTTPException) -> ApiError:
    match error:
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted(error.allowed_methods))
            return ApiError(
                405, "MethodNotAllowed", f"{request.method} is not possible here.", f"Possible: {allow}.", allow=allow
            )
        case web.HTTPNotFound():
            return ApiError(404, "NotFound", f"There is no address {request.path}.", _ADDRESSES)
        case web.HTTPRequestEntityTooLarge():
            return ApiError(413, "TooLarge", "The body is too large.", "Send at most 64 KiB.")
    return ApiError(error.status, "Refused", f"{error.reason}.", _ADDRESSES)
