"""What an address of the API is made of, and how it is guarded. The table in routes.py is a list of these."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from alerting.incidents.journal import IncidentJournal
from bot.inputs.api.alert_sources import AlertSources
from bot.inputs.api.chronicle import Chronicles
from bot.inputs.api.errors import STATUS, ApiError, from_response, from_validation
from bot.inputs.api.notifications import Notifications
from bot.inputs.api.shape import You
from bot.inputs.api.summaries import Summaries
from bot.readings.now import Readings
from bot.readings.reports import Reports
from bot.web.access import Access, Caller
from engine.catalog import Catalog
from engine.commands import Request, Response
from engine.deployments.journal import DeploymentJournal
from engine.deployments.releases import Releases
from engine.errors import Refused
from engine.security.identity import Directory
from storage.events import EventLog

LARGEST_BODY: Final = 64 * 1024
LONGEST_KEY: Final = 200

AskT = TypeVar("AskT", bound=BaseModel)


class Door(Protocol):
    """The orchestrator, as this room needs it."""

    async def handle(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True)
class Api:
    """What the handlers work with."""

    access: Access
    door: Door
    readings: Readings
    deployments: DeploymentJournal
    incidents: IncidentJournal
    log: EventLog
    summaries: Summaries
    notifications: Notifications
    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    now: Callable[[], datetime]
    alerts: AlertSources | None = None
    chronicles: Chronicles = field(default_factory=Chronicles)
    reports: Reports = field(default_factory=Reports)
    releases: Releases | None = None  # without those of the running product, which remember what they read, new ones

    def names(self) -> dict[str, str]:
        """What everybody of the settings is called, by id."""
        return {str(one.id): one.name for one in self.directory().people}


@dataclass(frozen=True, slots=True)
class Call:
    """One request let in: who asks, the body read into its shape, and the raw request."""

    caller: Caller
    http: web.Request
    body: BaseModel | None = None

    @property
    def you(self) -> You | None:
        """Who is signed in; None for a program of the machine itself."""
        person = self.caller.person
        return You(id=person.id, name=person.name) if person else None

    def path(self, name: str) -> str:
        """A name of the path."""
        return self.http.match_info[name]

    def ask(self, shape: type[AskT]) -> AskT:
        """The body as the shape the endpoint declares."""
        if not isinstance(self.body, shape):
            raise TypeError(f"{self.http.path} does not read {shape.__name__}")
        return self.body


@dataclass(frozen=True, slots=True)
class Parameter:
    """A word of the query string."""

    name: str
    text: str
    type: Literal["string", "integer", "boolean"] = "string"


Handle = Callable[[Api, Call], Awaitable[BaseModel]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: what it does, what it reads (`ask`) and what it answers. An address with `ask` changes something."""

    method: Literal["GET", "POST"]
    path: str
    summary: str
    handle: Handle
    answer: type[BaseModel]
    ask: type[BaseModel] | None = None
    status: int = 200
    query: tuple[Parameter, ...] = field(default=())


def serve(api: Api, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The endpoint as the web server calls it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        caller = await let_in(api.access, request, changes=endpoint.ask is not None)
        _check_query(request, endpoint)
        body = await _body(request, endpoint.ask) if endpoint.ask else None
        made = await endpoint.handle(api, Call(caller, request, body))
        return web.Response(status=endpoint.status, text=made.model_dump_json(), content_type="application/json")

    return answer


async def let_in(access: Access, request: web.Request, *, changes: bool) -> Caller:
    """Who asks. Raises ApiError 401 or 403."""
    knock = access.knock(request)
    try:
        return await (access.doer(knock) if changes else access.reader(knock))
    except Refused as refusal:
        kind = type(refusal).__name__
        raise ApiError(STATUS[kind], kind, refusal.reason, refusal.remedy) from refusal


def _check_query(request: web.Request, endpoint: Endpoint) -> None:
    known = {one.name for one in endpoint.query}
    unknown = next((name for name in request.query if name not in known), None)
    if unknown is not None:
        words = ", ".join(sorted(known)) or "none"
        reason = f"There is no query parameter `{unknown[:80]}`."
        raise ApiError(422, "Invalid", reason, f"Known here: {words}.", field=unknown[:80])


async def _body(request: web.Request, shape: type[BaseModel]) -> BaseModel:
    text = await _read(request)
    if not text.strip():
        text = b"{}"
    elif request.content_type != "application/json":
        reason = f"The body is {request.content_type}."
        raise ApiError(415, "UnsupportedMediaType", reason, "Send `Content-Type: application/json`.")
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        raise from_validation(error) from error


async def _read(request: web.Request) -> bytes:
    parts: list[bytes] = []
    left = LARGEST_BODY
    async for part in request.content.iter_any():
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise ApiError(413, "TooLarge", "The body is too large.", "Send at most 64 KiB.")
    return b"".join(parts)


async def ask(api: Api, call: Call, command: object, *, named_in_body: bool = False) -> Response:
    """Send a command through the single door. Raises ApiError with what it answered."""
    request = Request(_request_id(call), api.now(), "api", call.caller.actor, command)
    response = await api.door.handle(request)
    if not response.ok:
        raise from_response(response, named_in_body=named_in_body)
    return response


def _request_id(call: Call) -> str:
    """The same for the same Idempotency-Key of the same caller at the same address; otherwise new each time.

    Source: draft-ietf-httpapi-idempotency-key-header.
    """
    key = call.http.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY:
        reason = f"The Idempotency-Key is {len(key)} characters long."
        raise ApiError(422, "Invalid", reason, f"At most {LONGEST_KEY} are taken.", field="Idempotency-Key")
    if not key:
        return f"api:{secrets.token_hex(16)}"
    meant = "\n".join((call.caller.subject, call.http.method, call.http.path, key))
    return f"api:{hashlib.sha256(meant.encode()).hexdigest()[:32]}"
