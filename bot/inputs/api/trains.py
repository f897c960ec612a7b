"""Release trains in the API: shapes, handlers and addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from pydantic import Field

from bot.inputs.api import schemas
from bot.inputs.api.endpoint import Api, Call, Endpoint, Handle, ask
from bot.inputs.api.errors import ApiError
from bot.inputs.api.shape import Name, Shape
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, TrainId
from engine.trains.journal import TrainJournal
from engine.trains.train import Train

SHOWN: Final = 20
ONE: Final = "/trains/{id}"


class TrainVersion(Shape):
    """One service of a train and the version it shall run."""

    service: Name
    version: Name


class TrainAsk(Shape):
    """Deploy several services to one environment as one: all of them, or none."""

    services: list[TrainVersion] = Field(min_length=1, max_length=50)
    environment: Name


class TrainApproveAsk(Shape):
    """Agree. `digest`, when given, has to be that of the plan, so that nobody agrees to something else."""

    digest: str = Field(default="", max_length=200)


class TrainPart(Shape):
    """One service of a train. `wave` counts from 1; `deployment` is the one asked for last, null before any is."""

    service: str
    version: str
    previous: str | None
    digest: str
    wave: int
    state: str
    note: str
    reason: str
    deployment: str | None


class TrainLine(Shape):
    """What happened, and when."""

    at: datetime
    text: str


class ReleaseTrain(Shape):
    """A train. It has ended when its `state` is succeeded, taken_back, stuck or cancelled."""

    id: str
    environment: str
    state: str
    reason: str
    digest: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    approvals_needed: int
    approved_by: list[str]
    expires_at: datetime | None
    aborted_by: str | None
    services: list[TrainPart]
    history: list[TrainLine]


class ReleaseTrains(Shape):
    """The newest trains first."""

    trains: list[ReleaseTrain]


async def trains(api: Api, _: Call) -> ReleaseTrains:
    """The newest trains, under way or ended."""
    return ReleaseTrains(trains=[_shown(one) for one in await TrainJournal(api.log).recent(limit=SHOWN)])


async def train(api: Api, call: Call) -> ReleaseTrain:
    """One train. Raises NotFound."""
    return await _train(api, call.path("id"))


async def leave(api: Api, call: Call) -> ReleaseTrain:
    """Ask for a train."""
    wish = call.ask(TrainAsk)
    versions = tuple((one.service, one.version) for one in wish.services)
    response = await ask(api, call, DeployTrain(versions, wish.environment), named_in_body=True)
    made = await _train(api, response.data["train"])
    if (sorted((one.service, one.version) for one in made.services), made.environment) != (
        sorted(versions),
        wish.environment,
    ):
        reason = f"This Idempotency-Key belongs to another request, which made {made.id}."
        raise ApiError(422, "Invalid", reason, "Use a new key for a new request.", field="Idempotency-Key")
    return made


async def approve(api: Api, call: Call) -> ReleaseTrain:
    """Agree to the plan of a train."""
    command = ApproveTrain(TrainId(call.path("id")), call.ask(TrainApproveAsk).digest)
    return await _train(api, (await ask(api, call, command)).data["train"])


def decide(command: Callable[[TrainId], RejectTrain | AbortTrain]) -> Handle:
    """A decision on a train that needs no more words."""

    async def handle(api: Api, call: Call) -> ReleaseTrain:
        return await _train(api, (await ask(api, call, command(TrainId(call.path("id"))))).data["train"])

    return handle


async def _train(api: Api, id: str) -> ReleaseTrain:  # noqa: A002
    return _shown(await TrainJournal(api.log).load(TrainId(id)))


def _shown(found: Train) -> ReleaseTrain:
    plan = found.plan
    return ReleaseTrain(
        id=found.id,
        environment=plan.environment,
        state=found.state.value,
        reason=found.reason,
        digest=plan.digest,
        requested_by=found.requested_by,
        requested_at=found.requested_at,
        started_at=found.started_at,
        ended_at=found.ended_at,
        approvals_needed=plan.approvals_needed,
        approved_by=list(found.approvers),
        expires_at=plan.expires_at,
        aborted_by=found.aborted_by,
        services=[_part(found, name, wave) for wave, names in enumerate(plan.waves, 1) for name in names],
        history=[TrainLine(at=one.at, text=one.text) for one in found.history],
    )


def _part(found: Train, service: str, wave: int) -> TrainPart:
    part, operation = found.plan.component(service), found.operation(service)
    return TrainPart(
        service=service,
        version=part.version,
        previous=part.previous,
        digest=part.digest,
        wave=wave,
        state=operation.state.value,
        note=operation.note,
        reason=operation.reason,
        deployment=operation.effect or None,
    )


TRAINS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/trains", "Release trains, the newest 20", trains, ReleaseTrains),
    Endpoint("POST", "/trains", "Deploy several as one", leave, ReleaseTrain, TrainAsk, 201),
    Endpoint("GET", ONE, "One train", train, ReleaseTrain),
    Endpoint("POST", f"{ONE}/approve", "Agree", approve, ReleaseTrain, TrainApproveAsk),
    Endpoint("POST", f"{ONE}/reject", "Refuse", decide(RejectTrain), ReleaseTrain, schemas.NothingAsk),
    Endpoint("POST", f"{ONE}/abort", "Take back", decide(AbortTrain), ReleaseTrain, schemas.NothingAsk),
)
