"""Whether what a service runs on can do what its strategy asks of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.settings.model import File, ServicePart
from bot.settings.pin_checks import unpinnable, unseen
from bot.settings.positions import Field
from bot.settings.strategies import to_strategy
from bot.settings.strategy_parts import StrategyPart
from bot.settings.target_checks import TargetPart, target_sections
from bot.settings.target_parts import KubernetesPart, PlacementPart
from engine.deployments.strategies import strategy_of

Fault = tuple[Field, str]
Found = tuple[Field, StrategyPart, PlacementPart, str, TargetPart]


def fit_faults(file: File) -> Iterator[Fault]:
    """Strategies that could not be carried out where they are to."""
    for field, strategy, place, _, section in _fits(file):
        why = unpinnable(strategy.pin, section, place) if strategy.pin is not None else None
        if why is not None:
            told = f"strategy {place.strategy!r} pins requests, and {why[0]}"
            yield field, f"{told}; {why[1]}, remove the `pin`, or choose another strategy here"
        if isinstance(section, KubernetesPart):
            yield from _kubernetes(field, strategy, place, section)


def fit_warnings(file: File) -> Iterator[Fault]:
    """What works and is less than it could be: a preview that nobody can look at."""
    for field, strategy, place, _, section in _fits(file):
        remedy = unseen(strategy.pin, section, place) if strategy.kind == "blue-green" else ""
        if remedy:
            yield field, f"nobody can look at the preview of this blue-green; {remedy}"


def _fits(file: File) -> Iterator[Found]:
    """Each placement whose strategy and section are known; what is wrong with others is told elsewhere."""
    for name, service in file.services.items():
        for environment, place in service.environments.items():
            strategy, found = file.strategies.get(place.strategy), _section(service, place)
            if strategy is not None and found is not None:
                field: Field = ("services", name, "environments", environment, "strategy")
                yield field, strategy, place, *found


def _section(service: ServicePart, place: PlacementPart) -> tuple[str, TargetPart] | None:
    return next(iter((target_sections(place) or target_sections(service)).items()), None)


def _kubernetes(field: Field, strategy: StrategyPart, place: PlacementPart, part: KubernetesPart) -> Iterator[Fault]:
    if strategy.kind == "blue-green" and part.router == "replicas":
        told = "a blue-green needs pods without requests, and with router replicas each serves as soon as it is ready"
        yield field, f"{told}; use router gateway or service, or another strategy here"
    spec = to_strategy(place.strategy, strategy, ())
    faulty = any(True for _ in strategy_of(strategy.kind).faults(spec))
    weights = [] if faulty else [step.weight for step in strategy_of(strategy.kind).steps(spec, place.instances)]
    parts = [weight for weight in weights if weight not in {0, 100}]
    if part.router == "service" and parts:
        told = f"a Service sends all requests to one version, never {parts[0]} %"
        yield field, f"{told}; use router gateway or replicas, or a strategy that switches at once, such as blue-green"
