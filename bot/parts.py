"""The rooms as they are built: the ground all stand on, the engine's half, alerting's half."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from alerting.incidents.desk import IncidentDesk
from alerting.incidents.journal import IncidentJournal
from alerting.metrics.prometheus import PrometheusSource
from alerting.oncall.escalator import Escalator
from alerting.oncall.rotation import Rotation
from alerting.routing.route import Routing
from alerting.rules.evaluate import Evaluator
from alerting.rules.rule import RuleGroup
from bot.bridges import RULE_INTERVAL, DeploymentChanges, EngineAlerts, EngineMetrics
from bot.chat.assembly import Speaking
from bot.chat.tellers import INCIDENTS
from bot.settings.domain import to_policies, to_rotations, to_routes
from bot.settings.read import Settings
from bot.watch import Watch
from engine.catalog import Catalog
from engine.components.manager import ComponentManager
from engine.components.probe import HttpProbe
from engine.deployments.desk import DeploymentDesk
from engine.deployments.drive import Drive
from engine.deployments.journal import PREFIX, DeploymentJournal
from engine.durable import Turn
from engine.durable_dbos import DbosDurable
from engine.infrastructure.artifacts import LocalArtifacts
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager
from engine.security.audit import Audit
from engine.security.identity import Directory
from engine.security.sessions import Sessions
from engine.security.tokens import Tokens
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Ground:
    """What every room stands on. `turns` is who takes the turns of a subject, by the prefix of its name."""

    settings: Settings
    database: Database
    session: aiohttp.ClientSession
    probe: HttpProbe
    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    now: Callable[[], datetime]
    turns: dict[str, Turn] = field(default_factory=dict)

    @property
    def tokens(self) -> Tokens:
        """Bearer tokens."""
        return Tokens(self.database.records)

    @property
    def sessions(self) -> Sessions:
        """Signed-in browsers."""
        return Sessions(self.database.records, self.database.claims)

    @property
    def audit(self) -> Audit:
        """Who did what."""
        return Audit(self.database.log, now=self.now)


@dataclass(frozen=True, slots=True)
class Engine:
    """The half that deploys."""

    manager: LocalManager
    shifter: ProxyShifter
    artifacts: LocalArtifacts
    components: ComponentManager
    journal: DeploymentJournal
    desk: DeploymentDesk


@dataclass(frozen=True, slots=True)
class Alerting:
    """The half that watches and pages."""

    rotations: Mapping[str, Rotation]
    journal: IncidentJournal
    desk: IncidentDesk
    source: PrometheusSource
    evaluator: Evaluator
    watch: Watch


def build_alerting(
    ground: Ground,
    groups: Sequence[RuleGroup],
    durable: DbosDurable,
    deployments: DeploymentJournal,
    speaking: Speaking,
) -> Alerting:
    """Rules, incidents and escalation; `deployments` is asked for suspects."""
    file, now = ground.settings.file, ground.now
    source = PrometheusSource(ground.session, ground.settings.prometheus_url)
    evaluator = Evaluator(groups, source, ground.database.records, now=now, default_interval=RULE_INTERVAL)
    journal, rotations = IncidentJournal(ground.database.log), to_rotations(file)
    *routes, default = to_routes(file)
    desk = IncidentDesk(
        journal,
        Routing(default, tuple(routes)),
        to_policies(file),
        rotations,
        DeploymentChanges(deployments),
        durable,
        now=now,
    )
    watch = Watch(evaluator, desk, journal, now=now)
    ground.turns[INCIDENTS] = Escalator(journal, rotations, speaking.pager, now=now).turn
    return Alerting(rotations, journal, desk, source, evaluator, watch)


def build_engine(ground: Ground, durable: DbosDurable, journal: DeploymentJournal) -> Engine:
    """Managers, components and the deployments' desk."""
    data, now, catalog = ground.settings.data, ground.now, ground.catalog
    manager, shifter = LocalManager(data / "instances", now=now), ProxyShifter(data / "proxy")
    artifacts = LocalArtifacts()
    components = ComponentManager(ground.database.log, manager, shifter, ground.probe, catalog, now=now)
    desk = DeploymentDesk(journal, catalog, artifacts, components, durable, now=now)
    return Engine(manager, shifter, artifacts, components, journal, desk)


def join(ground: Ground, engine: Engine, alerting: Alerting) -> None:
    """Let alerting's alerts and metrics be the engine's gates."""
    drive = Drive(
        engine.journal,
        ground.catalog,
        engine.manager,
        engine.shifter,
        engine.components,
        EngineMetrics(alerting.source),
        EngineAlerts(alerting.watch.rows, alerting.evaluator.snapshot, now=ground.now),
        now=ground.now,
    )
    ground.turns[PREFIX] = drive.turn
