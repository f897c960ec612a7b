"""The API's changes: each becomes a command for the single door, and answers with its subject as it is afterwards."""

from __future__ import annotations

from collections.abc import Callable

from alerting.commands import Acknowledge, Escalate, ResolveIncident
from alerting.incidents.incident import IncidentId
from bot.inputs.api import schemas
from bot.inputs.api.endpoint import Api, Call, Handle, ask
from bot.inputs.api.errors import ApiError
from bot.inputs.api.reads import shown_deployment, shown_incident
from engine.commands import Abort, Approve, Deploy, Promote, Reject, ReleaseOld, Response, Resume, RollBack
from engine.deployments.deployment import DeploymentId


async def deploy(api: Api, call: Call) -> schemas.Deployment:
    """Ask for a deployment."""
    wish = call.ask(schemas.DeployAsk)
    command = Deploy(wish.service, wish.version, wish.environment, wish.strategy, wish.override)
    response = await ask(api, call, command, named_in_body=True)
    _check_same(response, wish)
    return await _told(api, response)


def _check_same(response: Response, wish: schemas.DeployAsk) -> None:
    """An answer to something else means that the Idempotency-Key was used before."""
    data = response.data
    if (data["service"], data["version"], data["environment"]) != (wish.service, wish.version, wish.environment):
        reason = f"This Idempotency-Key belongs to another request, which made {data['deployment']}."
        raise ApiError(422, "Invalid", reason, "Use a new key for a new request.", field="Idempotency-Key")


async def approve(api: Api, call: Call) -> schemas.Deployment:
    """Agree to a plan, or to the step that waits."""
    asked = call.ask(schemas.ApproveAsk)
    command = Approve(DeploymentId(call.path("id")), asked.digest, asked.step)
    return await _told(api, await ask(api, call, command))


async def roll_back(api: Api, call: Call) -> schemas.Deployment:
    """Go back to what ran before this deployment; answers with the deployment that does it."""
    command = RollBack("", "", DeploymentId(call.path("id")))
    return await _told(api, await ask(api, call, command))


async def roll_back_place(api: Api, call: Call) -> schemas.Deployment:
    """Go back in one place, to what ran before or to a release; answers with the deployment that does it."""
    to = call.ask(schemas.RollBackAsk).to
    command = RollBack(call.path("service"), call.path("environment"), to=to)
    return await _told(api, await ask(api, call, command, named_in_body=bool(to)))


async def reject(api: Api, call: Call) -> schemas.Deployment:
    """Refuse a plan, or the step that waits."""
    command = Reject(DeploymentId(call.path("id")), call.ask(schemas.RejectAsk).step)
    return await _told(api, await ask(api, call, command))


async def promote(api: Api, call: Call) -> schemas.Deployment:
    """Skip what is left of the steps and gates."""
    command = Promote(DeploymentId(call.path("id")), call.ask(schemas.PromoteAsk).step)
    return await _told(api, await ask(api, call, command))


def decide(command: Callable[[DeploymentId], Abort | ReleaseOld | Resume]) -> Handle:
    """A decision on a deployment that needs no more words."""

    async def handle(api: Api, call: Call) -> schemas.Deployment:
        return await _told(api, await ask(api, call, command(DeploymentId(call.path("id")))))

    return handle


async def _told(api: Api, response: Response) -> schemas.Deployment:
    return await shown_deployment(api, response.data["deployment"])


async def acknowledge(api: Api, call: Call) -> schemas.Incident:
    """Take an incident."""
    return await _decided(api, call, Acknowledge(IncidentId(call.path("id"))))


async def resolve(api: Api, call: Call) -> schemas.Incident:
    """End an incident by hand."""
    return await _decided(api, call, ResolveIncident(IncidentId(call.path("id"))))


async def escalate(api: Api, call: Call) -> schemas.Incident:
    """Page the next step now."""
    return await _decided(api, call, Escalate(IncidentId(call.path("id")), call.ask(schemas.EscalateAsk).level))


async def _decided(api: Api, call: Call, command: object) -> schemas.Incident:
    response = await ask(api, call, command)
    return await shown_incident(api, response.data["incident"])
