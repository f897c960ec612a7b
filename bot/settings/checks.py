"""What the shape alone can't say: names that must exist elsewhere in the file, values that contradict each other.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rapidfuzz import process

from bot.settings.fit_checks import fit_faults
from bot.settings.gate_checks import gate_faults, promql_faults
from bot.settings.model import File
from bot.settings.permit_parts import FreezePart, freeze_fault
from bot.settings.positions import Field
from bot.settings.strategies import strategy_faults
from bot.settings.target_checks import backend_faults, target_faults
from bot.settings.trigger_checks import schedule_faults, trigger_faults
from engine.deployments.deployment import PersonId
from engine.flows.waves import find_circle
from engine.security.identity import SYSTEM, Person
from engine.security.permissions import Permission, Role, allowed

Fault = tuple[Field, str]


def find_faults(file: File) -> list[Fault]:
    """Every fault as (field, message), in the order of the sections."""
    return [
        *_pool(file),
        *_people(file),
        *_groups(file),
        *_environments(file),
        *_strategies(file),
        *_services(file),
        *fit_faults(file),
        *_dependencies(file),
        *_policies(file),
        *_schedules(file),
        *_triggers(file),
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


def _groups(file: File) -> Iterator[Fault]:
    for name, people in file.groups.items():
        for index, person in enumerate(people):
            if person not in file.people:
                yield ("groups", name, index), unknown("person", person, file.people)


def _environments(file: File) -> Iterator[Fault]:
    for name, part in file.environments.items():
        yield from _freezes(("environments", name, "freezes"), part.freezes)
        group = part.approval_group
        if group is not None and group not in file.groups:
            yield ("environments", name, "approval_group"), unknown("group", group, file.groups)
            continue
        askers, approvers = _holders(file, Permission.DEPLOY, name), _holders(file, Permission.APPROVE, name)
        approvers &= frozenset(file.groups[group] if group else approvers)
        # Whoever asks is no approver where four eyes are wanted; the best case is asked for.
        most = max((len(approvers - {one} if part.four_eyes else approvers) for one in askers), default=None)
        if most is not None and part.approvals > most:
            others = "beside the one who asks" if part.four_eyes else "there"
            others += f" and are in {group}" if group else ""
            told = f"{part.approvals} have to agree, and {most} may approve {others}, so nothing ever could be"
            yield ("environments", name, "approvals"), f"{told}; ask for fewer, or make more people approvers"


def _freezes(field: Field, freezes: Sequence[FreezePart]) -> Iterator[Fault]:
    for index, part in enumerate(freezes):
        wrong = list(_zone((*field, index, "timezone"), part.timezone))
        yield from wrong
        fault = None if wrong else freeze_fault(part)
        if fault is not None:
            yield (*field, index, fault[0]), fault[1]


def _holders(file: File, permission: Permission, environment: str) -> frozenset[str]:
    """The ids of those who hold `permission` in `environment`."""
    people = {
        name: Person(PersonId(name), part.name, roles={where: Role(role) for where, role in part.roles.items()})
        for name, part in file.people.items()
    }
    return frozenset(name for name, person in people.items() if allowed(person, permission, environment))


def _strategies(file: File) -> Iterator[Fault]:
    for name, strategy in file.strategies.items():
        yield from strategy_faults(("strategies", name), name, strategy)
        for index, gate in enumerate(strategy.gates):
            yield from gate_faults(("strategies", name, "gates", index), gate, strategy.kind)
        twice = [gate for gate, count in Counter(gate.name for gate in strategy.gates).items() if count > 1]
        if twice:
            yield ("strategies", name, "gates"), f"two gates are called {twice[0]!r}; give each its own name"


def _services(file: File) -> Iterator[Fault]:
    yield from backend_faults(file.services)
    places = [place for service in file.services.values() for place in service.environments.values()]
    ports = Counter(port for place in places for port in (place.port, place.preview_port) if port is not None)
    for name, service in file.services.items():
        yield from target_faults(name, service)
        for index, figure in enumerate(service.figures):
            yield from promql_faults(("services", name, "figures", index, "query"), figure.query)
        for environment, place in service.environments.items():
            field: Field = ("services", name, "environments", environment)
            if environment not in file.environments:
                yield field, unknown("environment", environment, file.environments)
            if place.strategy not in file.strategies:
                yield (*field, "strategy"), unknown("strategy", place.strategy, file.strategies)
            for key, port in (("port", place.port), ("preview_port", place.preview_port)):
                if port is not None and (ports[port] > 1 or port == file.http.port):
                    yield (*field, key), f"port {port} is taken by another part of this file; choose another"


def _dependencies(file: File) -> Iterator[Fault]:
    for name, service in file.services.items():
        for index, needed in enumerate(service.depends_on):
            if needed not in file.services:
                yield ("services", name, "depends_on", index), unknown("service", needed, file.services)
    circle = find_circle({name: service.depends_on for name, service in file.services.items()})
    if circle:
        told = " depends on ".join(circle)
        yield ("services", circle[0], "depends_on"), f"{told}: none of them could come first; take one of these away"


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


def _triggers(file: File) -> Iterator[Fault]:
    yield from trigger_faults(file)
    for name, trigger in file.triggers.items():
        yield from _aim(("triggers", name), file, trigger.service, trigger.environment)
    yield from schedule_faults(file)
    for name, schedule in file.deploy_schedules.items():
        yield from _zone(("deploy_schedules", name, "timezone"), schedule.timezone)
        yield from _aim(("deploy_schedules", name), file, schedule.service, schedule.environment)


def _aim(field: Field, file: File, service: str, environment: str) -> Iterator[Fault]:
    if service not in file.services:
        yield (*field, "service"), unknown("service", service, file.services)
    elif environment not in file.services[service].environments:
        known = file.services[service].environments
        yield (*field, "environment"), unknown(f"environment of {service}", environment, known)
