"""Release trains in the API: shapes, handlers and addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bot.inputs.api import present_trains, schemas
from bot.inputs.api.endpoint import Api, Call, Endpoint, Handle, ask
from bot.inputs.api.errors import ApiError
from bot.inputs.api.schemas_trains import ReleaseTrain, ReleaseTrains, TrainApproveAsk, TrainAsk, TrainSheet, TrainsPage
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, TrainId
from engine.security.identity import Person
from engine.trains.journal import TrainJournal
from engine.trains.train import Train

SHOWN: Final = 20
ONE: Final = "/trains/{id}"


async def trains(api: Api, _: Call) -> ReleaseTrains:
    """The newest trains, under way or ended."""
    return ReleaseTrains(trains=[present_trains.train(one) for one in await TrainJournal(api.log).recent(limit=SHOWN)])


async def train(api: Api, call: Call) -> ReleaseTrain:
    """One train. Raises NotFound."""
    return await _train(api, call.path("id"))


async def leave(api: Api, call: Call) -> ReleaseTrain:
    """Ask for a train."""
    wish = call.ask(TrainAsk)
    versions = tuple((one.service, one.version) for one in wish.services)
    response = await ask(api, call, DeployTrain(versions, wish.environment, wish.override), named_in_body=True)
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


async def page(api: Api, call: Call) -> TrainsPage:
    """One train with what may be decided about it. Raises NotFound."""
    position = await api.log.last_position()
    return _page(api, call, position, [await TrainJournal(api.log).load(TrainId(call.path("id")))])


async def newest(api: Api, call: Call) -> TrainsPage:
    """The newest of them with what may be decided about each."""
    position = await api.log.last_position()
    return _page(api, call, position, await TrainJournal(api.log).recent(limit=SHOWN))


def _page(api: Api, call: Call, position: int, found: Sequence[Train]) -> TrainsPage:
    person = call.caller.person
    return TrainsPage(
        at=api.now(),
        position=position,
        you=call.you,
        people=api.names(),
        trains=[_sheet(api, one, person) for one in found],
    )


def _sheet(api: Api, found: Train, person: Person | None) -> TrainSheet:
    named = api.catalog().environments.get(found.plan.environment)
    return present_trains.sheet(found, person, named.group if named else None)


async def under_way(api: Api) -> list[ReleaseTrain]:
    """Every train that has not ended."""
    journal = TrainJournal(api.log)
    return [present_trains.train(await journal.load(one)) for one in await journal.open()]


async def _train(api: Api, id: str) -> ReleaseTrain:  # noqa: A002
    return present_trains.train(await TrainJournal(api.log).load(TrainId(id)))


TRAINS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/trains", "Release trains, the newest 20", trains, ReleaseTrains),
    Endpoint("POST", "/trains", "Deploy several as one", leave, ReleaseTrain, TrainAsk, 201),
    Endpoint("GET", "/trains/page", "The newest 20 on their page", newest, TrainsPage),
    Endpoint("GET", ONE, "One train", train, ReleaseTrain),
    Endpoint("GET", f"{ONE}/page", "One on its page", page, TrainsPage),
    Endpoint("POST", f"{ONE}/approve", "Agree", approve, ReleaseTrain, TrainApproveAsk),
    Endpoint("POST", f"{ONE}/reject", "Refuse", decide(RejectTrain), ReleaseTrain, schemas.NothingAsk),
    Endpoint("POST", f"{ONE}/abort", "Take back", decide(AbortTrain), ReleaseTrain, schemas.NothingAsk),
)
