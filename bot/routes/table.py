"""The table of what may be asked, by whom, and who does it: joins the orchestrator with the desks of both halves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import alerting.errors as alerting_errors
from alerting.commands import Acknowledge, Escalate, ResolveIncident, Unacknowledge
from alerting.incidents.desk import Answer, IncidentDesk
from alerting.incidents.errors import IncidentEnded, UnknownIncident
from alerting.incidents.incident import IncidentId
from alerting.incidents.incident import PersonId as AlertingPersonId
from alerting.incidents.journal import IncidentJournal
from alerting.silences.errors import InvalidSilence, UnknownSilence
from bot.readings.now import Readings
from bot.routes.permits import who_may_approve
from bot.words import commands
from engine.catalog import Catalog
from engine.commands import (
    Abort,
    Approve,
    Deploy,
    Promote,
    Reject,
    ReleaseOld,
    Request,
    Restart,
    Resume,
    RollBack,
)
from engine.components.manager import ComponentManager
from engine.deployments.deployment import Deployment, DeploymentId
from engine.deployments.desk import DeploymentDesk
from engine.deployments.journal import DeploymentJournal, Summary
from engine.errors import Denied, EngineError, Invalid, NotFound, NotNow, PermanentFailure, TemporaryFailure
from engine.orchestrator import Data, Route
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, allowed, denied
from engine.security.sessions import Sessions

Ask = Callable[[DeploymentDesk, Request, Person], Awaitable[Deployment]]
Decide = Callable[[AlertingPersonId, Any], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Rooms:
    """Whom the handlers call."""

    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    desk: DeploymentDesk
    journal: DeploymentJournal
    components: ComponentManager
    incidents: IncidentDesk
    incident_journal: IncidentJournal
    readings: Readings
    sessions: Sessions
    board_url: str
    now: Callable[[], datetime]


def build_routes(rooms: Rooms) -> dict[type, Route]:
    """Every command with its permission, where it acts, and its handler."""
    return {**_deployment_routes(rooms), **_incident_routes(rooms), **_query_routes(rooms)}


def _deployment_routes(rooms: Rooms) -> dict[type, Route]:
    async def of_deployment(command: Any) -> str:
        return str((await rooms.journal.load(command.deployment)).plan.environment)

    async def of_roll_back(command: RollBack) -> str:
        return (await _placed(rooms, command)).environment

    async def of_abort(command: commands.AbortByName) -> str:
        return str((await _flying(rooms, command)).environment)

    async def of_restart(command: Restart) -> str:
        return command.environment or await _latest_environment(rooms, command.service)

    def deed(name: str, permission: Permission, environment: Any, handle: Any) -> Route:
        return Route(name, permission, environment, handle, audited=True)

    return {
        Deploy: deed("deploy", Permission.DEPLOY, lambda one: one.environment, _asked(rooms, DeploymentDesk.deploy)),
        Approve: deed("approve", Permission.APPROVE, of_deployment, _approved(rooms)),
        Reject: deed("reject", Permission.APPROVE, of_deployment, _asked(rooms, DeploymentDesk.reject)),
        Abort: deed("abort", Permission.ABORT, of_deployment, _asked(rooms, DeploymentDesk.abort)),
        Resume: deed("resume", Permission.ABORT, of_deployment, _asked(rooms, DeploymentDesk.resume)),
        Promote: deed("promote", Permission.APPROVE, of_deployment, _asked(rooms, DeploymentDesk.promote)),
        ReleaseOld: deed("finish", Permission.ABORT, of_deployment, _asked(rooms, DeploymentDesk.release_old)),
        RollBack: deed("roll back", Permission.ROLL_BACK, of_roll_back, _rolled_back(rooms)),
        commands.AbortByName: deed("abort", Permission.ABORT, of_abort, _aborted(rooms)),
        Restart: deed("restart", Permission.RESTART, of_restart, _restarted(rooms)),
    }


def _asked(rooms: Rooms, ask: Callable[..., Awaitable[Deployment]]) -> Callable[[Request, Person], Awaitable[Data]]:
    async def handle(request: Request, person: Person) -> Data:
        return _deployment_data(rooms, await ask(rooms.desk, request, person.id))

    return handle


def _approved(rooms: Rooms) -> Callable[[Request, Person], Awaitable[Data]]:
    async def handle(request: Request, person: Person) -> Data:
        try:
            return _deployment_data(rooms, await rooms.desk.approve(request, person.id))
        except Denied as denied:
            command: Any = request.command
            raise Denied(denied.reason, await _who_else(rooms, command.deployment, person)) from denied

    return handle


async def _who_else(rooms: Rooms, deployment: DeploymentId, person: Person) -> str:
    """Whom to ask for the approval one may not give oneself."""
    environment = (await rooms.journal.load(deployment)).plan.environment
    return who_may_approve(rooms.directory(), rooms.catalog(), environment, but=person)


def _deployment_data(rooms: Rooms, deployment: Deployment) -> Data:
    plan = deployment.plan
    service = rooms.catalog().services.get(plan.service)
    return {
        "channel": service.channel if service else "",
        "deployment": str(deployment.id),
        "service": str(plan.service),
        "environment": str(plan.environment),
        "version": str(plan.version),
        "state": deployment.state.value,
        "waits": not deployment.approved,
    }


def _rolled_back(rooms: Rooms) -> Callable[[Request, Person], Awaitable[Data]]:
    async def handle(request: Request, person: Person) -> Data:
        placed = await _placed(rooms, request.command)
        _check(person, Permission.ROLL_BACK, placed.environment)
        return _deployment_data(rooms, await rooms.desk.roll_back(replace(request, command=placed), person.id))

    return handle


async def _placed(rooms: Rooms, command: Any) -> RollBack:
    """The roll-back with its service and environment named: by its deployment, or by the last one of the service."""
    if command.deployment is not None:
        plan = (await rooms.journal.load(command.deployment)).plan
        return RollBack(str(plan.service), str(plan.environment), command.deployment)
    if command.environment:
        return RollBack(command.service, command.environment, to=command.to)
    return RollBack(command.service, await _latest_environment(rooms, command.service), to=command.to)


async def _latest_environment(rooms: Rooms, service: str) -> str:
    """Where the service was last deployed; people who leave the environment out mean what they just did."""
    places = rooms.catalog().service(service).placements
    found = [one for place in places for one in await rooms.journal.latest(service, place, limit=1)]
    if not found:
        raise NotNow(f"{service} was never deployed.", "Deploy a version first.")
    return str(max(found, key=lambda one: one.requested_at).environment)


def _aborted(rooms: Rooms) -> Callable[[Request, Person], Awaitable[Data]]:
    async def handle(request: Request, person: Person) -> Data:
        command: Any = request.command
        flying = await _flying(rooms, command)
        _check(person, Permission.ABORT, str(flying.environment))
        abort = replace(request, command=Abort(flying.id))
        return _deployment_data(rooms, await rooms.desk.abort(abort, person.id))

    return handle


async def _flying(rooms: Rooms, command: commands.AbortByName) -> Summary:
    """The one deployment in flight that is meant. Raises NotNow when there is none, or more than one."""
    flying = [
        one
        for one in await rooms.journal.in_flight()
        if one.service == command.service and command.environment in {"", one.environment}
    ]
    if len(flying) != 1:
        raise _not_one(command.service, command.environment, [str(one.environment) for one in flying])
    return flying[0]


def _check(person: Person, permission: Permission, environment: str) -> None:
    """Where people left the environment out, the one meant may be another since the door let them in."""
    if not allowed(person, permission, environment):
        raise denied(person, permission, environment, ())


def _not_one(service: str, environment: str, places: list[str]) -> NotNow:
    if not places:
        where = f" to {environment}" if environment else ""
        return NotNow(f"Nothing of {service} is being deployed{where}.", "The status shows what is.")
    return NotNow(f"{service} is being deployed to {', '.join(places)}.", f"Say which: `/ops abort {service} in …`.")


def _restarted(rooms: Rooms) -> Callable[[Request, Person], Awaitable[Data]]:
    async def handle(request: Request, person: Person) -> Data:
        command: Any = request.command
        environment = command.environment or await _latest_environment(rooms, command.service)
        _check(person, Permission.RESTART, environment)
        place = rooms.catalog().placement(command.service, environment)
        await rooms.components.restart(place, by=person.id, at=request.at)
        return {"service": command.service, "environment": environment}

    return handle


def _incident_routes(rooms: Rooms) -> dict[type, Route]:
    desk = rooms.incidents

    def decision(name: str, decide: Decide) -> Route:
        async def handle(request: Request, person: Person) -> Data:
            return await _answered(decide(AlertingPersonId(str(person.id)), request.command))

        return Route(name, Permission.ACKNOWLEDGE, of_incident, handle, audited=True)

    async def of_incident(command: Any) -> str | None:
        """Where the incident is; one of no environment is anybody's who may acknowledge somewhere."""
        try:
            incident = await rooms.incident_journal.load(await _chosen(rooms, command.incident))
        except alerting_errors.AlertingError as failure:
            raise translated(failure) from failure
        return incident.environment or None

    async def take(person: AlertingPersonId, command: commands.TakeIncident) -> Answer:
        return await desk.acknowledge(await _chosen(rooms, command.incident), person)

    return {
        Acknowledge: decision("acknowledge", lambda person, one: desk.acknowledge(one.incident, person)),
        Unacknowledge: decision("give back", lambda person, one: desk.unacknowledge(one.incident, person)),
        ResolveIncident: decision("resolve", lambda person, one: desk.resolve(one.incident, person)),
        Escalate: decision("escalate", lambda person, one: desk.escalate(one.incident, person, one.level)),
        commands.TakeIncident: decision("acknowledge", take),
    }


