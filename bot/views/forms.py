"""The modals: asking for a deployment. Pure; the answers are read by the block ids given here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.views.blocks import Block, cut

DEPLOY_FORM: Final = "form.deploy"
SERVICE: Final = "service"
VERSION: Final = "version"
ENVIRONMENT: Final = "environment"
MOST_OPTIONS: Final = 100


def render_deploy_form(
    services: Sequence[str], environments: Sequence[str], versions: Mapping[str, Sequence[str]], *, chosen: str | None
) -> dict[str, Any]:
    """The deploy modal, with `chosen` as the service. Versions known to exist are named in the hint."""
    hint = "; ".join(f"{_of(name, services)}{', '.join(known)}" for name, known in versions.items() if known)
    return {
        "type": "modal",
        "callback_id": DEPLOY_FORM,
        "title": _plain("Deploy"),
        "submit": _plain("Plan deployment"),
        "close": _plain("Cancel"),
        "blocks": [
            _select(SERVICE, "Service", services, chosen or (services[0] if services else None)),
            _text(VERSION, "Version", f"Known: {hint}" if hint else "As it is built, such as v2.4.1"),
            _select(ENVIRONMENT, "Environment", environments, environments[0] if environments else None),
        ],
    }


def _of(name: str, services: Sequence[str]) -> str:
    return f"{name}: " if len(services) > 1 else ""


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _option(name: str) -> Block:
    return {"text": _plain(cut(name, 75)), "value": name}


def _select(block: str, label: str, names: Sequence[str], initial: str | None) -> Block:
    element: Block = {"type": "static_select", "action_id": block, **_choices(names)}
    if initial in names:
        element["initial_option"] = _option(str(initial))
    return {"type": "input", "block_id": block, "label": _plain(label), "element": element}


def _choices(names: Sequence[str]) -> Block:
    """Up to a hundred options as they are, more of them in groups of a hundred."""
    if len(names) <= MOST_OPTIONS:
        return {"options": [_option(name) for name in names]}
    parts = [names[start : start + MOST_OPTIONS] for start in range(0, len(names), MOST_OPTIONS)][:MOST_OPTIONS]
    groups = [
        {"label": _plain(cut(f"{part[0]} … {part[-1]}", 75)), "options": [_option(name) for name in part]}
        for part in parts
    ]
    return {"option_groups": groups}


def _text(block: str, label: str, hint: str) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": block, "max_length": 64, "placeholder": _plain("v2.4.1")}
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "hint": _plain(cut(hint, 2000)),
        "element": element,
    }
