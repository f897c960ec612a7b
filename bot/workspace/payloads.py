"""What an app receives for each act of a person, in Slack's form. Pure.

Source: Slack's reference of interaction payloads (block_actions, view_submission, view_closed, shortcuts,
block_suggestion) and "Implementing slash commands".
"""

from dataclasses import dataclass

from bot.workspace.config import WorkspaceConfig
from bot.workspace.model import Channel, Json, Message, User


@dataclass(frozen=True, slots=True)
class Scene:
    """Who does something, and with which rights the app may answer. `at` is a ts."""

    config: WorkspaceConfig
    user: User
    at: str
    trigger_id: str


def command(scene: Scene, name: str, words: str, channel: Channel, response_url: str) -> Json:
    """A slash command. In a direct message Slack calls the channel "directmessage"."""
    return {
        "token": "workspace",
        "team_id": scene.config.team_id,
        "team_domain": _domain(scene.config),
        "channel_id": channel.id,
        "channel_name": _channel_name(channel),
        "user_id": scene.user.id,
        "user_name": scene.user.name,
        "command": name,
        "text": words,
        "api_app_id": scene.config.credentials.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": scene.trigger_id,
    }


def message_action(
    scene: Scene, channel: Channel, message: Message, shown: Json, action: Json, values: Json, response_url: str
) -> Json:
    """A click or a choice in a message."""
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(message.only_for),
        **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
    }
    return {
        **_common(scene, "block_actions"),
        "trigger_id": scene.trigger_id,
        "container": container,
        "channel": {"id": channel.id, "name": _channel_name(channel)},
        # Slack keeps the content of an ephemeral message from the app: only response_url can change it.
        **({} if message.only_for else {"message": shown}),
        "state": {"values": values},
        "response_url": response_url,
        "actions": [{**action, "action_ts": scene.at}],
    }


def view_action(scene: Scene, view: Json, action: Json) -> Json:
    """A click or a choice in a modal or a Home tab."""
    return {
        **_common(scene, "block_actions"),
        "trigger_id": scene.trigger_id,
        "container": {"type": "view", "view_id": view["id"]},
        "view": view,
        "state": view["state"],
        "actions": [{**action, "action_ts": scene.at}],
    }


def submission(scene: Scene, view: Json, response_urls: list[Json]) -> Json:
    """A submitted modal (view_submission). `response_urls` are those of selects with `response_url_enabled`."""
    return {
        **_common(scene, "view_submission"),
        "trigger_id": scene.trigger_id,
        "view": view,
        "response_urls": response_urls,
    }


def closed(scene: Scene, view: Json, *, cleared: bool) -> Json:
    """A modal closed by the user (view_closed); `cleared` when its whole stack went with it."""
    return {**_common(scene, "view_closed"), "view": view, "is_cleared": cleared}


def global_shortcut(scene: Scene, callback_id: str) -> Json:
    """A shortcut used from anywhere (shortcut). It has no channel and no response_url."""
    return {
        **_common(scene, "shortcut"),
        "callback_id": callback_id,
        "trigger_id": scene.trigger_id,
        "action_ts": scene.at,
    }


def message_shortcut(scene: Scene, callback_id: str, channel: Channel, shown: Json, response_url: str) -> Json:
    """A shortcut used on a message (message_action); `shown` is that message."""
    return {
        **_common(scene, "message_action"),
        "callback_id": callback_id,
        "trigger_id": scene.trigger_id,
        "action_ts": scene.at,
        "message_ts": shown["ts"],
        "channel": {"id": channel.id, "name": _channel_name(channel)},
        "message": shown,
        "response_url": response_url,
    }


def suggestion(scene: Scene, action_id: str, block_id: str, value: str, place: Json) -> Json:
    """What the person typed into an external select; `place` holds the view, or the message with its channel."""
    return {
        **_common(scene, "block_suggestion"),
        "action_id": action_id,
        "block_id": block_id,
        "value": value,
        **place,
    }


def home_opened(user: User, channel: Channel, view: Json | None, at: str) -> Json:
    """The app_home_opened event. `view` is what the Home shows now, if anything."""
    event: Json = {"type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": "home", "event_ts": at}
    return event if view is None else {**event, "view": view}


def _common(scene: Scene, kind: str) -> Json:
    config, user = scene.config, scene.user
    return {
        "type": kind,
        "team": {"id": config.team_id, "domain": _domain(config)},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": config.team_id},
        "api_app_id": config.credentials.app_id,
        "token": "workspace",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _domain(config: WorkspaceConfig) -> str:
    return config.team_name.lower().replace(" ", "-")


def _channel_name(channel: Channel) -> str:
    return "directmessage" if channel.is_im else channel.name
