"""The single door: every input from chat, API, CLI, webhook and schedule passes here, in the same steps.

validate → authenticate → authorise → route → coordinate → aggregate → publish; and what goes wrong on the way is
detected → classified → recovered from → answered by a fallback → told to the operators.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from engine.answers import Answers
from engine.commands import Actor, Request, Response
from engine.errors import Denied, NotFound, NotNow, Unauthenticated
from engine.failures import Failure, classify
from engine.intake import check_request, texts
from engine.security.audit import Audit, Verdict
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, allowed, denied
from engine.security.secrets import mask
from storage.claims import Claims
from storage.records import Records

T = TypeVar("T")
Data = Mapping[str, Any]
Handler = Callable[[Request, Person], Awaitable[Data]]
Environment = Callable[[Any], str | Awaitable[str | None] | None]
Publish = Callable[[Request, Response], Awaitable[None]]
Notify = Callable[[Request, Failure], Awaitable[None]]

log = logging.getLogger(__name__)

TIMEOUT: Final = timedelta(seconds=30)
_LONGEST_RETRY: Final = timedelta(seconds=2)  # somebody waits for the answer
_LONGEST_SUBJECT: Final = 500
_DENIALS: Final = frozenset({Denied.__name__, Unauthenticated.__name__})


@dataclass(frozen=True, slots=True)
class Route:
    """Where a kind of command goes and who may send it.

    `permission` None: everybody known. `environment` says where the command acts, perhaps by loading its subject.
    An audited route changes something: it is written down, and done once for each request id. Any other is a query:
    it is asked again when it fails for a moment, and `fallback` answers it when it fails again.
    """

    name: str
    permission: Permission | None
    environment: Environment
    handle: Handler
    audited: bool
    fallback: Handler | None = None


class Orchestrator:
    """Takes requests of the kinds in `routes`. `directory` is called for each, so that the settings may be reloaded.

    `publish` is told of every request and its response; `notify` of failures the operators have to know.
    """

    def __init__(
        self,
        routes: Mapping[type, Route],
        directory: Callable[[], Directory],
        audit: Audit,
        claims: Claims,
        records: Records,
        publish: Publish,
        notify: Notify,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._routes = routes
        self._directory = directory
        self._audit = audit
        self._answers = Answers(claims, records, now=now)
        self._publish = publish
        self._notify = notify
        self._now = now
        self._sleep = sleep

    def may(self, actor: Actor, permission: Permission, environment: str | None) -> bool:
        """Whether `actor` would be let through, for help and for views. The door asks again at the deed itself."""
        try:
            person = self._directory().authenticate(actor)
        except Unauthenticated:
            return False
        return allowed(person, permission, environment)

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises but for cancellation; whatever went wrong is in the response."""
        entered = await self._detect(request, self._let_in(request))
        if isinstance(entered, Failure):
            response = await self._turn_away(request, entered)
        elif entered[1].audited:
            response = await self._once(request, *entered)
        else:
            response = await self._query(request, *entered)
        response = _warned(request, response)
        await self._detect(request, self._publish(request, response))
        return response

    # The way in

    async def _let_in(self, request: Request) -> tuple[Person, Route]:
        check_request(request)
        account = request.context.get("account", "")
        person = self._directory().authenticate(request.actor, account=account)
        route = self._routes.get(type(request.command))
        if route is None:
            name = type(request.command).__name__
            raise NotFound(f"Nothing here knows what to do with {name}.", "See `help` for what can be asked.")
        log.info("%s by %s from %s: %s", route.name, person.id, request.source, _subject(request))
        await self._authorise(request, person, route)
        return person, route

    async def _authorise(self, request: Request, person: Person, route: Route) -> None:
        if route.permission is None:
            return
        found = route.environment(request.command)
        environment = await found if inspect.isawaitable(found) else found
        if not allowed(person, route.permission, environment):
            raise denied(person, route.permission, environment, self._directory().people)

    async def _turn_away(self, request: Request, failure: Failure) -> Response:
        if failure.kind in _DENIALS:
            await self._write_down(request, failure, self._known(request))
        return self._response(request, failure)

    def _known(self, request: Request) -> Person | None:
        try:
            return self._directory().authenticate(request.actor)
        except Unauthenticated:
            return None

    # The deed

    async def _once(self, request: Request, person: Person, route: Route) -> Response:
        key = f"{request.id}:{person.id}"
        taken = await self._detect(request, self._answers.take(key))
        if taken is not None:
            return self._response(request, taken) if isinstance(taken, Failure) else taken
        result = await self._detect(request, self._run(route.handle, request, person))
        response = self._response(request, result)
        await self._detect(request, self._close(key, response, result))
        await self._write_down(request, result, person)
        return response

    async def _close(self, key: str, response: Response, result: Data | Failure) -> None:
        # What the present state did not allow may be allowed the next time.
        if isinstance(result, Failure) and (result.passing or result.kind == NotNow.__name__):
            await self._answers.forget(key)
        else:
            await self._answers.remember(key, response)

    async def _query(self, request: Request, person: Person, route: Route) -> Response:
        result = await self._detect(request, self._run(route.handle, request, person))
        if isinstance(result, Failure) and _soon(result):
            await self._sleep(_seconds(result))
            result = await self._detect(request, self._run(route.handle, request, person))
        if isinstance(result, Failure) and result.passing and route.fallback is not None:
            result = await self._fall_back(request, person, route.fallback, result)
        if isinstance(result, Failure) and result.kind in _DENIALS:
            await self._write_down(request, result, person)
        return self._response(request, result)

    async def _fall_back(self, request: Request, person: Person, fallback: Handler, failure: Failure) -> Data | Failure:
        """The second-best answer, which says that it is one."""
        result = await self._detect(request, self._run(fallback, request, person))
        return result if isinstance(result, Failure) else {**result, "degraded": failure.reason}

    async def _run(self, handle: Handler, request: Request, person: Person) -> Data:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            return await handle(request, person)

    # What went wrong

    async def _detect(self, request: Request, work: Awaitable[T]) -> T | Failure:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - the one place where defects are told from refusals
            failure = self._classified(request, error)
        if failure.severity == "critical":
            await self._tell_operators(request, failure)
        return failure

    def _classified(self, request: Request, error: Exception) -> Failure:
        error_id = secrets.token_hex(4)
        failure = classify(error, error_id)
        if failure.severity == "refusal":
            log.info("request %s refused: %s", request.id[:80], mask(failure.reason).text)
        else:
            trace = mask("".join(traceback.format_exception(error))).text
            log.error("%s in request %s, reference %s\n%s", failure.kind, request.id[:80], error_id, trace)
        return failure

    async def _tell_operators(self, request: Request, failure: Failure) -> None:
        try:
            await self._notify(request, failure)
        except Exception:
            log.exception("The operators could not be told: %s", mask(failure.reason).text)

    async def _write_down(self, request: Request, result: Data | Failure, person: Person | None) -> None:
        route = self._routes.get(type(request.command))
        verdict, reason = _verdict(result)
        await self._detect(
            request,
            self._audit.record(
                person="" if person is None else person.id,
                name=_who(request.actor) if person is None else person.name,
                action=type(request.command).__name__ if route is None else route.name,
                subject=_subject(request),
                verdict=verdict,
                reason=reason,
                source=request.source,
                request=request.id,
            ),
        )

    def _response(self, request: Request, result: Data | Failure) -> Response:
        if isinstance(result, Failure):
            secret = mask(_typed(request)).found  # then the answer must not repeat it, here or where it is remembered
            return Response(
                request.id,
                self._now(),
                ok=False,
                error=mask(result.reason).text if secret else result.reason,
                remedy=mask(result.remedy).text if secret else result.remedy,
                kind=result.kind,
                field=result.field,
            )
        return Response(request.id, self._now(), ok=True, data=result)


