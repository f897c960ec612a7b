"""The one message of a release train, drawn whole from its state each time. Pure."""

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
    context,
    cut,
    escape,
    fitted,
    header,
    paragraphs,
    plain,
    section,
    span,
    when,
)
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain
from engine.flows.saga import Operation, State
from engine.trains.train import Train, TrainState

APPROVE: Final = "train.approve"
REJECT: Final = "train.reject"
ABORT: Final = "train.abort"
LONGEST: Final = 1000

STATES: Final = {
    TrainState.PLANNED: "⏳ Waiting for approval",
    TrainState.RUNNING: "🔵 In progress",
    TrainState.GOING_BACK: "🟠 Going back",
    TrainState.SUCCEEDED: "✅ Everything is out",
    TrainState.TAKEN_BACK: "↩️ Everything is as it was",
    TrainState.STUCK: "❌ Not everything could be taken back",
    TrainState.CANCELLED: "⚪ Cancelled",
}
PARTS: Final = {
    State.WAITING: "⚪ waits",
    State.RUNNING: "🔵 in progress",
    State.DONE: "✅ out",
    State.FAILED: "❌ failed, as before",
    State.UNSURE: "❌ failed",
    State.UNDOING: "🟠 is taken back",
    State.UNDONE: "↩️ as before",
    State.STUCK: "❌ not taken back",
    State.KEPT: "⚠️ stays",
}


def train_title(train: Train) -> str:
    """`Train of 3 services to production`"""
    count = len(train.plan.components)
    return f"Train of {count} service{'s' if count > 1 else ''} to {train.plan.environment}"


def render_train(train: Train, *, mention: Mention) -> Message:
    """The message: what, state, each wave with each service's state, who decided, and the buttons that make sense."""
    state = STATES[train.state]
    if train.state is TrainState.PLANNED and train.approved:
        state = "🔵 Starting"
    blocks = [
        header(train_title(train)),
        section(_summary(train, state, mention)),
        *_waves(train),
        *paragraphs([f"⚠️ {plain(cut(one, LONGEST))}" for one in train.plan.warnings]),
        *paragraphs(_overridden(train, mention)),
        *_decisions(train, mention),
        *_buttons(train),
        context(f"Train {code(train.id)} · plan {code(train.plan.digest)}"),
    ]
    return Message(escape(f"{train_title(train)}: {state}"), fitted(blocks))


def _overridden(train: Train, mention: Mention) -> list[str]:
    return [
        f"⚠️ Overridden by {mention(one.by)}: {plain(cut(one.what, 500))} Reason: {plain(cut(one.reason, 500))}"
        for one in train.plan.overrides
    ]


def _summary(train: Train, state: str, mention: Mention) -> str:
    line = f"*{state}* · asked for by {mention(train.requested_by)} · {when(train.requested_at)}"
    if train.started_at and train.ended_at:
        line += f" · took {span(train.ended_at - train.started_at)}"
    return f"{line}\n{plain(cut(train.reason, LONGEST))}" if train.reason else line


def _waves(train: Train) -> list[Block]:
    return [
        block
        for number, wave in enumerate(train.plan.waves, 1)
        for block in paragraphs([f"*Wave {number}*", *(_part(train, service) for service in wave)])
    ]


def _part(train: Train, service: str) -> str:
    """`✅ out · shop v1 → v2 · d-1a2b · runs`, with the digest while it waits for approval."""
    part, operation = train.plan.component(service), train.operation(service)
    old = code(part.previous) if part.previous else "nothing"
    line = f"{PARTS[operation.state]} · *{plain(service)}* {old} → {code(part.version)}"
    if train.state is TrainState.PLANNED:
        line += f" · {code(part.digest, 80)}"
    if train.state is TrainState.PLANNED and part.previous is None:
        line += " · its first deployment: going back would stop it"
    return line + "".join(f" · {one}" for one in _remarks(operation))


def _remarks(operation: Operation) -> list[str]:
    told = [code(operation.effect, 40)] if operation.effect else []
    told += [plain(cut(operation.note, 300))] if operation.note else []
    again = "trying again: " if operation.failures else ""
    return told + ([f"{again}{plain(cut(operation.reason, 500))}"] if operation.reason else [])


def _decisions(train: Train, mention: Mention) -> list[Block]:
    lines = [
        f"{'Approved' if one.approved else 'Rejected'} by {mention(one.person)} · {when(one.at)}"
        for one in train.decisions
    ]
    if train.aborted_by:
        lines.append(f"Abort asked for by {mention(train.aborted_by)}")
    if train.state is TrainState.PLANNED and not train.approved:
        lines.append(_needed(train))
    return [context("\n".join(lines))] if lines else []


def _needed(train: Train) -> str:
    plan = train.plan
    missing = plan.approvals_needed - len(set(train.approvers))
    who = f" by members of {plain(plan.group)}" if plan.group else ""
    told = f"Needs {missing} more approval{'s' if missing > 1 else ''}{who}"
    told += ", not of whoever asked" if plan.four_eyes else ""
    return f"{told}; open until {when(plan.expires_at)}" if plan.expires_at else told


def _buttons(train: Train) -> list[Block]:
    value = f"{train.id}|{train.plan.digest}"
    match train.state:
        case TrainState.PLANNED if not train.approved:
            approve = button("Approve all", APPROVE, value, style="primary")
            return [actions(f"train:{train.id}", approve, button("Reject", REJECT, value))]
        case TrainState.PLANNED | TrainState.RUNNING:
            sure = confirm("Abort the train?", "What is out already is rolled back, the last first.", "Abort it")
            return [actions(f"train:{train.id}", button("Abort", ABORT, value, style="danger", confirm=sure))]
        case TrainState.STUCK:
            return [actions(f"train:{train.id}", button("Try to go back again", ABORT, value))]
        case _:
            return []


def render_trains(command: object, data: Mapping[str, Any]) -> Message | None:
    """The private answer to a command about trains; None for any other command."""
    match command:
        case DeployTrain():
            verb = "Planned" if data["waits"] else "Started"
            wait = " It waits for somebody else to approve it." if data["waits"] else ""
            return _said(f"{verb} train {_id(data)}: {plain(str(data['order']))}.{wait} {_where(data)}")
        case ApproveTrain():
            return _said(f"Approved train {_id(data)}.")
        case RejectTrain():
            return _said(f"Rejected train {_id(data)}.")
        case AbortTrain() if data["state"] == TrainState.CANCELLED:
            return _said(f"Cancelled train {_id(data)}; nothing of it had begun.")
        case AbortTrain():
            return _said(f"Train {_id(data)} goes back; its message shows how. {_where(data)}")
    return None


def _id(data: Mapping[str, Any]) -> str:
    return code(str(data["train"]))


def _where(data: Mapping[str, Any]) -> str:
    return f"Its message is in #{plain(str(data['channel']))}."


def _said(text: str) -> Message:
    return Message(text, [section(text)])
