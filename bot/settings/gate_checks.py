"""What is wrong with a gate: fields of another kind, fields that are missing, text that is no PromQL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from alerting.rules.expression import Kind, parse_expression
from bot.settings.gate_parts import GatePart
from bot.settings.placeholders import strays_in_query
from bot.settings.positions import Field

Fault = tuple[Field, str]

LONGEST_TIMEOUT: Final = timedelta(seconds=30)  # the deployment's loop waits for the answer

# Enough to see whether a query is PromQL before a deployment asks it.
SAMPLES: Final = {
    "{service}": "shop",
    "{environment}": "production",
    "{version}": "v2",
    "{previous}": "v1",
    "{window}": "60s",
}
QUERIES: Final = ("query", "samples", "errors", "requests", "latency")
_COMMON: Final = frozenset({"name", "kind", "when", "unit"})
_LATENCY: Final = frozenset({"latency_ratio", "latency_ceiling"})
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "query": frozenset({"query", "below", "above", "samples", "at_least"}),
    "rule": frozenset({"rule"}),
    "health": frozenset(),
    "approval": frozenset(),
    "comparison": frozenset({"errors", "requests", "latency", "minimum", "alpha", "margin", "ceiling"}) | _LATENCY,
    "hook": frozenset({"url", "secret_env", "timeout"}),
}


def gate_faults(field: Field, gate: GatePart, strategy: str) -> Iterator[Fault]:
    """Every fault of a gate of a strategy of that kind, as (field, message)."""
    if gate.kind == "query" and not gate.query:
        yield field, "a query gate needs `query`, a PromQL expression that gives one number"
    foreign = [name for name in type(gate).model_fields if _is_foreign(name, gate)]
    if foreign:
        yield (*field, foreign[0]), f"belongs to another kind of gate than {gate.kind!r}; remove it or change `kind`"
    for name in QUERIES:
        yield from promql_faults((*field, name), getattr(gate, name))
    if gate.kind == "query" and (gate.below is None) == (gate.above is None):
        yield field, "a query gate needs exactly one of `below` and `above`"
    if gate.at_least and not gate.samples:
        yield (*field, "at_least"), "needs `samples`, the PromQL expression that counts the samples"
    if gate.kind == "comparison":
        yield from _comparison(field, gate)
    if gate.kind == "hook":
        yield from _hook(field, gate)
    yield from _time(field, gate, strategy)


def promql_faults(field: Field, query: str) -> Iterator[Fault]:
    """What is wrong with a query that has to give one number; an empty one is none."""
    text = query
    for name, sample in SAMPLES.items():
        text = text.replace(name, sample)
    yield from ((field, stray) for stray in strays_in_query(query))
    try:
        kind = parse_expression(text).kind if text else Kind.SCALAR
    except ValueError as error:
        yield field, f"is no PromQL: {' '.join(str(error).split())[:200]}"
    else:
        if kind not in {Kind.VECTOR, Kind.SCALAR}:
            yield field, f"has to give one number, and gives a {kind}"


def _is_foreign(name: str, gate: GatePart) -> bool:
    return name in gate.model_fields_set and name not in _COMMON | _OWN[gate.kind]


def _comparison(field: Field, gate: GatePart) -> Iterator[Fault]:
    for name in ("errors", "requests"):
        if not getattr(gate, name):
            yield field, f"a comparison needs `{name}`, a PromQL expression that counts them for {{version}}"
    for name in ("errors", "requests", "latency"):
        query = getattr(gate, name)
        if query and "{version}" not in query:
            yield (*field, name), "has to hold {version}: it is asked for the new version, then for the stable one"
    for name in ("errors", "requests"):
        query = getattr(gate, name)
        if query and "{window}" not in query:
            yield (*field, name), "has to hold {window}: both versions are counted over the same time"
    lone = sorted(_LATENCY & gate.model_fields_set)
    if lone and not gate.latency:
        yield (*field, lone[0]), "needs `latency`, the PromQL expression that gives it for {version}"


def _hook(field: Field, gate: GatePart) -> Iterator[Fault]:
    if not gate.url:
        yield field, "a hook needs `url`, the address of the check"
    if not timedelta(0) < gate.timeout <= LONGEST_TIMEOUT:
        yield (*field, "timeout"), "has to be above 0s and at most 30s; a check that takes longer answers in-progress"


def _time(field: Field, gate: GatePart, strategy: str) -> Iterator[Fault]:
    if gate.when != "always" and strategy != "blue-green":
        yield (*field, "when"), f"belongs to a blue-green strategy, which has a switch; {strategy!r} has none"
    if gate.kind == "comparison" and strategy == "blue-green" and gate.when != "after":
        yield field, "a comparison needs requests, so in a blue-green strategy it needs `when: after`"