def _soon(failure: Failure) -> bool:
    return failure.passing and failure.retry_after is not None and failure.retry_after <= _LONGEST_RETRY


def _seconds(failure: Failure) -> float:
    return failure.retry_after.total_seconds() if failure.retry_after is not None else 0.0


def _verdict(result: Data | Failure) -> tuple[Verdict, str]:
    if not isinstance(result, Failure):
        return "allowed", ""
    return ("denied" if result.severity == "refusal" else "failed"), mask(result.reason).text


def _who(actor: Actor) -> str:
    return f"{actor.kind} {actor.team}/{actor.user}" if actor.team else f"{actor.kind} {actor.user}"


def _subject(request: Request) -> str:
    """The command in one line, without secrets."""
    words = " ".join(f"{field}={text}" for field, text in texts(request.command) if text)
    return mask(words).text[:_LONGEST_SUBJECT]


def _typed(request: Request) -> str:
    return " ".join([*(text for _, text in texts(request.command)), request.context.get("text", "")])


def _warned(request: Request, response: Response) -> Response:
    """Tell who typed a secret to rotate it: it has been in the chat's history since."""
    found = mask(_typed(request))
    if not found.found:
        return response
    kinds = ", ".join(found.kinds)
    warning = f"Your message held what looks like a secret ({kinds}). Rotate it: others may have read it."
    return replace(response, data={**response.data, "warning": warning})
