"""The settings file in the words of the rooms: the engine's catalog and people, alerting's routes and schedules."""

from __future__ import annotations

from collections.abc import Mapping

from alerting.incidents.incident import PageStep
from alerting.incidents.incident import PersonId as AlertingPersonId
from alerting.oncall.escalation import EscalationPolicy
from alerting.oncall.rotation import Rotation
from bot.settings.backup_parts import BackupPart, to_backup
from bot.settings.gates import to_gate
from bot.settings.model import EnvironmentPart, File, ServicePart
from bot.settings.permit_parts import to_window
from bot.settings.read import Settings
from bot.settings.strategies import to_strategy
from bot.settings.target_parts import PlacementPart
from bot.settings.targets import to_target
from engine.backups.specs import BackupSpec
from engine.catalog import (
    ApprovalGroup,
    Catalog,
    Environment,
    EnvironmentName,
    Figure,
    HealthCheck,
    Placement,
    Service,
    ServiceName,
)
from engine.deployments.deployment import PersonId
from engine.security.identity import Person, SlackId, SlackTeam, SlackUser
from engine.security.permissions import Role
from engine.strategy_specs import StrategySpec


def to_catalog(settings: Settings) -> Catalog:
    """Services and environments; paths made absolute from the settings file's folder."""
    strategies = {
        name: to_strategy(name, part, tuple(map(to_gate, part.gates)))
        for name, part in settings.file.strategies.items()
    }
    return Catalog(
        services={
            ServiceName(name): _service(settings, ServiceName(name), part, strategies)
            for name, part in settings.file.services.items()
        },
        environments={
            EnvironmentName(name): _environment(settings.file, EnvironmentName(name), part)
            for name, part in settings.file.environments.items()
        },
        concurrent=settings.file.deployments.max_concurrent,
    )


def _environment(file: File, name: EnvironmentName, part: EnvironmentPart) -> Environment:
    group = part.approval_group
    return Environment(
        name,
        part.approvals,
        part.four_eyes,
        part.approval_expires,
        group=ApprovalGroup(group, frozenset(file.groups[group])) if group else None,
        windows=tuple(map(to_window, part.freezes)),
        concurrent=part.max_concurrent,
        incident_freeze=part.incident_freeze,
        known_bad=part.known_bad,
        lock_after_rollback=part.lock_after_rollback,
        rollback_lock=part.rollback_lock,
    )


def _backup(settings: Settings, part: BackupPart | None) -> BackupSpec | None:
    return to_backup(part, str(settings.resolve(part.sqlite.path)) if part and part.sqlite else "")


def _service(
    settings: Settings, name: ServiceName, part: ServicePart, strategies: Mapping[str, StrategySpec]
) -> Service:
    return Service(
        name=name,
        description=part.description,
        channel=part.channel or settings.file.channels.deploys,
        placements={
            EnvironmentName(environment): _placement(
                settings, name, EnvironmentName(environment), part, place, strategies
            )
            for environment, place in part.environments.items()
        },
        depends_on=tuple(map(ServiceName, part.depends_on)),
    )


def _placement(
    settings: Settings,
    service: ServiceName,
    environment: EnvironmentName,
    part: ServicePart,
    place: PlacementPart,
    strategies: Mapping[str, StrategySpec],
) -> Placement:
    return Placement(
        service=service,
        environment=environment,
        target=to_target(settings, part, place),
        health=HealthCheck(**dict(part.health)),
        strategy=strategies[place.strategy],
        figures=tuple(Figure(figure.name, figure.query, figure.unit) for figure in part.figures),
        backup=_backup(settings, place.backup or part.backup),
    )


def to_people(file: File) -> tuple[Person, ...]:
    """Everyone who may use Pilothouse, and the triggers, each of which may deploy to its one environment."""
    people = (
        Person(
            id=PersonId(name),
            name=part.name,
            slack=(slack_id(part.slack),),
            email=part.email,
            timezone=part.timezone,
            roles={environment: Role(role) for environment, role in part.roles.items()},
        )
        for name, part in file.people.items()
    )
    triggers = (
        Person(PersonId(name), f"trigger {name}", roles={part.environment: Role.DEPLOYER})
        for name, part in file.triggers.items()
    )
    return (*people, *triggers)


def slack_id(identity: str) -> SlackId:
    """`T0/U0` as team and user."""
    team, _, user = identity.partition("/")
    return SlackTeam(team), SlackUser(user)


def to_policies(file: File) -> dict[str, EscalationPolicy]:
    """How pages climb."""
    return {
        name: EscalationPolicy(
            name=name,
            steps=tuple(PageStep(step.after.total_seconds(), tuple(step.page)) for step in part.steps),
            repeat=part.repeat,
        )
        for name, part in file.policies.items()
    }


def to_rotations(file: File) -> dict[str, Rotation]:
    """Who is on call when."""
    return {
        name: Rotation(
            name=name,
            people=tuple(AlertingPersonId(person) for person in part.people),
            starts_at=part.starts,
            length=part.every,
            handoff=part.handoff,
            timezone=part.timezone,
        )
        for name, part in file.schedules.items()
    }
