"""Gates in the words of the engine, and the secrets that hooks are signed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.settings.gate_parts import GatePart
from bot.settings.model import File
from bot.settings.positions import Field
from bot.settings.problems import SettingsProblem
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
    """The value of each variable that a hook's `secret_env` names; "" for those that are not set."""
    return read_variables(variable for _, variable in _secrets(settings.file))


def unset_hook_secrets(settings: Settings) -> Iterator[tuple[Field, SettingsProblem]]:
    """The fields whose variable is not set, each with what is to be said of it."""
    secrets = load_hook_secrets(settings)
    told = "is not set in the environment; set it, or leave `secret_env` out for calls without a signature"
    for field, variable in _secrets(settings.file):
        if not secrets[variable]:
            yield field, SettingsProblem(str(settings.path), 0, ".".join(map(str, field)), f"{variable} {told}")


def _secrets(file: File) -> Iterator[tuple[Field, str]]:
    for name, strategy in file.strategies.items():
        for index, gate in enumerate(strategy.gates):
            if gate.secret_env:
                yield ("strategies", name, "gates", index, "secret_env"), gate.secret_env


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
