"""Where a roll-back goes: to what ran before, or to any release, with the configuration that it ran with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.catalog import Placement, Version
from engine.commands import RollBack
from engine.deployments.deployment import Deployment, DeploymentId, Purpose, State
from engine.deployments.journal import DeploymentJournal
from engine.deployments.releases import Release, Releases, as_released
from engine.errors import NotFound, NotNow


@dataclass(frozen=True, slots=True)
class Goal:
    """The version to go back to, and the release whose configuration it gets; None: that of the settings."""

    version: Version
    release: Release | None = None

    def place(self, settings: Placement) -> Placement:
        """Where and how it will run."""
        return settings if self.release is None else as_released(settings, self.release.placement)


class WayBack:
    """Finds the goal of a roll-back."""

    def __init__(self, journal: DeploymentJournal, releases: Releases) -> None:
        self._journal = journal
        self._releases = releases

    async def goal(self, place: Placement, command: RollBack, stable: Version | None) -> Goal:
        """The goal that is meant. Raises NotFound, NotNow when there is none, or it runs already."""
        releases = await self._releases.all(place.service, place.environment)
        goal = await self._named(place, command, releases) if command.to else await self._before(place, command, stable)
        if goal is None:
            raise NotNow(_nothing_before(place, stable), "Deploy a version instead.")
        if goal.version == stable:
            raise NotNow(
                f"{goal.version} of {place.service} runs in {place.environment} already.",
                f"`/ops diff {place.service} {place.environment}` shows whether its settings have changed since.",
            )
        _check_platform(place, goal)
        return goal

    async def _named(self, place: Placement, command: RollBack, releases: Sequence[Release]) -> Goal:
        number = command.to.removeprefix("#")
        if number.isascii() and number.isdigit():
            release = await self._releases.get(place.service, place.environment, int(number))
            return Goal(release.version, release)
        found = _newest(releases, command.to)
        if found is not None:
            return Goal(found.version, found)
        if await self._ran(place, command.to):
            return Goal(Version(command.to))
        raise NotFound(
            f"{command.to[:64]} of {place.service} never ran in {place.environment}.",
            f"`/ops history {place.service} {place.environment}` shows what did; or deploy it.",
            field="to",
        )

    async def _before(self, place: Placement, command: RollBack, stable: Version | None) -> Goal | None:
        version = await self._previous(place, command.deployment, stable)
        if version is None:
            return None
        releases = await self._releases.all(place.service, place.environment)
        return Goal(version, _newest(releases, version))

    async def _previous(self, place: Placement, id: DeploymentId | None, stable: Version | None) -> Version | None:  # noqa: A002
        """What the deployment that brought the stable version replaced. Roll-backs only went back to it."""
        if id is not None:
            return _still_there(await self._journal.load(id), stable).plan.previous
        for one in await self._journal.latest(place.service, place.environment, limit=200):
            if (one.version, one.state, one.purpose) == (stable, State.SUCCEEDED, Purpose.DEPLOY):
                return one.previous
        return None

    async def _ran(self, place: Placement, version: str) -> bool:
        """Whether it came out before releases were numbered."""
        latest = await self._journal.latest(place.service, place.environment, limit=200)
        return any(version in {one.version, one.previous} and one.state is State.SUCCEEDED for one in latest)


def _still_there(deployment: Deployment, stable: Version | None) -> Deployment:
    """The deployment whose outcome runs now; an old button must not undo what came later."""
    plan = deployment.plan
    if deployment.ended and plan.version != stable:
        raise NotNow(
            f"{plan.version} of {plan.service} does not run in {plan.environment} any more; {stable or 'nothing'} "
            "does.",
            f"`/ops rollback {plan.service} {plan.environment}` undoes what runs now.",
        )
    return deployment


def _nothing_before(place: Placement, stable: Version | None) -> str:
    if stable is None:
        return f"Nothing of {place.service} runs in {place.environment}, so there is nothing to roll back."
    return f"Nothing ran before {stable} in {place.environment}."


def _newest(releases: Sequence[Release], version: str) -> Release | None:
    return next((one for one in reversed(releases) if one.version == version), None)


def _check_platform(place: Placement, goal: Goal) -> None:
    """What runs now has to be seen by the same manager that brings the other one back."""
    if goal.release is None or type(goal.release.placement.target) is type(place.target):
        return
    was, now = (type(one).__name__.removesuffix("Target") for one in (goal.release.placement.target, place.target))
    raise NotNow(
        f"Revision {goal.release.revision} ran on {was}, and {place.service} runs on {now} in {place.environment} now.",
        f"Deploy {goal.version} there instead.",
    )
