"""How many instances are wanted: the settings' number, until a person chooses another. Pure.

A choice holds over restarts, deployments and stops, for as long as the settings say the number they said at the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from engine.catalog import Catalog, EnvironmentName, Placement, Service, ServiceName
from engine.components.lifecycle import Chosen, Component
from engine.errors import Invalid
from engine.targets import ContainerTarget, LambdaTarget, LocalTarget, Target

MOST: Final = 1000
MOST_ON: Final[Mapping[type[Target], int]] = {LocalTarget: 64, ContainerTarget: 64}  # one machine carries them all


def holds(component: Component, settings: int) -> bool:
    """Whether nothing was chosen, or the settings have not changed since."""
    return component.chosen is None or component.chosen.settings == settings


def chosen_of(component: Component, settings: int) -> Chosen | None:
    """The choice that holds while the settings say `settings`."""
    return component.chosen if holds(component, settings) else None


def check_number(place: Placement, instances: int) -> int:
    """`instances`, when so many can be asked for. Raises Invalid."""
    where = f"{place.service} in {place.environment}"
    if isinstance(place.target, LambdaTarget):
        reason = f"{where} is a Lambda function, which scales by itself."
        raise Invalid(reason, "Its concurrency is set at AWS.", field="instances")
    if instances < 1:
        remedy = f"`/ops stop {place.service} {place.environment}` stops all of it."
        raise Invalid(f"{where} cannot have {instances} instances.", remedy, field="instances")
    most = max(MOST_ON.get(type(place.target), MOST), place.target.instances)
    if instances > most:
        raise Invalid(
            f"{instances} instances of {where} are too many.", f"At most {most} are taken.", field="instances"
        )
    return instances


def with_choices(catalog: Catalog, components: Iterable[Component]) -> Catalog:
    """The catalog with the numbers that people chose and that still hold in place of the settings'."""
    chosen = {(one.service, one.environment): one for one in components if one.chosen is not None}
    services = {name for name, _ in chosen}
    if not services:
        return catalog
    sized = {name: _sized(one, chosen) if name in services else one for name, one in catalog.services.items()}
    return replace(catalog, services=sized)


def _sized(service: Service, chosen: Mapping[tuple[ServiceName, EnvironmentName], Component]) -> Service:
    placements = {
        name: place if (found := chosen.get((service.name, name))) is None else _with_choice(place, found)
        for name, place in service.placements.items()
    }
    return replace(service, placements=placements)


def _with_choice(place: Placement, component: Component) -> Placement:
    choice = chosen_of(component, place.target.instances)
    return place if choice is None else replace(place, target=replace(place.target, instances=choice.instances))
