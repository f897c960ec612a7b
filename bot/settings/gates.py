"""Gates in the words of the engine, and the secrets that hooks are signed with."""

from __future__ import annotations

from collections.abc import Mapping

from bot.settings.gate_parts import GatePart
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings, read_variables
from engine.strategy_specs import CompareSpec, GateSpec, HookSpec


def to_gate(part: GatePart) -> GateSpec:
    """The gate as the engine asks it."""
    above = part.above is not None
    return GateSpec(
        name=part.name,
        kind=part.kind,
        query=part.query,
        comparison=">" if above else "<",
        threshold=(part.above if part.above is not None else part.below) or 0.0,
        unit=part.unit,
        rule=part.rule,
        samples_query=part.samples,
        minimum_samples=part.at_least,
        when=part.when,
        compare=_compare(part) if part.kind == "comparison" else None,
        hook=HookSpec(part.url, part.secret_env, part.timeout) if part.kind == "hook" else None,
    )


def load_hook_secrets(settings: Settings) -> Mapping[str, str]:
    """The value of each variable that a hook's `secret_env` names. Raises SettingsWrong for those that are not set."""
    named = {
        gate.secret_env: f"strategies.{name}.gates.{index}.secret_env"
        for name, strategy in settings.file.strategies.items()
        for index, gate in enumerate(strategy.gates)
        if gate.secret_env
    }
    secrets = read_variables(named)
    unset = [variable for variable in named if not secrets[variable]]
    if unset:
        told = "is not set in the environment; set it, or leave `secret_env` out for calls without a signature"
        raise SettingsWrong([SettingsProblem(str(settings.path), 0, named[one], f"{one} {told}") for one in unset])
    return secrets


def _compare(part: GatePart) -> CompareSpec:
    return CompareSpec(
        errors=part.errors,
        requests=part.requests,
        latency=part.latency,
        minimum=part.minimum,
        alpha=part.alpha,
        margin=part.margin,
        ceiling=part.ceiling,
        latency_ratio=part.latency_ratio,
        latency_ceiling=part.latency_ceiling,
    )
