"""Answers in the forms that Alertmanager's clients read, for what went well and for what did not.

A refusal by its HTTP layer is `{"code": …, "message": …}`, one by the handler a JSON text.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from alerting.alerts.posted import BadBody, Fault
from alerting.errors import AlertingError, TemporaryFailure
from alerting.silences.errors import InvalidSilence, UnknownSilence
from bot.inputs.pushing import TooLarge
from bot.web.access import challenge
from engine.errors import Denied, EngineError, Refused
from storage.errors import StorageError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NO_STORE: Final = {"Cache-Control": "no-store"}
# Status and code, as go-openapi gives them.
_FAULTS: Final[Mapping[Fault, tuple[int, int]]] = {
    Fault.UNREADABLE: (400, 400),
    Fault.MISSING: (422, 602),
    Fault.WRONG_FORM: (422, 601),
    Fault.TOO_FEW: (422, 612),
}


class BadRequest(Exception):
    """What was asked cannot be meant; the text says why."""


def answer(value: object, *, status: int = 200) -> web.Response:
    """`value` as JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=_NO_STORE)


def done() -> web.Response:
    """It is done, and there is nothing to say."""
    return web.Response(headers=_NO_STORE)


def refused(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A refusal by the HTTP layer."""
    body = msgspec.json.encode({"code": code, "message": message})
    return web.Response(
        body=body, status=status, content_type="application/json", headers={**_NO_STORE, **(headers or {})}
    )


def telling(handler: Handler) -> Handler:
    """`handler`, whose failures are told in these forms."""

    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BadRequest as wrong:
            return answer(str(wrong), status=400)
        except TooLarge as large:
            return refused(413, 413, str(large))
        except web.RequestPayloadError:
            return refused(400, 400, "the body is not what its headers say; send it as its Content-Encoding says")
        except (AlertingError, EngineError, StorageError) as failure:
            return _of_failure(failure)

    return told


def _of_failure(failure: AlertingError | EngineError | StorageError) -> web.Response:
    match failure:
        case BadBody():
            status, code = _FAULTS[failure.fault]
            return refused(status, code, failure.reason)
        case UnknownSilence():
            return answer(failure.reason, status=404)
        case InvalidSilence():
            return answer(failure.reason, status=400)
        case Refused():
            status = 403 if isinstance(failure, Denied) else 401
            return refused(status, status, str(failure), challenge(status))
        case TemporaryFailure() | StorageError():
            log.warning("an Alertmanager client has to try again: %s", failure)
            return answer(str(failure), status=503)
    reference = secrets.token_hex(4)
    log.error("%s while answering an Alertmanager client: %s", reference, failure)
    return answer(f"{failure} (reference {reference})", status=500)
