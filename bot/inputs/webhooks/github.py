"""What GitHub tells: a workflow that ended, a deployment that was created. Pure.

Source: GitHub's pages on webhook events and payloads, `workflow_run` and `deployment`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from bot.inputs.webhooks.wish import Nothing, Number, Origin, Sha, Text, Wish
from bot.settings.trigger_checks import PLACEHOLDER
from bot.settings.triggers import Trigger

FRESH: Final = timedelta(days=3)
"""GitHub lets a delivery be sent again for three days; what is older is nobody's present wish."""


@dataclass(frozen=True, slots=True)
class _Repository:
    full_name: Text


@dataclass(frozen=True, slots=True)
class _Workflow:
    name: Text


@dataclass(frozen=True, slots=True)
class _Run:
    id: Number
    head_sha: Sha
    conclusion: Text | None
    event: Text
    updated_at: datetime
    head_branch: Text | None = None
    head_repository: _Repository | None = None
    name: Text | None = None
    run_attempt: Number = 1
    run_number: Number = 0


@dataclass(frozen=True, slots=True)
class _RunTold:
    action: Text
    repository: _Repository
    workflow_run: _Run
    workflow: _Workflow | None = None


@dataclass(frozen=True, slots=True)
class _Deployment:
    id: Number
    sha: Sha
    ref: Text
    environment: Text
    created_at: datetime
    task: Text = "deploy"
    payload: Any = field(default=None)


@dataclass(frozen=True, slots=True)
class _DeploymentTold:
    action: Text
    repository: _Repository
    deployment: _Deployment


def read_workflow_run(body: bytes, triggers: Sequence[Trigger], *, now: datetime) -> list[Wish] | Nothing:
    """What each trigger makes of an event `workflow_run`. Raises msgspec.MsgspecError when it is none."""
    told = msgspec.json.decode(body, type=_RunTold, strict=True)
    run, repository = told.workflow_run, told.repository.full_name
    if (why_not := _of_run(told, now)) is not None:
        return why_not
    name = told.workflow.name if told.workflow else run.name or ""
    branch = run.head_branch or ""
    mine = [
        one
        for one in triggers
        if one.event == "workflow_run"
        and one.repository.lower() == repository.lower()
        and one.workflow == name
        and fnmatchcase(branch, one.branch)
    ]
    words = {"sha": run.head_sha, "short_sha": run.head_sha[:7], "ref": branch, "run": str(run.run_number)}
    origin = Origin(repository, run.head_sha, branch)
    subject = f"run {run.id}.{run.run_attempt}"
    wishes = [_wish(one, words, subject, origin) for one in mine]
    return wishes or Nothing(f"no trigger is for the workflow {name[:80]!r} on {branch[:80]!r} of {repository[:100]}")


def _of_run(told: _RunTold, now: datetime) -> Nothing | None:
    run = told.workflow_run
    if told.action != "completed" or run.conclusion != "success":
        return Nothing(f"the run is {told.action[:40]}, {str(run.conclusion)[:40]}, and no success")
    # A pull request of a fork runs under the names of its own branches, `main` among them, with code of a stranger.
    home = run.head_repository.full_name if run.head_repository else ""
    if run.event.startswith("pull_request") or home.lower() != told.repository.full_name.lower():
        return Nothing("it ran for a pull request or a fork, whose code is not deployed")
    return _stale(run.updated_at, now)


def read_deployment(body: bytes, triggers: Sequence[Trigger], *, now: datetime) -> list[Wish] | Nothing:
    """What each trigger makes of an event `deployment`. Raises msgspec.MsgspecError when it is none."""
    told = msgspec.json.decode(body, type=_DeploymentTold, strict=True)
    deployment, repository = told.deployment, told.repository.full_name
    if told.action != "created" or deployment.task != "deploy":
        return Nothing(f"the deployment is {told.action[:40]}, its task {deployment.task[:40]!r}")
    if (stale := _stale(deployment.created_at, now)) is not None:
        return stale
    mine = [
        one
        for one in triggers
        if one.event == "deployment"
        and one.repository.lower() == repository.lower()
        and one.environment == deployment.environment
    ]
    sha = deployment.sha
    words = {"sha": sha, "short_sha": sha[:7], "ref": deployment.ref, "run": str(deployment.id)}
    words |= _payload(deployment.payload)
    origin = Origin(repository, sha, deployment.ref, deployment=deployment.id)
    wishes = [_wish(one, words, f"deployment {deployment.id}", origin) for one in mine]
    return wishes or Nothing(f"no trigger is for deployments of {repository[:100]} to {deployment.environment[:80]!r}")


def _stale(at: datetime, now: datetime) -> Nothing | None:
    if at.tzinfo is None or not -FRESH <= now - at <= FRESH:
        return Nothing(f"it happened at {at.isoformat()}, more than {FRESH.days} days from now")
    return None


def _payload(payload: Any) -> dict[str, str]:
    """The simple values of a deployment's payload, which is an object or the text of one."""
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(payload, Mapping):
        return {}
    return {f"payload.{key}": str(value) for key, value in payload.items() if isinstance(value, str | int)}


def _wish(trigger: Trigger, words: Mapping[str, str], subject: str, origin: Origin) -> Wish:
    return Wish(trigger.name, trigger.service, trigger.environment, version_of(trigger.version, words), subject, origin)


def version_of(template: str, words: Mapping[str, str]) -> str:
    """The template with its places filled; one that nothing fills stays, and is then refused as no version."""
    return PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), template)
