"""What Slack sends, as frozen values: a command, a click, a submitted form, an opened Home. Parsed once, here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.commands import Actor


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who did something, where, and how to answer them privately. `id` names this one delivery.

    `thread` is where a mention stands, `account` what the payload itself says of the account (bot, or nothing).
    """

    id: str
    actor: Actor
    channel: str
    response_url: str
    trigger: str
    thread: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Typed(Delivery):
    """A slash command or a mention: the words after it."""

    root: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Clicked(Delivery):
    """A button: its action id, its value, and the message it stands in."""

    action: str = ""
    value: str = ""
    message: str = ""
    pressed: float = 0.0  # Unix seconds, as the platform saw it
    view: str = ""  # the id of the modal or Home it stands in
    values: Mapping[str, str] = field(default_factory=dict)  # of the modal's inputs by block id


@dataclass(frozen=True, slots=True)
class Submitted(Delivery):
    """A form: its callback id, the values by block id, and what it carried along."""

    callback: str = ""
    values: Mapping[str, str] = ()  # type: ignore[assignment]  # always given
    carried: str = ""


STAMP: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
REFERENCE: Final = re.compile(r"<[^<>|]*\|([^<>]*)>|<((?:https?|mailto):[^<>|]*)>")


def _actor(body: Mapping[str, Any], user: Mapping[str, Any]) -> Actor:
    """Who it was: a person of another organisation carries a team of their own, which is not the channel's."""
    home = (body.get("team") or {}).get("id") or ""
    return Actor("slack", user=str(user["id"]), team=str(user.get("team_id") or home))


def parse_command(body: Mapping[str, Any]) -> Typed:
    """A slash command's form fields."""
    return Typed(
        id=f"command:{body['trigger_id']}",
        actor=Actor("slack", str(body["user_id"]), str(body.get("team_id", ""))),
        channel=str(body["channel_id"]),
        response_url=str(body.get("response_url", "")),
        trigger=str(body["trigger_id"]),
        root=str(body["command"]),
        text=str(body.get("text", "")),
    )


def parse_click(body: Mapping[str, Any]) -> Clicked:
    """A block_actions payload; its first action."""
    action = body["actions"][0]
    chosen = action.get("selected_option") or {}
    container = body.get("container") or {}
    message = str(container.get("message_ts", "")) or str(container.get("view_id", ""))
    return Clicked(
        id=f"click:{body['trigger_id']}",
        actor=_actor(body, body["user"]),
        channel=str((body.get("channel") or {}).get("id", "")),
        response_url=str(body.get("response_url", "")),
        trigger=str(body["trigger_id"]),
        action=str(action["action_id"]),
        value=str(action.get("value") or chosen.get("value", "")),
        message=message,
        pressed=_seconds(action.get("action_ts")),
        view=str((body.get("view") or {}).get("id", "")),
        values=_values(body.get("view") or {}),
    )


def _seconds(stamp: object) -> float:
    """A Slack timestamp as Unix seconds; 0 for none or nonsense."""
    text = str(stamp)
    return float(text) if STAMP.fullmatch(text) else 0.0


def parse_submission(body: Mapping[str, Any]) -> Submitted:
    """A view_submission payload: one input a block."""
    view = body["view"]
    return Submitted(
        id=f"form:{view['id']}:{view.get('hash', '')}",
        actor=_actor(body, body["user"]),
        channel="",
        response_url="",
        trigger=str(body.get("trigger_id", "")),
        callback=str(view["callback_id"]),
        values=_values(view),
        carried=str(view.get("private_metadata", "")),
    )


def _values(view: Mapping[str, Any]) -> dict[str, str]:
    """What a view's inputs hold, by block id; one input a block."""
    held = (view.get("state") or {}).get("values") or {}
    return {block: _value(next(iter(inputs.values()))) for block, inputs in held.items() if inputs}


def parse_mention(body: Mapping[str, Any]) -> Typed:
    """An app_mention event: the words after the mention, for threads, where slash commands do not work."""
    event = body["event"]
    team = event.get("user_team") or event.get("source_team") or event.get("team") or body.get("team_id", "")
    by_bot = bool(event.get("bot_id") or event.get("subtype") == "bot_message" or not event.get("user"))
    return Typed(
        id=f"event:{body.get('event_id') or event['ts']}",
        actor=Actor("slack", str(event.get("user") or event.get("bot_id", "")), str(team)),
        channel=str(event["channel"]),
        response_url="",
        trigger="",
        thread=str(event.get("thread_ts") or ""),
        account="bot" if by_bot else "",
        root="mention",
        text=_typed(str(event.get("text", "")).partition(">")[2]),
    )


def _typed(text: str) -> str:
    """Message text as it was typed: Slack turns addresses into references and escapes three characters."""
    bare = REFERENCE.sub(lambda found: found[1] or found[2], text)
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _value(element: Mapping[str, Any]) -> str:
    chosen = element.get("selected_option") or {}
    return str(element.get("value") or chosen.get("value") or "")
