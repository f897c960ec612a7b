"""What may be asked about release trains, by whom, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.routes.permits import who_may_approve
from engine.catalog import Catalog
from engine.commands import AbortTrain, ApproveTrain, DeployTrain, RejectTrain, Request
from engine.errors import Denied
from engine.orchestrator import Data, Route
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission
from engine.trains.desk import TrainDesk
from engine.trains.journal import TrainJournal
from engine.trains.story import in_order
from engine.trains.train import Train

Ask = Callable[[TrainDesk, Request, Any], Awaitable[Train]]


@dataclass(frozen=True, slots=True)
class TrainRooms:
    """Whom the handlers call. `channel` is where trains are told."""

    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    desk: TrainDesk
    journal: TrainJournal
    channel: str


def train_routes(rooms: TrainRooms) -> dict[type, Route]:
    """Every command about trains with its permission, where it acts, and its handler."""

    async def there(command: Any) -> str:
        return str((await rooms.journal.load(command.train)).plan.environment)

    def deed(name: str, permission: Permission, environment: Any, ask: Ask) -> Route:
        async def handle(request: Request, person: Person) -> Data:
            return _data(rooms, await ask(rooms.desk, request, person.id))

        return Route(name, permission, environment, handle, audited=True)

    async def approve(request: Request, person: Person) -> Data:
        try:
            return _data(rooms, await rooms.desk.approve(request, person.id))
        except Denied as denied:
            command: Any = request.command
            environment = (await rooms.journal.load(command.train)).plan.environment
            remedy = who_may_approve(rooms.directory(), rooms.catalog(), environment, but=person)
            raise Denied(denied.reason, remedy) from denied

    return {
        DeployTrain: deed("deploy train", Permission.DEPLOY, lambda one: one.environment, TrainDesk.ask),
        ApproveTrain: Route("approve train", Permission.APPROVE, there, approve, audited=True),
        RejectTrain: deed("reject train", Permission.APPROVE, there, TrainDesk.reject),
        AbortTrain: deed("abort train", Permission.ABORT, there, TrainDesk.abort),
    }


def _data(rooms: TrainRooms, train: Train) -> Data:
    return {
        "train": str(train.id),
        "environment": str(train.plan.environment),
        "state": train.state.value,
        "waits": not train.approved,
        "order": in_order(train.plan),
        "channel": rooms.channel,
    }
