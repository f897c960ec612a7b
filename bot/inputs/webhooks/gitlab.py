"""What GitLab tells: a pipeline that ended. Pure. Source: GitLab's page on webhook events, pipeline events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from bot.inputs.webhooks.github import FRESH, version_of
from bot.inputs.webhooks.wish import Nothing, Number, Origin, Sha, Text, Wish
from bot.settings.triggers import Trigger

FOREIGN: Final = frozenset({"merge_request_event", "external_pull_request_event", "external"})
"""Sources of pipelines that run what is not merged, or that are made of statuses such as ours."""


@dataclass(frozen=True, slots=True)
class _Pipeline:
    id: Number
    ref: Text
    sha: Sha
    status: Text
    source: Text = ""
    finished_at: Text | None = None


@dataclass(frozen=True, slots=True)
class _Project:
    id: Number
    path_with_namespace: Text


@dataclass(frozen=True, slots=True)
class _PipelineTold:
    object_kind: Text
    object_attributes: _Pipeline
    project: _Project


def read_pipeline(body: bytes, triggers: Sequence[Trigger], *, now: datetime) -> list[Wish] | Nothing:
    """What each trigger makes of a pipeline event. Raises msgspec.MsgspecError when it is none."""
    told = msgspec.json.decode(body, type=_PipelineTold, strict=True)
    pipeline, path = told.object_attributes, told.project.path_with_namespace
    if told.object_kind != "pipeline" or pipeline.status != "success":
        return Nothing(f"the {told.object_kind[:40]} is {pipeline.status[:40]}, and no success")
    if pipeline.source in FOREIGN:
        return Nothing(f"it is of the kind {pipeline.source}, which deploys nothing")
    if not _fresh(pipeline.finished_at, now):
        return Nothing(f"it ended at {(pipeline.finished_at or 'no time')[:40]}, more than {FRESH.days} days from now")
    mine = [one for one in triggers if one.repository.lower() == path.lower() and fnmatchcase(pipeline.ref, one.branch)]
    # The short form of a commit has 8 characters there, as CI_COMMIT_SHORT_SHA.
    words = {"sha": pipeline.sha, "short_sha": pipeline.sha[:8], "ref": pipeline.ref, "run": str(pipeline.id)}
    # Without its time: our own status makes the pipeline end anew, which must not deploy again.
    subject = f"pipeline {pipeline.id}"
    origin = Origin(str(told.project.id), pipeline.sha, pipeline.ref, pipeline=pipeline.id)
    wishes = [
        Wish(one.name, one.service, one.environment, version_of(one.version, words), subject, origin) for one in mine
    ]
    return wishes or Nothing(f"no trigger is for pipelines of {path[:100]} on {pipeline.ref[:80]!r}")


def _fresh(text: str | None, now: datetime) -> bool:
    """GitLab writes `2026-01-05 09:00:00 UTC`, and ISO 8601 in its newer parts."""
    try:
        at = datetime.fromisoformat((text or "").replace(" UTC", "+00:00"))
    except ValueError:
        return False
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return -FRESH <= now - at <= FRESH
