"""Joins what deploys by itself with the rooms behind it: webhooks, their results, and the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import aiohttp
from aiohttp import web

from bot.clock.clockwork import Job
from bot.clock.duties import Work
from bot.house.ground import Ground
from bot.inputs.schedules import DeployByClock
from bot.inputs.webhooks.doors import Parts, add_webhooks
from bot.inputs.webhooks.inbox import Door, Inbox
from bot.results.client import Caller, StatusClient
from bot.results.github import HEADERS, GitHubStatuses
from bot.results.gitlab import GitLabStatuses
from bot.results.lane import Lane
from bot.results.results import Deployments, Results
from bot.settings.triggers import DeploySchedule, ResultsTo, Trigger
from engine.catalog import Catalog
from engine.ports import ArtifactSource, ComponentBook
from storage.database import Database

SECOND: Final = timedelta(seconds=1)
SWEEP: Final = timedelta(hours=6)
LEFT: Final = timedelta(seconds=30)
"""How often what triggers of earlier settings have left is looked for."""

Tell = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Around:
    """What the triggers need of the house. `acting`: whether this replica is the one that acts."""

    database: Database
    session: aiohttp.ClientSession
    catalog: Callable[[], Catalog]
    door: Door
    deployments: Deployments
    artifacts: ArtifactSource
    components: ComponentBook
    tell: Tell
    acting: Callable[[], bool]
    board_url: str
    now: Callable[[], datetime]

    async def versions(self, service: str, environment: str) -> Sequence[str]:
        """The versions there are, the newest last."""
        return await self.artifacts.versions(self.catalog().placement(service, environment))

    async def runs(self, service: str, environment: str) -> str | None:
        """The stable version."""
        return await self.components.stable(self.catalog().placement(service, environment))

    def link(self, deployment: str) -> str:
        """The page of a deployment; the board's first page without one."""
        return f"{self.board_url}/deployments/{deployment}" if deployment else f"{self.board_url}/"


@dataclass(frozen=True, slots=True)
class Triggering:
    """Everything that deploys by itself."""

    triggers: tuple[Trigger, ...]
    inbox: Inbox
    results: Results
    clock: DeployByClock
    now: Callable[[], datetime]

    def serve(self, app: web.Application) -> None:
        """Add `/webhooks/github`, `/webhooks/gitlab` and `/webhooks/NAME`."""
        add_webhooks(app, Parts(self.triggers, self.inbox, self.now))

    def jobs(self) -> list[Job]:
        """What one replica does by the clock."""
        return [
            Job("webhooks", SECOND if self.triggers else LEFT, self.inbox.work),
            Job("old webhooks", SWEEP, self.inbox.sweep),
            Job("deploy schedules", SECOND, self.clock.tick),
        ]

    def duties(self) -> Mapping[str, Work]:
        """What one replica does without an end."""
        return {"results": self.results.run}


def build_triggering(
    triggers: tuple[Trigger, ...], schedules: tuple[DeploySchedule, ...], around: Around
) -> Triggering:
    """Join it all; nothing is started."""
    records, now = around.database.records, around.now
    lanes = {
        one.name: Lane(one.name, _client(one, one.results, around), records, around.tell, now=now, acting=around.acting)
        for one in triggers
        if one.results is not None
    }
    results = Results(records, around.database.log, around.deployments, lanes, around.link, now=now)
    inbox = Inbox(records, around.door, results, around.runs, around.tell, now=now)
    clock = DeployByClock(schedules, records, around.door, around.versions, around.runs, around.tell, now=now)
    return Triggering(triggers, inbox, results, clock, now)


def around_of(
    ground: Ground,
    door: Door,
    deployments: Deployments,
    artifacts: ArtifactSource,
    components: ComponentBook,
    tell: Tell,
    acting: Callable[[], bool],
) -> Around:
    """What the triggers need, from the rooms of the running product."""
    return Around(
        ground.database,
        ground.session,
        ground.catalog,
        door,
        deployments,
        artifacts,
        components,
        tell,
        acting,
        ground.settings.board_url,
        ground.now,
    )


def _client(trigger: Trigger, results: ResultsTo, around: Around) -> StatusClient:
    if trigger.kind == "gitlab":
        headers = {"PRIVATE-TOKEN": results.token}
        return GitLabStatuses(Caller(around.session, results.url, headers, now=around.now), results.context)
    headers = {**HEADERS, "Authorization": f"Bearer {results.token}"}
    caller = Caller(around.session, results.url, headers, now=around.now)
    return GitHubStatuses(caller, results.context, shown=results.shown)
