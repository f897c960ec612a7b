"""views.* of the Web API: modals and Home tabs.

Source: docs.slack.dev, "surfaces/modals" and a page for each, "reference/methods/views.open" and so on.
"""

import secrets
from dataclasses import replace
from typing import Final

from bot.workspace.arguments import Arguments
from bot.workspace.desk import Desk, new_id
from bot.workspace.errors import Refused
from bot.workspace.forms import initial_values
from bot.workspace.limits import check_view
from bot.workspace.model import HomePublished, Json, View, ViewChanged, ViewOpened
from bot.workspace.render import view_json, with_ids

STACK: Final = 3
"""A modal and two more on top of it."""


def open_view(desk: Desk, arguments: Arguments) -> Json:
    """views.open: a modal for whoever the `trigger_id` stands for, in place of any that is open.

    Raises Refused(a limit of the view, duplicate_external_id, or a code of `Triggers.exchange`).
    """
    content = checked(arguments, "modal")
    trigger = desk.triggers.exchange(arguments.text("trigger_id", needed="invalid_arguments"), desk.now())
    for other in [one for one in desk.state.views.values() if one.user == trigger.user and not one.previous_id]:
        # A person looks at one modal at a time: a new one takes the place of the old stack.
        desk.close_view(other, whole_stack=True)
    view_id = new_id("V")
    return _record(desk, _view(view_id, trigger.user, content, root=view_id))


def push_view(desk: Desk, arguments: Arguments) -> Json:
    """views.push: a modal on top of the one in which the `trigger_id` came about, three deep at most.

    Raises Refused(not_found if that one is closed, push_limit_reached, or as views.open).
    """
    content = checked(arguments, "modal")
    trigger = desk.triggers.exchange(arguments.text("trigger_id", needed="invalid_arguments"), desk.now())
    below = desk.state.views.get(trigger.view_id)
    if below is None:
        raise Refused("not_found")
    return _record(desk, pushed(desk, below, content))


def update_view(desk: Desk, arguments: Arguments) -> Json:
    """views.update: new content for a modal, by `view_id` or `external_id`.

    Raises Refused(not_found, hash_conflict if `hash` is not the newest, or a limit of the view).
    """
    content = checked(arguments, "modal")
    view = _named(desk, arguments)
    if arguments.text("hash") not in ("", view.hash):
        raise Refused("hash_conflict")
    changed = updated(view, content)
    desk.record(ViewChanged(changed))
    return {"view": view_json(changed, desk.config)}


def publish_view(desk: Desk, arguments: Arguments) -> Json:
    """views.publish: the Home tab of `user_id`, who need not look at it.

    Raises Refused(user_not_found, not_enabled without a Home tab in the manifest, hash_conflict, or a limit).
    """
    content = checked(arguments, "home")
    user = arguments.text("user_id", needed="invalid_arguments")
    if user not in desk.state.users or desk.state.users[user].is_bot:
        raise Refused("user_not_found")
    if not desk.config.manifest.home_tab:
        raise Refused("not_enabled")
    known = desk.state.homes.get(user)
    if known is not None and arguments.text("hash") not in ("", known.hash):
        raise Refused("hash_conflict")
    view_id = known.id if known else new_id("V")
    home = _view(view_id, user, content, root=view_id)
    desk.record(HomePublished(home))
    return {"view": view_json(home, desk.config)}


def checked(arguments: Arguments, kind: str) -> Json:
    """The view that the call carries, within Slack's limits. Raises Refused."""
    view = arguments.structure("view", broken="invalid_arguments")
    return checked_view(view, kind)


def checked_view(view: object, kind: str) -> Json:
    """A view within Slack's limits, ids filled in. Raises Refused."""
    if refusal := check_view(view, kind):
        raise Refused.of(refusal)
    assert isinstance(view, dict)  # noqa: S101 - check_view has refused anything else
    return {**view, "blocks": with_ids(view["blocks"])}


def pushed(desk: Desk, below: View, content: Json) -> View:
    """A modal on top of another. Raises Refused(push_limit_reached)."""
    if sum(one.root_id == below.root_id for one in desk.state.views.values()) >= STACK:
        raise Refused("push_limit_reached")
    return _view(new_id("V"), below.user, content, root=below.root_id, previous=below.id)


def updated(view: View, content: Json) -> View:
    """The same modal with new content; what was typed stays where block and action ids stay."""
    fresh = initial_values(content)
    kept = {
        block: {action: view.values.get(block, {}).get(action, value) for action, value in actions.items()}
        for block, actions in fresh.items()
    }
    return replace(view, content=content, hash=_hash(), values=kept)


def _view(view_id: str, user: str, content: Json, *, root: str, previous: str = "") -> View:
    return View(view_id, _hash(), user, content, root, previous, initial_values(content))


def _hash() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"


def _record(desk: Desk, view: View) -> Json:
    if view.external_id and any(one.external_id == view.external_id for one in desk.state.views.values()):
        raise Refused("duplicate_external_id")
    desk.record(ViewOpened(view))
    return {"view": view_json(view, desk.config)}


def _named(desk: Desk, arguments: Arguments) -> View:
    view_id, external = arguments.text("view_id"), arguments.text("external_id")
    if not view_id and not external:
        raise Refused("invalid_arguments")
    by_name = (one for one in desk.state.views.values() if external and one.external_id == external)
    view = desk.state.views.get(view_id) or next(by_name, None)
    if view is None:
        raise Refused("not_found")
    return view


METHODS: Final = {
    "views.open": open_view,
    "views.push": push_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
