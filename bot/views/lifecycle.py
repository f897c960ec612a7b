"""What is done with a component, as people see it: answers, questions before a stop, the channel's message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.views.blocks import (
    Block,
    Mention,
    Message,
    actions,
    button,
    code,
    confirm,
    cut,
    escape,
    fitted,
    plain,
    section,
    when,
)
from bot.words.lifecycle import AskToStop, AskToUnregister
from engine.commands import Retry, Scale, Start, Stop, Unregister
from engine.components.deeds import Deed, Ending, Kind

STOP: Final = "component.stop"
UNREGISTER: Final = "component.unregister"
LONGEST: Final = 1000
MARKS: Final[Mapping[Ending, str]] = {"": "🔵", "done": "✅", "failed": "🔴", "given up": "⚪"}
STATES: Final[Mapping[Ending, str]] = {"": "under way", "done": "done", "failed": "failed", "given up": "given up"}
TITLES: Final[Mapping[Kind, str]] = {
    "stop": "Stop {place}",
    "start": "Start {place}",
    "retry": "Retry {place}",
    "restart": "Restart {place}",
    "reset": "Reset {place}",
    "unregister": "Unregister {place}",
    "failure": "{place} has failed",
    "stranger": "Somebody else started {place}",
    "router": "The router of {place} is not as it was set",
}
ROUTER: Final[Mapping[Ending, str]] = {
    "": "⚠️ being set right",
    "done": "✅ set right",
    "failed": "🔴 left alone",
    "given up": "⚪ another change took over",
}


def render_lifecycle(command: object, data: Mapping[str, Any]) -> Message | None:
    """The private answer to a command about a component's life; None for any other command."""
    match command:
        case AskToStop():
            return _question_before_stop(data)
        case AskToUnregister():
            return _question_before_unregister(data)
        case Scale() | Stop() | Start() | Retry() | Unregister():
            text = _said(command, data)
            return Message(text, [section(text)])
    return None


def _said(command: object, data: Mapping[str, Any]) -> str:
    place, version = _place(data), code(str(data["version"]))
    told = f"its message in #{plain(str(data['channel']))} shows how it goes."
    match command:
        case Scale(instances=instances):
            return f"Scaling {place} to {instances}; {told}"
        case Stop():
            return f"Stopping {place}; {told}"
        case Start():
            return f"Starting {place} with {version}; {told}"
        case Retry() if data["version"]:
            return f"Bringing {version} of {place} back; {told}"
        case Retry():
            return f"{place} is reset. Nothing was stable there: deploy a version."
    return f"{place} is no longer looked after. Its history stays; a deployment registers it again."


def _place(data: Mapping[str, Any]) -> str:
    return f"{plain(str(data['service']))} in {plain(str(data['environment']))}"


def _value(data: Mapping[str, Any]) -> str:
    """What the button carries: the place, and what was decided last when it was drawn, so that it is good for once."""
    return f"{data['service']}|{data['environment']}|{data['decided']}"


def _question_before_stop(data: Mapping[str, Any]) -> Message:
    place = _place(data)
    lines = f"Stop {place}? {code(str(data['version']))} runs there, {plain(str(data['health']))}."
    more = "Requests to it are refused then, until it is started or deployed again. Its record stays."
    question = confirm("Stop it?", f"All instances of {place} stop. Nobody answers its requests then.", "Stop it")
    asked = button("Stop", STOP, _value(data), style="danger", confirm=question)
    return Message(f"{lines} {more}", [section(f"{lines}\n{more}"), actions("component", asked)])


def _question_before_unregister(data: Mapping[str, Any]) -> Message:
    place = _place(data)
    text = f"Unregister {place}? It leaves all lists. Its history stays; a deployment registers it again."
    question = confirm("Unregister it?", f"{place} is no longer looked after.", "Unregister it")
    asked = button("Unregister", UNREGISTER, _value(data), style="danger", confirm=question)
    return Message(text, [section(text), actions("component", asked)])


def deed_title(service: str, environment: str, deed: Deed) -> str:
    """`Scale shop in production from 2 to 4`."""
    place = f"{service} in {environment}"
    if deed.kind == "scale":
        return f"Scale {place} from {deed.before} to {deed.desired}"
    return TITLES[deed.kind].format(place=place)


def render_deed(service: str, environment: str, deed: Deed, *, mention: Mention) -> Message:
    """The channel's message: what, who, how it stands, and what to do when it does not work."""
    title = escape(deed_title(service, environment, deed))
    by = f" · {mention(deed.by)}" if deed.by else ""
    told = f" · {when(deed.ended_at or deed.at)}"
    head = f"*{title}*\n{_mark(deed)}{by}{told}"
    details = [_what(deed), _trouble(deed), _next(service, environment, deed)]
    blocks: list[Block] = [section("\n".join([head, *(one for one in details if one)]))]
    return Message(f"{title}: {_spoken(deed)}", fitted(blocks))


def _mark(deed: Deed) -> str:
    if deed.kind in {"failure", "stranger"}:
        return "🔴 failed" if deed.kind == "failure" else "⚠️ seen"
    if deed.kind == "router":
        return ROUTER[deed.ending]
    return f"{MARKS[deed.ending]} {STATES[deed.ending]}"


def _spoken(deed: Deed) -> str:
    return escape(cut(deed.trouble, 200)) if deed.kind == "failure" else _mark(deed).partition(" ")[2]


def _trouble(deed: Deed) -> str:
    """What holds it up is tried again until its end; what is written of a router says itself what is done."""
    told = plain(cut(deed.trouble, LONGEST))
    return f"Trying again: {told}" if told and not deed.ending and deed.kind != "router" else told


def _what(deed: Deed) -> str:
    if deed.kind == "stranger":
        return f"{code(deed.instance)} runs although it is stopped here. It is left alone."
    return f"{code(deed.release)}, {deed.desired} instances" if deed.release and deed.desired else ""


def _next(service: str, environment: str, deed: Deed) -> str:
    place = f"{escape(service)} {escape(environment)}"
    if deed.kind == "router":
        again = f"Find out who changes it; `/ops restart {place}` takes it in hand again, a deployment does too."
        return again if deed.ending == "failed" else ""
    if deed.kind == "failure" or deed.ending == "failed":
        return f"`/ops retry {place}` brings back what was stable; or deploy a version."
    if deed.kind == "stop" and deed.ending == "done":
        return f"`/ops start {place}` brings it back; a deployment does too."
    if deed.kind == "stranger":
        return f"`/ops start {place}` takes it over."
    return ""
