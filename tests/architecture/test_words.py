"""What we tell people exists: commands, options, settings, addresses, and what the manifest asks Slack for."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import yaml
from pydantic import BaseModel

from bot.inputs.api.routes import ENDPOINTS
from bot.inputs.cli import _parser
from bot.inputs.slack.app import COMMANDS
from bot.settings.backup_parts import BackupPart
from bot.settings.model import File
from bot.settings.read import Environment, Terminal
from bot.settings.target_parts import ContainerPart, EcsPart, KubernetesPart, LambdaPart, LocalPart, PlacementPart
from bot.words.commands import BY_NAME, VERBS
from engine.infrastructure.kubernetes import platform as kubernetes
from tests.architecture.source import ROOT, dotted, load_modules

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
MANIFEST = yaml.safe_load((ROOT / "manifest.yml").read_text())

# What each Web API method needs of a bot. Source: the methods' pages on docs.slack.dev. A method that reads
# conversations needs a scope for each kind of them: public, private, direct.
SCOPES = {
    "auth_test": set[str](),
    "chat_getPermalink": set[str](),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write", "chat:write.public"},
    "chat_update": {"chat:write"},
    "conversations_create": {"channels:manage"},
    "conversations_history": {"channels:history", "groups:history", "im:history", "metadata.message:read"},
    "conversations_join": {"channels:join"},
    "conversations_list": {"channels:read", "groups:read"},
    "conversations_open": {"im:write"},
    "conversations_replies": {"channels:history", "groups:history", "im:history", "metadata.message:read"},
    "users_info": {"users:read"},
    "views_open": set[str](),
    "views_publish": set[str](),
    "views_update": set[str](),
}
EVENTS = {"app_home_opened": set[str](), "app_mention": {"app_mentions:read"}}


def code(page: Path) -> Iterator[str]:
    """The code of a page: its blocks line by line, and its spans."""
    blocks = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            blocks = not blocks
        elif blocks:
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def said(pattern: str) -> list[tuple[str, str]]:
    """(page, what it says after `pattern`) for every piece of code."""
    found = re.compile(pattern)
    return [(page.name, hit.group(1)) for page in PAGES for piece in code(page) for hit in found.finditer(piece)]


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    choices = [one.choices for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(choices[0]) if choices else {}


def fault(words: list[str]) -> str:
    """What of `pilothouse WORDS` does not exist."""
    parser = _parser()
    for word in words:
        below = children(parser)
        if word.startswith("--"):
            if word.partition("=")[0] not in parser._option_string_actions:
                return word
        elif below:
            if word not in below:
                return word
            parser = below[word]
    return ""


def test_pages_name_only_commands_that_exist() -> None:
    lines = said(r"^(?:\w+=\S* )*(?:\S*/)?pilothouse((?: +(?:--)?[a-z][\w=./:-]*)+)")
    wrong = [(page, line) for page, line in lines if fault(line.split())]
    assert not wrong


def test_pages_name_only_chat_commands_that_exist() -> None:
    assert not [(page, verb) for page, verb in said(r"/ops ([a-z?][\w-]*)") if verb not in BY_NAME]
    assert not [(page, name) for page, name in said(r"(?:^|\s)(/deploy|/ops)\b") if name not in COMMANDS]


def test_chat_page_tells_every_chat_command() -> None:
    page = " ".join(code(ROOT / "docs" / "slack.md"))
    assert not [verb.name for verb in VERBS if not re.search(rf"/ops {verb.name}\b", page)]


def test_pages_name_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert not [(page, target) for page, target in said(r"^make ([a-z-]+)") if target not in targets]


def test_pages_link_to_what_exists() -> None:
    links = [
        (page, target.partition("#")[0])
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not target.startswith(("http:", "https:", "#"))
    ]
    assert not [(page.name, target) for page, target in links if not (page.parent / target).exists()]


def test_pages_name_only_variables_that_are_read() -> None:
    known = {name.upper() for name in (*Environment.model_fields, *Terminal.model_fields)}
    others = {"PILOTHOUSE_INSTANCE", "PILOTHOUSE_LAUNCH"}  # those that instances are given
    named = said(r"\b((?:PILOTHOUSE|SLACK)_[A-Z_]+|DATABASE_URL|PROMETHEUS_URL|REDIS_URL)\b")
    assert not [(page, name) for page, name in named if name not in known | others]


def test_api_page_tells_every_address() -> None:
    page = ROOT / "docs" / "api.md"
    told = {piece for piece in code(page) if re.match(r"(GET|POST) /", piece)}
    assert told == {f"{one.method} {one.path}" for one in ENDPOINTS} | {"GET /events", "GET /openapi.json"}


def test_settings_page_tells_every_field_and_variable() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    variables = (*Environment.model_fields, *Terminal.model_fields)
    assert rows == {*fields(File), *(name.upper() for name in variables)}


def fields(part: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every field as `services.NAME.health.path`; an item of a list as `gates[].kind`."""
    for name, field in part.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = _part_of(field.annotation)
        if inner is None or _told_before(part, inner):
            yield path
            continue
        yield from fields(inner, f"{path}{_step(field.annotation)}.")


