"""Locks, freezes, releases and what differs between them, as people see them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from bot.views.blocks import (
    Block,
    Mention,
    Message,
    actions,
    button,
    code,
    context,
    cut,
    escape,
    fitted,
    header,
    paragraphs,
    plain,
    section,
    when,
)
from bot.words.permits import ShowDiff, ShowFreezes, ShowHistory, ShowLocks
from engine.commands import AwaitUnlock, Freeze, Lock, MarkVersion, Unfreeze, Unlock
from engine.deployments.deployment import Purpose
from engine.deployments.differences import Difference
from engine.deployments.releases import Release
from engine.permits.freezes import FreezeState
from engine.permits.locks import LockState
from engine.permits.versions import VersionMark

UNLOCK: Final = "lock.unlock"
AWAIT: Final = "lock.await"
UNFREEZE: Final = "freeze.end"
LONGEST: Final = 500
SHOWN: Final = 20
ENDINGS: Final = {
    "unlocked": "🔓 Unlocked",
    "broken": "🔓 Broken by an admin",
    "expired": "🔓 Its time is over",
    "deployed": "🔓 Ended by a deployment with an override",
}


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """A freeze window of the settings; `until` is when it ends, None while it does not hold."""

    environment: str
    name: str
    until: datetime | None


def lock_title(lock: LockState) -> str:
    """`Lock of shop in production`"""
    return f"Lock of {lock.service} in {lock.environment}"


def render_lock(lock: LockState, *, mention: Mention) -> Message:
    """The message of a lock: who, why, until when; once it is over, how it ended."""
    by = "after a roll-back" if lock.automatic else f"by {mention(lock.owner)}"
    state = ENDINGS[lock.ended] if lock.ended else f"🔒 Locked {by}"
    blocks: list[Block] = [header(lock_title(lock)), section(_lock_line(lock, state, mention))]
    if lock.waiters:
        names = ", ".join(map(mention, lock.waiters))
        blocks.append(context(f"{'Told' if lock.ended else 'To be told'} when it is free: {names}"))
    if not lock.ended:
        value = f"{lock.service}|{lock.environment}|{lock.number}"
        buttons = [button("Unlock", UNLOCK, value), button("Tell me when free", AWAIT, value)]
        blocks.append(actions(f"lock:{lock.service}:{lock.environment}", *buttons))
    return Message(escape(f"{lock_title(lock)}: {cut(state, 200)}"), fitted(blocks))


def _lock_line(lock: LockState, state: str, mention: Mention) -> str:
    why = f"\n{plain(cut(lock.reason, LONGEST))}" if lock.reason else ""
    if lock.ended and lock.ended_at:
        by = f" by {mention(lock.ended_by)}" if lock.ended_by and lock.ended == "unlocked" else ""
        return f"*{state}*{by} · {when(lock.ended_at)}{why}"
    until = f"until {when(lock.until)}" if lock.until else "until somebody unlocks it"
    return f"*{state}* · since {when(lock.since)}, {until}{why}"


def render_free(lock: LockState, place: int) -> Message:
    """What somebody is told who waited; `place` is theirs in the queue, from 1."""
    before = "You were the first in line." if place == 1 else f"{place - 1} asked before you."
    what = f"{plain(lock.service)} in {plain(lock.environment)} is free."
    return Message(f"{what} {before}", [section(f"🔓 *{what}* {before}")])


def freeze_title(freeze: FreezeState) -> str:
    """`Freeze of production`"""
    return f"Freeze of {freeze.scope}"


def render_freeze(freeze: FreezeState, *, mention: Mention) -> Message:
    """The message of a freeze that was made by a command."""
    state = "☀️ Over" if freeze.ended else "❄️ Frozen"
    if freeze.ended and freeze.ended_at:
        by = f" · ended by {mention(freeze.ended_by)}" if freeze.ended == "unfrozen" and freeze.ended_by else ""
        line = f"*{state}*{by} · {when(freeze.ended_at)}"
    else:
        until = f"until {when(freeze.until)}" if freeze.until else "until somebody ends it"
        line = f"*{state}* by {mention(freeze.person)} · since {when(freeze.since)}, {until}"
    why = f"\n{plain(cut(freeze.reason, LONGEST))}" if freeze.reason else ""
    blocks: list[Block] = [header(freeze_title(freeze)), section(line + why)]
    if not freeze.ended:
        value = f"{freeze.service}|{freeze.environment}"
        blocks.append(context("Nothing is deployed there meanwhile. Going back is always allowed."))
        blocks.append(actions(f"freeze:{freeze.scope}", button("End the freeze", UNFREEZE, value)))
    return Message(escape(f"{freeze_title(freeze)}: {state}"), fitted(blocks))


def render_permits(  # noqa: PLR0911  # a table
    command: object, data: Mapping[str, Any], *, mention: Mention
) -> Message | None:
    """The private answer to a command about permits; None for any other command."""
    match command:
        case ShowLocks():
            return _listed("Locks", [_lock_row(one, mention) for one in data["locks"]], "Nothing is locked.")
        case ShowFreezes():
            return _freezes(data, mention)
        case ShowHistory():
            return _history(data, mention)
        case ShowDiff():
            return _diff(data)
        case Lock() | Unlock() | AwaitUnlock():
            return _said(_of_lock(command, msgspec.convert(data["lock"], LockState), str(data["channel"])))
        case Freeze() | Unfreeze():
            freeze = msgspec.convert(data["freeze"], FreezeState)
            verb = "Froze" if isinstance(command, Freeze) else "Ended the freeze of"
            return _said(f"{verb} {plain(freeze.scope)}.")
        case MarkVersion():
            word = "bad" if data["bad"] else "good again"
            return _said(f"Marked {plain(str(data['service']))} {code(str(data['version']))} as {word}.")
    return None


def _said(text: str) -> Message:
    return Message(text, [section(text)])


def _of_lock(command: object, lock: LockState, channel: str) -> str:
    place = f"{plain(lock.service)} in {plain(lock.environment)}"
    match command:
        case Lock():
            until = f"until {when(lock.until)}" if lock.until else "until you unlock it"
            return f"Locked {place} {until}; told in #{plain(channel)}. Only you deploy there meanwhile."
        case AwaitUnlock():
            return f"You are told when {place} is free: number {len(lock.waiters)} in line."
    return f"Unlocked {place}."


def _lock_row(lock: LockState, mention: Mention) -> str:
    by = "after a roll-back" if lock.automatic else f"by {mention(lock.owner)}"
    until = f"until {when(lock.until)}" if lock.until else "until unlocked"
    waiting = f" · {len(lock.waiters)} in line" if lock.waiters else ""
    why = f" · {plain(cut(lock.reason, LONGEST))}" if lock.reason else ""
    return f"🔒 *{plain(lock.service)} in {plain(lock.environment)}* {by}, {until}{waiting}{why}"


def _freezes(data: Mapping[str, Any], mention: Mention) -> Message:
    made: Sequence[FreezeState] = data["freezes"]
    windows: Sequence[ShownWindow] = data["windows"]
    bad: Sequence[VersionMark] = data["bad"]
    rows = [_freeze_row(one, mention) for one in made]
    rows += [_window_row(one) for one in sorted(windows, key=lambda one: one.until is None)]
    rows += [f"⚠️ *{plain(one.service)}* {code(one.version)} is known to be bad: {_why(one.reason)}" for one in bad]
    return _listed("Freezes", rows, "Nothing is frozen, and no window is in the settings.")


def _freeze_row(freeze: FreezeState, mention: Mention) -> str:
    until = f"until {when(freeze.until)}" if freeze.until else "until somebody ends it"
    return f"❄️ *{plain(freeze.scope)}* by {mention(freeze.person)}, {until} · {_why(freeze.reason)}"


def _window_row(window: ShownWindow) -> str:
    state = f"❄️ holds until {when(window.until)}" if window.until else "🗓 not now"
    return f"*{plain(window.environment)}*: {plain(window.name)} · {state}"


def _why(reason: str) -> str:
    return plain(cut(reason, LONGEST)) if reason else "no reason given"


def _history(data: Mapping[str, Any], mention: Mention) -> Message:
    releases: Sequence[Release] = data["releases"]
    title = f"Releases of {data['service']} in {data['environment']}"
    rows = [_release_row(one, mention, present=one is releases[-1]) for one in reversed(releases[-SHOWN:])]
    how = f"`/ops rollback {escape(data['service'])} {escape(data['environment'])} to REVISION`"
    return _listed(title, rows, "None yet: each deployment that succeeds is one.", f"Back to any of them: {how}")


def _release_row(release: Release, mention: Mention, *, present: bool) -> str:
    back = f", back to {release.returned_to}" if release.returned_to else ""
    how = f" (rolled back{back})" if release.purpose is Purpose.ROLL_BACK else ""
    now = " · *runs now*" if present else ""
    return f"*{release.revision}* {code(release.version)}{how} · {mention(release.by)} · {when(release.at)}{now}"


def _diff(data: Mapping[str, Any]) -> Message:
    present: Release = data["present"]
    other: Release | None = data["other"]
    place = f"{data['service']} in {data['environment']}"
    what = f"revision {other.revision}" if other else "the settings now"
    title = f"From revision {present.revision} of {place}, which runs, to {what}"
    rows = [_difference_row(one) for one in data["differences"]]
    if other is not None and other.version != present.version:
        rows = [f"version: {code(present.version)} → {code(other.version)}", *rows]
    return _listed(title, rows, "Nothing differs.")


def _difference_row(one: Difference) -> str:
    return f"{plain(one.field)}: {code(one.before)} → {code(one.after)}"


def _listed(title: str, rows: Sequence[str], empty: str, note: str = "") -> Message:
    text = f"{title}: {len(rows)}" if rows else f"{title}: {empty}"
    body = paragraphs(rows) if rows else [section(empty)]
    notes = [context(note)] if note and rows else []
    return Message(escape(text), fitted([section(f"*{escape(title)}*"), *body, *notes]))
