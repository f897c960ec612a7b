"""What the shape alone can't say: names that must exist elsewhere in the file, values that contradict each other.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rapidfuzz import process

from alerting.rules.expression import Kind, parse_expression
from bot.settings.model import File
from bot.settings.placeholders import strays_in_query
from bot.settings.positions import Field
from bot.settings.strategy_parts import GatePart, StrategyPart
from bot.settings.target_checks import target_faults
from engine.deployments.deployment import PersonId
from engine.security.identity import SYSTEM, Person
from engine.security.permissions import Permission, Role, allowed

Fault = tuple[Field, str]

# Enough to see whether a query is PromQL before a deployment asks it.
SAMPLES: Final = {
    "{service}": "shop",
    "{environment}": "production",
    "{version}": "v2",
    "{previous}": "v1",
    "{window}": "60s",
}


def find_faults(file: File) -> list[Fault]:
    """Every fault as (field, message), in the order of the sections."""
    return [
        *_pool(file),
        *_people(file),
        *_environments(file),
        *_strategies(file),
        *_services(file),
        *_policies(file),
        *_schedules(file),
    ]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`there is no strategy 'carful'. Did you mean 'careful'?`, or the list of what there is."""
    names = list(known)
    near = process.extractOne(name, names, score_cutoff=60)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names) or 'none yet'}."
    return f"there is no {what} {name[:60]!r}. {hint}"


def _pool(file: File) -> Iterator[Fault]:
    least, most = file.pool.min_connections, file.pool.max_connections
    if least > most:
        field = "min_connections" if "min_connections" in file.pool.model_fields_set else "max_connections"
        yield ("pool", field), f"min_connections, {least}, can't be more than max_connections, {most}"


def _people(file: File) -> Iterator[Fault]:
    environments = {*file.environments, "*"}
    slack = Counter(person.slack for person in file.people.values())
    for name, person in file.people.items():
        field: Field = ("people", name)
        if name == SYSTEM.id:
            yield field, f"{name!r} is what Pilothouse calls itself; choose another name"
        if slack[person.slack] > 1:
            yield (
                (*field, "slack"),
                f"{person.slack} is given to two people; each needs an identity of their own",
            )
        yield from _zone((*field, "timezone"), person.timezone)
        for environment in person.roles:
            if environment not in environments:
                yield (*field, "roles", environment), unknown("environment", environment, environments)


def _zone(field: Field, name: str) -> Iterator[Fault]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield field, f"there is no time zone {name!r}; write one such as Europe/Paris or UTC"


def _environments(file: File) -> Iterator[Fault]:
    for name, part in file.environments.items():
        askers, approvers = _holders(file, Permission.DEPLOY, name), _holders(file, Permission.APPROVE, name)
        # Whoever asks is no approver where four eyes are wanted; the best case is asked for.
        most = max((len(approvers - {one} if part.four_eyes else approvers) for one in askers), default=None)
        if most is not None and part.approvals > most:
            others = "beside the one who asks" if part.four_eyes else "there"
            told = f"{part.approvals} have to agree, and {most} may approve {others}, so nothing ever could be"
            yield ("environments", name, "approvals"), f"{told}; ask for fewer, or make more people approvers"


def _holders(file: File, permission: Permission, environment: str) -> frozenset[str]:
    """The ids of those who hold `permission` in `environment`."""
    people = {
        name: Person(PersonId(name), part.name, roles={where: Role(role) for where, role in part.roles.items()})
        for name, part in file.people.items()
    }
    return frozenset(name for name, person in people.items() if allowed(person, permission, environment))


def _strategies(file: File) -> Iterator[Fault]:
    for name, strategy in file.strategies.items():
        yield from _steps(("strategies", name), strategy)
        for index, gate in enumerate(strategy.gates):
            yield from _gate(("strategies", name, "gates", index), gate)
        twice = [gate for gate, count in Counter(gate.name for gate in strategy.gates).items() if count > 1]
        if twice:
            yield ("strategies", name, "gates"), f"two gates are called {twice[0]!r}; give each its own name"