async def _chosen(rooms: Rooms, incident: str) -> IncidentId:
    if incident:
        return IncidentId(incident)
    open_ = await rooms.readings.incidents()
    if not open_:
        raise NotNow("No incident is open.", "Nothing to acknowledge.")
    return open_[0].id


async def _answered(work: Awaitable[Answer]) -> Data:
    """A decision's answer; alerting's failures in the engine's words, for the one door knows one tree of errors."""
    try:
        answer = await work
    except alerting_errors.AlertingError as failure:
        raise translated(failure) from failure
    return {"incident": str(answer.incident.id), "text": answer.text, "state": answer.incident.state.value}


def translated(failure: alerting_errors.AlertingError) -> EngineError:
    """Alerting's failure in the engine's tree."""
    match failure:
        case UnknownIncident():
            return NotFound(failure.reason, failure.remedy, field="incident")
        case UnknownSilence():
            return NotFound("There is no such silence.", "`/ops silences` shows which there are.", field="silence")
        case InvalidSilence():
            return Invalid(f"{failure.reason}.", failure.remedy, field="matchers")
        case alerting_errors.TemporaryFailure():
            return TemporaryFailure(failure.reason, failure.remedy, retry_after=failure.retry_after)
        case IncidentEnded():
            return NotNow(failure.reason, failure.remedy)
    return PermanentFailure(failure.reason, failure.remedy)


def _query_routes(rooms: Rooms) -> dict[type, Route]:
    readings = rooms.readings

    def query(name: str, read: Callable[[Person], Awaitable[Mapping[str, Any]]]) -> Route:
        async def handle(_: Request, person: Person) -> Data:
            return await read(person)

        return Route(name, Permission.VIEW, lambda _: None, handle, audited=False)

    async def services(_: Person) -> Data:
        return {"services": await readings.services(), "versions": await readings.versions()}

    async def overview(_: Person) -> Data:
        return {"overview": await readings.overview()}

    async def incidents(_: Person) -> Data:
        return {"incidents": await readings.incidents()}

    async def on_call(_: Person) -> Data:
        return {"on_call": readings.on_call()}

    async def board(person: Person) -> Data:
        code = await rooms.sessions.new_code(person.id, at=rooms.now())
        return {"url": f"{rooms.board_url}/signin?code={code}"}

    return {
        commands.ShowStatus: query("status", overview),
        commands.ShowServices: query("services", services),
        commands.ShowIncidents: query("incidents", incidents),
        commands.ShowOnCall: query("on call", on_call),
        commands.OpenBoard: query("board", board),
    }