def _part_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((part for one in getattr(annotation, "__args__", ()) if (part := _part_of(one))), None)


def _told_before(part: type[BaseModel], inner: type[BaseModel]) -> bool:
    """Whether the page tells this section once, for the service, and only names it in an environment."""
    return part is PlacementPart and inner in {
        BackupPart,
        LocalPart,
        ContainerPart,
        KubernetesPart,
        EcsPart,
        LambdaPart,
    }


def _step(annotation: object) -> str:
    kinds: dict[object, str] = {dict: ".NAME", list: "[]"}
    return kinds.get(get_origin(annotation), "")


def test_settings_page_gives_the_defaults_of_the_model() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    told = dict(re.findall(r"^\| `([^`]+)` \|[^|]*\| ([^|]*?) \|", page, re.MULTILINE))
    for path, default in defaults(File):
        assert told[path] == default, path


def defaults(part: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(field, its default as the page writes it): `required`, `none`, or the value as code."""
    for name, field in part.model_fields.items():
        path, inner = f"{prefix}{field.alias or name}", _part_of(field.annotation)
        if inner is not None and not _told_before(part, inner):
            yield from defaults(inner, f"{path}{_step(field.annotation)}.")
        elif field.is_required():
            yield path, "required"
        else:
            value = field.get_default(call_default_factory=True)
            empty = value is None or value in ("", [], {})
            yield path, "none" if empty else f"`{_as_yaml(value)}`"


def _as_yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def test_infrastructure_page_asks_for_the_rights_that_are_needed_on_kubernetes() -> None:
    page = (ROOT / "docs" / "infrastructure.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    rules = next(block["rules"] for block in blocks if block.get("kind") == "Role")
    told = " ".join((kubernetes.__doc__ or "").split())
    needed = re.findall(r"((?:\w+, )*\w+ and \w+) on (\w+)", told)
    assert [(rule["verbs"], rule["resources"]) for rule in rules] == [
        (re.split(r", | and ", verbs), [kind]) for verbs, kind in needed
    ]


def test_manifest_has_the_commands_we_answer() -> None:
    listed = [one["command"] for one in MANIFEST["features"]["slash_commands"]]
    assert listed == list(COMMANDS)


def test_manifest_asks_for_the_scopes_we_use_and_no_others() -> None:
    used = set(_methods_called())
    assert used <= set(SCOPES), "say in SCOPES what the new methods need"
    events = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    needed = {"commands"}.union(*(SCOPES[name] for name in used), *(EVENTS[name] for name in events))
    asked = set(MANIFEST["oauth_config"]["scopes"]["bot"])
    assert asked - needed == set(), "nothing uses these"
    assert needed <= asked, "Slack will refuse these calls"


def _methods_called() -> Iterator[str]:
    families = ("auth", "chat", "conversations", "files", "reactions", "team", "usergroups", "users", "views")
    pattern = re.compile(rf"({'|'.join(families)})_[a-zA-Z_]+")
    for module in load_modules():
        if not module.name.startswith("bot/") or module.name.startswith("bot/workspace/"):
            continue
        for node in module.nodes(ast.Attribute):
            if (
                isinstance(node, ast.Attribute)
                and dotted(node.value).endswith("client")
                and pattern.fullmatch(node.attr)
            ):
                yield node.attr


def test_manifest_subscribes_to_the_events_we_hear() -> None:
    text = (ROOT / "bot" / "inputs" / "slack" / "app.py").read_text()
    assert sorted(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) == sorted(
        re.findall(r'app\.event\("([a-z_]+)"\)', text)
    )


def test_manifest_installs_without_a_public_address() -> None:
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"] == {"is_enabled": True}
