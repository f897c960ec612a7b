"""The private answer to a command that went through. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerting.commands import ExpireSilence, SetSilence, SilenceIncident
from alerting.silences.codec import silence_from_json
from alerting.silences.silence import State
from bot.views.alerts import render_alerts
from bot.views.answers import render_done, warned
from bot.views.blocks import Mention, Message, actions, code, link, plain, section
from bot.views.lifecycle import render_lifecycle
from bot.views.permits import render_permits
from bot.views.report import render_report
from bot.views.silences import render_ended, render_silenced, render_silences
from bot.views.status import render_incidents, render_on_call, render_services, render_status
from bot.views.train import render_trains
from bot.words import commands
from bot.words.reports import ShowReport
from engine.commands import (
    Abort,
    Approve,
    Deploy,
    Promote,
    Reject,
    ReleaseOld,
    Response,
    Restart,
    Resume,
    RollBack,
)
from engine.deployments.deployment import State as DeploymentState


def render_outcome(command: object, response: Response, *, mention: Mention) -> Message:
    """What the one who asked sees; the change itself is told in the channel."""
    return warned(_outcome(command, response.data, mention), str(response.data.get("warning", "")))


def _outcome(command: object, data: Mapping[str, Any], mention: Mention) -> Message:  # noqa: C901, PLR0911  # a table
    match command:
        case commands.ShowStatus(service):
            return render_status(data["overview"], service=service, mention=mention)
        case commands.ShowServices():
            return render_services(data["services"], data["versions"])
        case commands.ShowIncidents():
            return render_incidents(data["incidents"], mention=mention)
        case commands.ShowAlerts():
            return render_alerts(data["alerts"], asked=str(data["asked"]))
        case commands.ShowSilences():
            return render_silences(data["silences"], mention=mention)
        case SetSilence() | SilenceIncident() | ExpireSilence():
            return _silence(command, data)
        case commands.ShowOnCall():
            return render_on_call(data["on_call"], mention=mention)
        case ShowReport():
            return render_report(data["report"], board=str(data["board"]))
        case commands.OpenBoard():
            return _board(str(data["url"]))
        case _:
            told = render_permits(command, data, mention=mention) or render_trains(command, data)
            return told or render_lifecycle(command, data) or render_done(_deed(command, data))


def _silence(command: object, data: Mapping[str, Any]) -> Message:
    silence = silence_from_json(data["silence"])
    if isinstance(command, ExpireSilence):
        return render_ended(silence)
    return render_silenced(silence, int(data["muted"]), State(data["state"]))


def _board(url: str) -> Message:
    text = "The board, signed in as you. The link works once, for five minutes."
    return Message(text, [section(text), actions("board", link("Open the board", "board", url))])


def _deed(command: object, data: Mapping[str, Any]) -> str:  # noqa: C901, PLR0911  # a table
    service, environment = plain(str(data.get("service", ""))), plain(str(data.get("environment", "")))
    what = f"{service} {code(str(data.get('version', '')))} in {environment}"
    where = f"#{plain(str(data['channel']))}" if data.get("channel") else "the service's channel"
    match command:
        case Deploy() if data.get("waits"):
            return f"Planned {what}. Its message in {where} waits for somebody else to approve it."
        case Deploy():
            return f"Started {what}; its message in {where} shows how it goes."
        case Approve():
            return f"Approved {what}."
        case Reject():
            return f"Rejected {what}."
        case Abort() | commands.AbortByName():
            return _aborting(what, str(data.get("state", "")))
        case Promote():
            return f"Promoting {what} at once; no step and no gate is waited for any more."
        case ReleaseOld():
            return f"Finishing {what}; the former version stops."
        case Resume():
            return f"Resumed {what}."
        case RollBack():
            return f"Going back: {what}; its message in {where} shows how it goes."
        case Restart():
            return f"Restarting {service} in {environment}, one instance at a time."
    return plain(str(data.get("text", "")).strip() or "Done.")


def _aborting(what: str, state: str) -> str:
    if state == DeploymentState.CANCELLED.value:
        return f"Cancelled {what}; nothing of it had begun."
    return f"Aborting {what}; traffic goes back first."
