"""The engine's half of the house: managers, components, deployments, and what its gates ask of the other half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerting.incidents.journal import IncidentJournal
from bot.house.alerting_half import Alerting
from bot.house.bridges import EngineAlerts, EngineIncidents, EngineMetrics
from bot.house.fitness import Fitness
from bot.house.ground import Ground
from bot.settings.backups import load_backup_urls
from bot.settings.gates import load_hook_secrets
from bot.settings.shortages import Shortages
from bot.watch.rule_health import RuleHealth, healths_of
from engine.backups.backups import Backups
from engine.components.desk import LifecycleDesk
from engine.components.manager import ComponentManager
from engine.components.routing import RouterWatch
from engine.deployments.desk import DeploymentDesk
from engine.deployments.drive import Drive
from engine.deployments.journal import PREFIX, DeploymentJournal
from engine.deployments.releases import Releases
from engine.durable import MayAct
from engine.durable_dbos import DbosDurable
from engine.infrastructure.copying import Copier
from engine.infrastructure.hooks import HttpHooks
from engine.infrastructure.platform import Ground as PlatformGround
from engine.infrastructure.platform import router_ports_of
from engine.infrastructure.platforms import Platforms
from engine.permits.desk import PermitDesk
from engine.permits.journal import PermitJournal
from engine.permits.keeper import Keeper
from engine.trains.deeds import Yard
from engine.trains.desk import TrainDesk
from engine.trains.drive import TrainDrive
from engine.trains.journal import PREFIX as TRAINS
from engine.trains.journal import TrainJournal


@dataclass(frozen=True, slots=True)
class Engine:
    """The half that deploys."""

    platforms: Platforms
    components: ComponentManager
    routers: RouterWatch
    lifecycle: LifecycleDesk
    journal: DeploymentJournal
    desk: DeploymentDesk
    releases: Releases
    permits: PermitDesk
    permit_journal: PermitJournal
    keeper: Keeper
    trains: TrainDesk
    train_journal: TrainJournal

    async def resume_all(self) -> None:
        """Give all that is under way its loops again; those that run are left alone."""
        await self.desk.resume_all()
        await self.trains.resume_all()


def build_engine(ground: Ground, durable: DbosDurable, journal: DeploymentJournal, may_act: MayAct) -> Engine:
    """Managers, components and the deployments' desk."""
    data, now, catalog = ground.settings.data, ground.now, ground.catalog
    shortages = Shortages(ground.settings)
    platforms = Platforms(
        PlatformGround(data, now, lambda: router_ports_of(catalog())), may_act, lacks=shortages.blocks
    )
    components = ComponentManager(
        ground.database.log, platforms, platforms, ground.probe, catalog, now=now, end_of=journal.end_of
    )
    log = ground.database.log
    releases, permit_journal = Releases(log), PermitJournal(log)
    # Deployments plan, and are held to, the numbers of instances that people chose.
    sized = components.sized
    keeper = Keeper(permit_journal, journal, sized, EngineIncidents(IncidentJournal(log)))
    desk = DeploymentDesk(
        journal,
        sized,
        platforms,
        components,
        durable,
        permits=keeper,
        releases=releases,
        now=now,
        premises=Fitness(shortages, platforms),
    )
    lifecycle = LifecycleDesk(components, journal, keeper, catalog, now=now)
    permits = PermitDesk(permit_journal, journal, catalog, durable, now=now)
    trains, yard = TrainJournal(log), Yard(desk, journal, releases, components, sized, now, may_act)
    ground.turns[TRAINS] = TrainDrive(trains, yard).turn
    train_desk = TrainDesk(trains, yard, durable)
    return Engine(
        platforms,
        components,
        RouterWatch(log, platforms, platforms, now=now),
        lifecycle,
        journal,
        desk,
        releases,
        permits,
        permit_journal,
        keeper,
        train_desk,
        trains,
    )


def join(ground: Ground, engine: Engine, alerting: Alerting, acting: Callable[[], bool], may_act: MayAct) -> None:
    """Let alerting's alerts and metrics be the engine's gates; `acting` says whether rules are evaluated here."""
    interval = ground.settings.file.evaluation.interval.total_seconds()

    async def healths() -> Sequence[RuleHealth]:
        if acting():
            return healths_of(alerting.evaluator.snapshot(), interval)
        return await alerting.healths.read()

    drive = Drive(
        engine.journal,
        engine.components.sized,
        engine.platforms,
        engine.platforms,
        engine.components,
        EngineMetrics(alerting.source),
        EngineAlerts(alerting.store.all, healths, now=ground.now),
        hooks=HttpHooks(ground.session, load_hook_secrets(ground.settings).get),
        permits=engine.keeper,
        releases=engine.releases,
        backups=Backups(ground.settings.data / "backups", Copier(load_backup_urls(ground.settings)), now=ground.now),
        now=ground.now,
        may_act=may_act,
    )
    ground.turns[PREFIX] = engine.trains.following(drive.turn)
