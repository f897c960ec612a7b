"""`/silences` and `/silence/{id}`: the silences' desk for Alertmanager's clients, each change audited."""

from __future__ import annotations

import re
import secrets
from typing import Final

import msgspec
from aiohttp import web

from alerting.alerts.posted import ZERO, BadBody, Fault, in_words, time_of
from alerting.routing.matcher import Matcher, format_matchers
from alerting.silences.errors import InvalidSilence, UnknownSilence
from alerting.silences.silence import Silence, SilenceId
from bot.inputs.alertmanager.alerts import wrong_type
from bot.inputs.alertmanager.answers import BadRequest, Handler, answer, done, refused
from bot.inputs.alertmanager.parts import Parts
from bot.inputs.alertmanager.query import BadQuery, read_matchers
from bot.inputs.alertmanager.shapes import MatcherShape, render_silence, to_matcher
from bot.inputs.pushing import is_json, pusher, read_body
from bot.routes.silences import check_may_silence
from bot.web.access import Caller

THIS_MACHINE: Final = "a program on this machine"
LONGEST_TEXT: Final = 64 * 1024
MOST_MATCHERS: Final = 1000
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class PostedMatcher(msgspec.Struct, rename="camel"):
    """A matcher as it is sent."""

    is_regex: bool | None = None
    name: str | None = None
    value: str | None = None
    is_equal: bool | None = None


class PostedSilence(msgspec.Struct, rename="camel"):
    """A silence as it is sent; everything but the id is required."""

    id: str | None = None
    comment: str | None = None
    created_by: str | None = None
    ends_at: str | None = None
    matchers: list[PostedMatcher] | None = None
    starts_at: str | None = None


_decoder: Final = msgspec.json.Decoder(PostedSilence | None)
_REQUIRED: Final = ("comment", "createdBy", "endsAt", "matchers", "startsAt")
_REQUIRED_OF_MATCHER: Final = ("isRegex", "name", "value")


def get_silences(parts: Parts) -> Handler:
    """Those that have each given matcher among their own: active, pending, then expired."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        try:
            matchers = read_matchers(request.query)
        except BadQuery as wrong:
            raise BadRequest(str(wrong)) from wrong
        now = parts.now()
        return answer([render_silence(one, now) for one in parts.silences.query(matchers)])

    return get


def get_silence(parts: Parts) -> Handler:
    """One of them."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        id_ = _id(request)
        if isinstance(id_, web.Response):
            return id_
        found = parts.silences.get(id_)
        return _not_found() if found is None else answer(render_silence(found, parts.now()))

    return get


def post_silence(parts: Parts) -> Handler:
    """Make one, or change the one whose id is given."""

    async def post(request: web.Request) -> web.Response:
        caller = await pusher(parts.access, parts.access.knock(request), parts.directory())
        if not is_json(request):
            return wrong_type(request)
        silence = to_silence(await read_body(request))
        if caller.person is not None:
            check_may_silence(caller.person, silence.matchers)
        by = _name(caller, silence.created_by)
        what = f"{format_matchers(silence.matchers)} until {silence.ends_at:%Y-%m-%d %H:%M:%S}"
        await _note(parts, caller, by, "SetSilence", f"{silence.id} {what}".strip())
        return answer({"silenceID": await parts.silences.set(silence, by=by)})

    return post


def delete_silence(parts: Parts) -> Handler:
    """End one now."""

    async def delete(request: web.Request) -> web.Response:
        caller = await pusher(parts.access, parts.access.knock(request), parts.directory())
        id_ = _id(request)
        if isinstance(id_, web.Response):
            return id_
        known = parts.silences.get(id_)
        if caller.person is not None and known is not None:
            check_may_silence(caller.person, known.matchers)
        by = _name(caller, THIS_MACHINE)
        await _note(parts, caller, by, "ExpireSilence", id_)
        try:
            await parts.silences.expire(id_, by)
        except UnknownSilence:
            return _not_found()
        return done()

    return delete


def to_silence(body: bytes) -> Silence:
    """The silence that a body means. Raises BadBody, InvalidSilence."""
    posted = _read(body)
    matchers = posted.matchers or []
    _check_sizes(posted, matchers)
    return Silence(
        id=SilenceId(posted.id or ""),
        matchers=tuple(_matcher(one, place) for place, one in enumerate(matchers)),
        starts_at=time_of(posted.starts_at, "silence", "startsAt"),
        ends_at=time_of(posted.ends_at, "silence", "endsAt"),
        updated_at=ZERO,
        created_by=posted.created_by or "",
        comment=posted.comment or "",
    )


def _read(body: bytes) -> PostedSilence:
    if not body:
        raise BadBody(Fault.MISSING, "silence in body is required")
    try:
        posted = _decoder.decode(body) or PostedSilence()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        reason = f'parsing silence body from "" failed, because {in_words(wrong, body)}'
        raise BadBody(Fault.UNREADABLE, reason) from wrong
    _require(posted, _REQUIRED, "")
    return posted


def _require(posted: msgspec.Struct, names: tuple[str, ...], prefix: str) -> None:
    fields = dict(zip(posted.__struct_encode_fields__, posted.__struct_fields__, strict=True))
    missing = next((name for name in names if getattr(posted, fields[name]) is None), None)
    if missing is not None:
        raise BadBody(Fault.MISSING, f"{prefix}{missing} in body is required")


def _check_sizes(posted: PostedSilence, matchers: list[PostedMatcher]) -> None:
    if not matchers:
        raise BadBody(Fault.TOO_FEW, "matchers in body should have at least 1 items")
    if len(matchers) > MOST_MATCHERS:
        raise InvalidSilence(f"invalid silence: matchers: at most {MOST_MATCHERS} are taken")
    for name, text in (("comment", posted.comment), ("createdBy", posted.created_by)):
        if len(text or "") > LONGEST_TEXT:
            raise InvalidSilence(f"invalid silence: {name}: at most {LONGEST_TEXT} characters are taken")


def _matcher(posted: PostedMatcher, place: int) -> Matcher:
    _require(posted, _REQUIRED_OF_MATCHER, f"matchers.{place}.")
    shape = MatcherShape(bool(posted.is_regex), posted.name or "", posted.value or "", posted.is_equal)
    if len(shape.name) + len(shape.value) > LONGEST_TEXT:
        raise InvalidSilence(f"invalid silence: matchers.{place}: at most {LONGEST_TEXT} characters are taken")
    try:
        return to_matcher(shape)
    except ValueError as wrong:
        reason = f"invalid silence: invalid label matcher {place}: invalid regular expression: {wrong}"
        raise InvalidSilence(reason) from wrong


def _id(request: web.Request) -> SilenceId | web.Response:
    text = request.match_info["id"]
    if _UUID.fullmatch(text) is None:
        return refused(422, 601, f'silenceID in path must be of type uuid: "{text[:100]}"')
    return SilenceId(text)


def _not_found() -> web.Response:
    response = done()
    response.set_status(404)
    return response


def _name(caller: Caller, otherwise: str) -> str:
    return str(caller.person.id) if caller.person is not None else otherwise


async def _note(parts: Parts, caller: Caller, name: str, action: str, subject: str) -> None:
    """Write down who asks before it is done, as for everything that changes something."""
    await parts.trail.record(
        person=caller.person.id if caller.person is not None else "",
        name=name,
        action=action,
        subject=subject,
        verdict="allowed",
        source="alertmanager",
        request=f"alertmanager:{secrets.token_hex(16)}",
    )
