"""From gates and their measurements to the API's shapes. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.inputs.api import schemas_gates as shapes
from engine.deployments.deployment import Measurement
from engine.strategy_specs import CompareSpec, GateSpec, HookSpec


def gate(spec: GateSpec) -> shapes.Gate:
    """What a gate asks."""
    return shapes.Gate(
        name=spec.name,
        kind=spec.kind,
        query=spec.query,
        comparison=spec.comparison,
        threshold=spec.threshold,
        unit=spec.unit,
        rule=spec.rule,
        minimum_samples=spec.minimum_samples,
        when=spec.when,
        compare=_compare(spec.compare) if spec.compare else None,
        hook=_hook(spec.hook) if spec.hook else None,
    )


def _compare(spec: CompareSpec) -> shapes.Compare:
    ceiling = spec.latency_ceiling
    return shapes.Compare(
        errors=spec.errors,
        requests=spec.requests,
        latency=spec.latency,
        minimum=spec.minimum,
        alpha=spec.alpha,
        margin=spec.margin,
        ceiling=spec.ceiling,
        latency_ratio=spec.latency_ratio,
        latency_ceiling_seconds=ceiling.total_seconds() if ceiling else None,
    )


def _hook(spec: HookSpec) -> shapes.Hook:
    return shapes.Hook(url=shown_address(spec.url), timeout_seconds=spec.timeout.total_seconds())


def shown_address(url: str) -> str:
    """An address without user, password and query, which may be secret."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def measurement(one: Measurement) -> shapes.Measurement:
    """What a gate said."""
    shown = shapes.Measurement.model_validate(one)
    verb, _, url = one.query.partition(" ")
    return shown.model_copy(update={"query": f"{verb} {shown_address(url)}"}) if one.kind == "hook" and url else shown
