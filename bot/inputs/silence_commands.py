"""`pilothouse silence` and `pilothouse alerts`: a running server, asked over its Alertmanager API.

What an Alertmanager answers is understood as well. The server's clock counts, as that of this machine may be another.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from alerting.metrics.duration import parse_duration
from alerting.routing.matcher import Matcher, Op
from alerting.routing.parse_matcher import MatcherWrong, parse_matchers
from bot.inputs.tables import table
from bot.views.blocks import span

API: Final = "/alertmanager/api/v2"
FAILED: Final = 1
MINUTE: Final = timedelta(minutes=1)
TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
WAY_IN: Final = "Make one by `pilothouse token create` and set PILOTHOUSE_TOKEN."


class CommandFailed(Exception):
    """What went wrong, in words for the one at the terminal."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the product is reached (`http://127.0.0.1:8080`), and the token that says who asks ("" for nobody)."""

    url: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server said, and what time it had then."""

    body: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A silence as it was asked for; `start` and `end` are RFC 3339 or "", and an end counts more than a duration.

    Without an author it is of whoever is signed in on this machine.
    """

    matchers: Sequence[str]
    comment: str
    author: str
    duration: str = "1h"
    start: str = ""
    end: str = ""


async def add(server: Server, wanted: Wanted, *, as_json: bool) -> int:
    """Make a silence and print its id."""

    async def work(api: Api) -> None:
        matchers = read(wanted.matchers)
        if not matchers:
            raise CommandFailed("Say which alerts: `alertname=HighLatency environment=staging`.")
        if not wanted.comment.strip():
            raise CommandFailed("Say why, for those who wonder later: --comment TEXT.")
        start, end = _times(wanted, (await api.get("/status")).at)
        body = {
            "matchers": [_shape(one) for one in matchers],
            "startsAt": start.isoformat(),
            "endsAt": end.isoformat(),
            "createdBy": wanted.author or _user(),
            "comment": wanted.comment,
        }
        made = (await api.post("/silences", body)).body
        _say(json.dumps(made) if as_json else str(made["silenceID"]))

    return await _run(server, work)


async def show(server: Server, matchers: Sequence[str], *, expired: bool, as_json: bool) -> int:
    """Print the silences that have each of `matchers` among their own; those that are over only when asked for."""

    async def work(api: Api) -> None:
        found = await api.get("/silences", _filters(matchers))
        kept = [one for one in found.body if expired or one["status"]["state"] != "expired"]
        if as_json:
            _say(json.dumps(kept, ensure_ascii=False))
        elif kept:
            _say(table(["ID", "State", "Matchers", "By", "Comment"], [_silence(one, found.at) for one in kept]))
        else:
            _say("Nothing is silenced.")

    return await _run(server, work)


async def expire(server: Server, ids: Sequence[str], *, as_json: bool) -> int:
    """End silences; an id may be shortened while it is clear which is meant."""

    async def work(api: Api) -> None:
        known = [str(one["id"]) for one in (await api.get("/silences")).body]
        ended = [_meant(text, known) for text in ids]
        for silence in ended:
            await api.delete(f"/silence/{quote(silence, safe='')}")
        _say(json.dumps({"expired": ended}) if as_json else "\n".join(f"Ended {one}." for one in ended))

    return await _run(server, work)


async def alerts(server: Server, matchers: Sequence[str], *, as_json: bool) -> int:
    """Print the alerts that fire and match; silenced, inhibited and time-muted ones marked."""

    async def work(api: Api) -> None:
        found = await api.get("/alerts", _filters(matchers))
        muted = _muted_by((await api.get("/alerts/groups", _filters(matchers))).body)
        shown = [_with_mutes(one, muted.get(str(one["fingerprint"]), [])) for one in found.body]
        if as_json:
            _say(json.dumps(shown, ensure_ascii=False))
        elif shown:
            _say(table(["Alert", "State", "For", "Labels"], [_alert(one, found.at) for one in shown]))
        else:
            _say("No alert fires." if not matchers else "No alert that fires matches.")

    return await _run(server, work)


class Api:
    """The server's Alertmanager API, failures in words."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answered:
        """What stands there."""
        return await self._ask("GET", path, params=list(query))

    async def post(self, path: str, body: Mapping[str, Any]) -> Answered:
        """Send `body` as JSON."""
        return await self._ask("POST", path, json=body)

    async def delete(self, path: str) -> Answered:
        """End what stands there."""
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **more: Any) -> Answered:
        headers = {"Authorization": f"Bearer {self._server.token}"} if self._server.token else {}
        address = f"{self._server.url.rstrip('/')}{API}{path}"
        try:
            async with self._session.request(method, address, headers=headers, timeout=TIMEOUT, **more) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise CommandFailed(_refusal(answer.status, text))
                return Answered(json.loads(text) if text.strip() else None, _date(answer.headers.get("Date", "")))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise CommandFailed(
                f"{address} gave no usable answer: {reason}. Start it, or name another: --url."
            ) from error


async def _run(server: Server, work: Callable[[Api], Awaitable[None]]) -> int:
    try:
        async with aiohttp.ClientSession() as session:
            await work(Api(server, session))
    except CommandFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return FAILED
    return 0


def read(words: Sequence[str]) -> list[Matcher]:
    """The matchers of the command line, one or several a word; a first word alone is an alert's name."""
    found: list[Matcher] = []
    for place, word in enumerate(words):
        if place == 0 and word and not set("=!~{") & set(word):
            found.append(Matcher("alertname", Op.EQUAL, word))
            continue
        try:
            found += parse_matchers(word)
        except MatcherWrong as wrong:
            raise CommandFailed(f"{word!r} cannot be read at {wrong}.") from wrong
    return found


