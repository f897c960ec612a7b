"""What may be asked about a component's life, by whom, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.words.lifecycle import AskToStop, AskToUnregister
from engine.catalog import Catalog
from engine.commands import Request, Retry, Scale, Start, Stop, Unregister
from engine.components.desk import LifecycleDesk
from engine.components.lifecycle import Component
from engine.deployments.deployment import PersonId
from engine.orchestrator import Data, Route
from engine.security.identity import Person
from engine.security.permissions import Permission

Ask = Callable[[LifecycleDesk, Any, PersonId], Awaitable[Component]]


def lifecycle_routes(desk: LifecycleDesk, catalog: Callable[[], Catalog]) -> dict[type, Route]:
    """Every command about a component's life: whoever may restart it may do these too."""

    def deed(name: str, ask: Ask) -> Route:
        async def handle(request: Request, person: Person) -> Data:
            return _data(await ask(desk, request.command, person.id), catalog())

        return Route(name, Permission.RESTART, lambda one: one.environment, handle, audited=True)

    def question(name: str, make: Callable[[str, str], Stop | Unregister]) -> Route:
        async def handle(request: Request, person: Person) -> Data:
            command: Any = request.command
            wish = make(command.service, command.environment)
            return _data(await desk.foresee(wish, person.id), catalog())

        return Route(name, Permission.RESTART, lambda one: one.environment, handle, audited=False)

    return {
        Scale: deed("scale", LifecycleDesk.scale),
        Stop: deed("stop", LifecycleDesk.stop),
        Start: deed("start", LifecycleDesk.start),
        Retry: deed("retry", LifecycleDesk.retry),
        Unregister: deed("unregister", LifecycleDesk.unregister),
        AskToStop: question("ask to stop", Stop),
        AskToUnregister: question("ask to unregister", Unregister),
    }


def _data(component: Component, catalog: Catalog) -> Data:
    """What the answer is drawn from, as it is remembered for those who ask again."""
    return {
        "service": str(component.service),
        "environment": str(component.environment),
        "state": component.state.value,
        "version": str(component.version or component.target or ""),
        "desired": component.desired,
        "health": component.health,
        "decided": component.decided,
        "channel": catalog.service(component.service).channel,
    }
