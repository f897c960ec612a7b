"""What each button stands for. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from alerting.commands import Acknowledge, Escalate, ExpireSilence, ResolveIncident, SilenceIncident
from alerting.incidents.incident import IncidentId
from alerting.metrics.duration import parse_duration
from alerting.silences.silence import SilenceId
from bot.inputs.slack.deliveries import Clicked
from bot.views import deployment, incident, lifecycle, permits, silences, train
from bot.views.home import OPEN_BOARD
from bot.views.tour import KILL_INSTANCE, KILL_PILOTHOUSE
from bot.words.commands import KillInstance, KillPilothouse, OpenBoard
from engine.commands import (
    Abort,
    AbortTrain,
    Approve,
    ApproveTrain,
    AwaitUnlock,
    Promote,
    Reject,
    RejectTrain,
    ReleaseOld,
    Resume,
    RollBack,
    Stop,
    TrainId,
    Unfreeze,
    Unlock,
    Unregister,
)
from engine.deployments.deployment import DeploymentId


def _deployment(value: str) -> DeploymentId:
    return DeploymentId(value.partition("|")[0])


def _digest(value: str) -> str:
    return value.split("|")[1] if "|" in value else ""


def _step(value: str) -> int | None:
    """The step that waited when the button was drawn; None for the plan."""
    parts = value.split("|")
    return int(parts[2]) if len(parts) > 2 and parts[2].isascii() and parts[2].isdigit() else None


def _promote(value: str) -> Promote:
    """To promote from the step, and in the pause, that the button was drawn in."""
    paused = value.split("|")[3:]
    return Promote(_deployment(value), _step(value), int(paused[0]) if paused and paused[0].isdigit() else None)


def _place(value: str) -> tuple[str, str]:
    """A service and an environment, either of which may be "" for every one."""
    service, environment, *_ = [*value.split("|"), ""]
    return service, environment


def _shown(value: str) -> int:
    """What was decided last when the button was drawn; 0, which was never decided, when it does not say."""
    return _step(value) or 0


def _incident(value: str) -> IncidentId:
    return IncidentId(value.partition("|")[0])


def _escalate(value: str) -> Escalate:
    name, _, level = value.partition("|")
    return Escalate(IncidentId(name), int(level) if level.lstrip("-").isdigit() else None)


def _silence(text: str) -> Callable[[str], SilenceIncident]:
    lasts = None if text == "until resolved" else parse_duration(text)
    return lambda value: SilenceIncident(_incident(value), lasts)


COMMANDS: Final[Mapping[str, Callable[[str], object]]] = {
    deployment.APPROVE: lambda value: Approve(_deployment(value), _digest(value), _step(value)),
    deployment.REJECT: lambda value: Reject(_deployment(value), _step(value)),
    deployment.ABORT: lambda value: Abort(_deployment(value)),
    deployment.RESUME: lambda value: Resume(_deployment(value)),
    deployment.PROMOTE: _promote,
    deployment.FINISH: lambda value: ReleaseOld(_deployment(value)),
    deployment.ROLL_BACK: lambda value: RollBack("", "", _deployment(value)),
    incident.ACKNOWLEDGE: lambda value: Acknowledge(_incident(value)),
    incident.RESOLVE: lambda value: ResolveIncident(_incident(value)),
    incident.ESCALATE: _escalate,
    incident.ROLL_BACK: lambda value: RollBack("", "", DeploymentId(value.partition("|")[2])),
    **{action: _silence(text) for action, text in incident.SILENCES.items()},
    silences.EXPIRE: lambda value: ExpireSilence(SilenceId(value)),
    lifecycle.STOP: lambda value: Stop(*_place(value), _shown(value)),
    lifecycle.UNREGISTER: lambda value: Unregister(*_place(value), _shown(value)),
    permits.UNLOCK: lambda value: Unlock(*_place(value)),
    permits.AWAIT: lambda value: AwaitUnlock(*_place(value)),
    permits.UNFREEZE: lambda value: Unfreeze(*_place(value)),
    train.APPROVE: lambda value: ApproveTrain(TrainId(value.partition("|")[0]), _digest(value)),
    train.REJECT: lambda value: RejectTrain(TrainId(value.partition("|")[0])),
    train.ABORT: lambda value: AbortTrain(TrainId(value.partition("|")[0])),
    OPEN_BOARD: lambda _: OpenBoard(),
    KILL_INSTANCE: lambda _: KillInstance(),
    KILL_PILOTHOUSE: lambda _: KillPilothouse(),
}


def command_of(click: Clicked) -> object | None:
    """The command behind a button; None for buttons that only open an address."""
    make = COMMANDS.get(click.action)
    return make(click.value) if make else None


def press(click: Clicked) -> str:
    """What is pressed by whom: the same for both halves of a double click, and for a press later on."""
    # A value may hold 2,000 characters of anything; a request's id may not.
    state = hashlib.sha256(click.value.encode("utf-8", "replace")).hexdigest()[:20]
    return f"click:{click.message}:{click.action}:{state}:{click.actor.user}"


def request_id(click: Clicked) -> str:
    """The request of one press; whether it is half of a double click, only the time between the two can say."""
    return f"{press(click)}:{click.pressed:.6f}"
