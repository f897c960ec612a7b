"""Reading a Slack app manifest: the parts that shape how a workspace treats the app.

Source of the form: Slack's app manifest reference (version 1 and 2). Unknown keys are left alone, since
a manifest may use features which this workspace does not have.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml


class ManifestError(ValueError):
    """The manifest cannot be used. The message names the file and the field."""


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A slash command; `command` has its /.

    With `should_escape` the app gets ``<@U1|ada>`` for @ada, else the words as typed.
    """

    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`type` is "global" or "message"."""

    name: str
    callback_id: str
    type: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an app asks for. `scopes` None means no manifest was read: nothing is then held back."""

    name: str = "App"
    bot_name: str = "app"
    commands: tuple[SlashCommand, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    bot_events: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    home_tab: bool = True
    interactivity: bool = True

    def command(self, name: str) -> SlashCommand | None:
        """The command with this name, / included; None if the app has none."""
        return next((one for one in self.commands if one.command == name), None)

    def shortcut(self, callback_id: str) -> Shortcut | None:
        """The global or message shortcut with this callback id; None if the app has none."""
        return next((one for one in self.shortcuts if one.callback_id == callback_id), None)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest file (YAML, so JSON as well). Raises ManifestError with file and field, OSError."""
    try:
        return parse_manifest(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ManifestError(f"{path}: not readable as YAML: {error}") from error
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from error


def parse_manifest(document: Any) -> Manifest:
    """The manifest in a parsed document. Raises ManifestError naming the field."""
    display = _mapping(document, "display_information")
    features = _mapping(document, "features")
    settings = _mapping(document, "settings")
    name = str(display.get("name") or "App")
    manifest = Manifest(
        name=name,
        bot_name=str(_mapping(features, "bot_user").get("display_name") or name),
        commands=tuple(_command(entry) for entry in _entries(features, "slash_commands")),
        shortcuts=tuple(_shortcut(entry) for entry in _entries(features, "shortcuts")),
        bot_events=frozenset(map(str, _entries(_mapping(settings, "event_subscriptions"), "bot_events"))),
        scopes=frozenset(map(str, _entries(_mapping(_mapping(document, "oauth_config"), "scopes"), "bot"))),
    )
    return replace(
        manifest,
        home_tab=bool(_mapping(features, "app_home").get("home_tab_enabled", False)),
        interactivity=bool(_mapping(settings, "interactivity").get("is_enabled", False)),
    )


def _mapping(document: Any, key: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ManifestError(f"a mapping with {key} is needed")
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise ManifestError(f"{key}: must be a mapping")
    return value


def _entries(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key) or []
    if not isinstance(value, list):
        raise ManifestError(f"{key}: must be a list")
    return value


def _command(entry: Any) -> SlashCommand:
    command = _text(entry, "slash_commands", "command")
    if not command.startswith("/") or " " in command:
        raise ManifestError(f"slash_commands: {command!r} must start with / and hold no space")
    hint = str(entry.get("usage_hint") or "")
    return SlashCommand(command, str(entry.get("description") or ""), hint, bool(entry.get("should_escape")))


def _shortcut(entry: Any) -> Shortcut:
    kind = _text(entry, "shortcuts", "type")
    if kind not in ("global", "message"):
        raise ManifestError(f"shortcuts: type {kind!r} must be global or message")
    name, callback = _text(entry, "shortcuts", "name"), _text(entry, "shortcuts", "callback_id")
    return Shortcut(name, callback, kind, str(entry.get("description") or ""))


def _text(entry: Any, where: str, key: str) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get(key), str) or not entry[key]:
        raise ManifestError(f"{where}: every entry needs a {key}")
    return str(entry[key])