def _filters(words: Sequence[str]) -> list[tuple[str, str]]:
    return [("filter", str(matcher)) for matcher in read(words)]


def _shape(matcher: Matcher) -> dict[str, Any]:
    regex = matcher.op in {Op.REGEX, Op.NOT_REGEX}
    return {"name": matcher.name, "value": matcher.value, "isRegex": regex, "isEqual": not matcher.negative}


def _times(wanted: Wanted, now: datetime) -> tuple[datetime, datetime]:
    start = _time(wanted.start, "--start") if wanted.start else now
    if wanted.end:
        return start, _time(wanted.end, "--end")
    try:
        return start, start + parse_duration(wanted.duration)
    except (ValueError, OverflowError) as wrong:
        raise CommandFailed(f"--duration {wanted.duration!r}: {wrong}. Write 30m, 2h or 1d12h.") from wrong


def _time(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise CommandFailed(f"{option} {text!r} is no time; write 2026-01-05T10:00:00Z.") from wrong
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _date(header: str) -> datetime:
    """The server's clock. Raises ValueError for none. Source: RFC 9110, 6.6.1."""
    return parsedate_to_datetime(header).astimezone(UTC)


def _refusal(status: int, text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        body = text.strip()
    reason = body.get("message", body) if isinstance(body, dict) else body
    words = str(reason)[:500] if reason else f"The server answered {status}"
    ended = words if words.endswith((".", "!", "?")) else f"{words}."
    return f"{ended} {WAY_IN}" if status in {401, 403} else ended


def _meant(text: str, known: Sequence[str]) -> str:
    near = [text] if text in known else [one for one in known if text and one.startswith(text)]
    if len(near) == 1:
        return near[0]
    if near:
        raise CommandFailed(f"{len(near)} silences begin with {text!r}; write more of the id.")
    raise CommandFailed(f"There is no silence {text!r}; `pilothouse silence list` shows which there are.")


def _silence(one: Mapping[str, Any], now: datetime) -> list[str]:
    state = str(one["status"]["state"])
    words = {
        "active": f"active, ends in {_until(one['endsAt'], now)}",
        "pending": f"pending, begins in {_until(one['startsAt'], now)}",
        "expired": f"expired {_since(one['endsAt'], now)} ago",
    }
    matchers = " ".join(str(_matcher(shape)) for shape in one["matchers"])
    return [str(one["id"]), words.get(state, state), matchers, str(one["createdBy"]), str(one["comment"])]


def _matcher(shape: Mapping[str, Any]) -> Matcher:
    equal = shape.get("isEqual", True)
    ops = {(False, True): Op.EQUAL, (False, False): Op.NOT_EQUAL, (True, True): Op.REGEX, (True, False): Op.NOT_REGEX}
    return Matcher(str(shape["name"]), ops[bool(shape["isRegex"]), bool(equal)], str(shape["value"]))


def _muted_by(groups: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The time intervals that mute alerts, by fingerprint; an alert that one of its groups tells is not muted.

    Only the list of groups knows them: in that of alerts `mutedBy` is always empty, as in Alertmanager's.
    """
    found: defaultdict[str, list[list[str]]] = defaultdict(list)
    for group in groups:
        for one in group["alerts"]:
            found[str(one["fingerprint"])].append(list(one["status"].get("mutedBy") or ()))
    return {mark: sorted({name for by in all_ for name in by}) for mark, all_ in found.items() if all(all_)}


def _with_mutes(one: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    state = {"state": "suppressed"} if names else {}
    return {**one, "status": {**one["status"], **state, "mutedBy": list(names)}}


def _alert(one: Mapping[str, Any], now: datetime) -> list[str]:
    labels, status = dict(one["labels"]), one["status"]
    name = str(labels.pop("alertname", ""))
    times = f"muted by {', '.join(status['mutedBy'])}" if status["mutedBy"] else str(status["state"])
    state = "silenced" if status["silencedBy"] else "inhibited" if status["inhibitedBy"] else times
    shown = " ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return [name, state, _since(one["startsAt"], now), shown]


def _until(text: str, now: datetime) -> str:
    """To the nearest minute: the answer takes a moment, and what was made for 2h shall not say 1h 59m."""
    left = max(datetime.fromisoformat(text) - now, timedelta(0))
    return span(round(left / MINUTE) * MINUTE if left >= MINUTE else left)


def _since(text: str, now: datetime) -> str:
    return span(max(now - datetime.fromisoformat(text), timedelta(0)))


def _user() -> str:
    """Who is signed in here; a container may know nobody of that number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "pilothouse"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
