"""A strategy of the settings file as the engine sees it, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.settings.positions import Field
from bot.settings.strategy_parts import PinPart, StrategyPart
from engine.deployments.strategies import strategy_of
from engine.strategy_specs import CanaryStep, GateSpec, Pin, StrategySpec


def to_strategy(name: str, part: StrategyPart, gates: Sequence[GateSpec]) -> StrategySpec:
    """The strategy with its gates."""
    return StrategySpec(
        name=name,
        kind=part.kind,
        steps=tuple(CanaryStep(step.weight, step.dwell, step.approval) for step in part.steps),
        gates=tuple(gates),
        max_surge=part.max_surge,
        max_unavailable=part.max_unavailable,
        warm_up=part.warm_up,
        progress_deadline=part.progress_deadline,
        approval=part.approval,
        dwell=part.dwell,
        keep_old=part.keep_old,
        pin=_pin(part.pin),
    )


def strategy_faults(field: Field, name: str, part: StrategyPart) -> Iterator[tuple[Field, str]]:
    """Why a strategy cannot be carried out, as (field, message); its gates are checked on their own."""
    for fault in strategy_of(part.kind).faults(to_strategy(name, part, ())):
        yield (*field, fault.field), f"{fault.what}; {fault.remedy}"


def _pin(part: PinPart | None) -> Pin | None:
    return Pin(part.kind, part.name, part.value) if part else None