def _steps(field: Field, strategy: StrategyPart) -> Iterator[Fault]:
    weights = [step.weight for step in strategy.steps]
    if strategy.kind == "canary" and not weights:
        yield field, "a canary needs steps, such as {weight: 10, dwell: 1m} up to weight 100"
    elif strategy.kind == "canary" and (weights != sorted(set(weights)) or weights[-1] != 100):
        yield (*field, "steps"), f"the weights have to rise and end at 100, not {weights}"
    if strategy.kind == "rolling" and weights:
        yield (*field, "steps"), "a rolling strategy has no steps; leave them out, or use kind: canary"
    if strategy.max_surge + strategy.max_unavailable == 0:
        yield (
            (*field, "max_surge"),
            "max_surge and max_unavailable can't both be 0: nothing could be replaced",
        )


def _gate(field: Field, gate: GatePart) -> Iterator[Fault]:
    if gate.kind == "query" and not gate.query:
        yield field, "a query gate needs `query`, a PromQL expression that gives one number"
    foreign = [name for name in _foreign(gate) if name in gate.model_fields_set]
    if foreign:
        yield (*field, foreign[0]), f"belongs to another kind of gate than {gate.kind!r}; remove it or change `kind`"
    yield from _promql((*field, "query"), gate.query)
    yield from _promql((*field, "samples"), gate.samples)
    if gate.kind == "query" and (gate.below is None) == (gate.above is None):
        yield field, "a query gate needs exactly one of `below` and `above`"
    if gate.at_least and not gate.samples:
        yield (*field, "at_least"), "needs `samples`, the PromQL expression that counts the samples"


def _foreign(gate: GatePart) -> tuple[str, ...]:
    of_query = ("query", "below", "above", "samples", "at_least")
    return {"query": ("rule",), "rule": of_query}.get(gate.kind, (*of_query, "rule"))


def _promql(field: Field, query: str) -> Iterator[Fault]:
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


def _services(file: File) -> Iterator[Fault]:
    places = [place for service in file.services.values() for place in service.environments.values()]
    ports = Counter(port for place in places for port in (place.port, place.preview_port) if port is not None)
    for name, service in file.services.items():
        yield from target_faults(name, service)
        for index, figure in enumerate(service.figures):
            yield from _promql(("services", name, "figures", index, "query"), figure.query)
        for environment, place in service.environments.items():
            field: Field = ("services", name, "environments", environment)
            if environment not in file.environments:
                yield field, unknown("environment", environment, file.environments)
            if place.strategy not in file.strategies:
                yield (*field, "strategy"), unknown("strategy", place.strategy, file.strategies)
            for key, port in (("port", place.port), ("preview_port", place.preview_port)):
                if port is not None and (ports[port] > 1 or port == file.http.port):
                    yield (*field, key), f"port {port} is taken by another part of this file; choose another"


def _policies(file: File) -> Iterator[Fault]:
    for name, policy in file.policies.items():
        for index, step in enumerate(policy.steps):
            for number, target in enumerate(step.page):
                kind, _, who = target.partition(":")
                known = file.schedules if kind == "schedule" else file.people
                if who.removesuffix("/next") not in known:
                    yield ("policies", name, "steps", index, "page", number), unknown(kind, who, known)


def _schedules(file: File) -> Iterator[Fault]:
    for name, schedule in file.schedules.items():
        if not 2000 <= schedule.starts.year <= 2100:
            yield ("schedules", name, "starts"), "has to be a day of this century, such as 2026-01-05T09:00:00Z"
        yield from _zone(("schedules", name, "timezone"), schedule.timezone)
        for index, person in enumerate(schedule.people):
            if person not in file.people:
                yield ("schedules", name, "people", index), unknown("person", person, file.people)
