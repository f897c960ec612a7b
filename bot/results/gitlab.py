"""Commit statuses on GitLab. Source: GitLab's REST API v4, "Set commit pipeline status"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bot.inputs.webhooks.wish import Origin
from bot.results.client import Caller, Refused
from bot.results.status import Progress, Status, shortened

LONGEST: Final = 255  # characters of a description
_STATES: Final[Mapping[Progress, str]] = {
    Progress.WAITING: "pending",
    Progress.RUNNING: "running",
    Progress.SUCCEEDED: "success",
    Progress.FAILED: "failed",
    Progress.BROKEN: "failed",
    Progress.CANCELLED: "canceled",
}


class GitLabStatuses:
    """A status is an external job of a commit's pipeline: it moves by GitLab's own table, and never to where it is."""

    def __init__(self, caller: Caller, context: str) -> None:
        self._caller = caller
        self._context = context

    def word(self, status: Status) -> str:
        """See StatusClient."""
        return _STATES[status.progress]

    async def tell(self, origin: Origin, status: Status) -> None:
        """See StatusClient."""
        query = {
            "state": _STATES[status.progress],
            "ref": origin.ref,
            "name": self._context,
            "target_url": status.link,
            "description": shortened(status.text, LONGEST),
        }
        if origin.pipeline:
            query["pipeline_id"] = str(origin.pipeline)
        try:
            await self._caller.call("POST", f"{_project(origin)}/statuses/{origin.sha}", params=query)
        except Refused as refused:
            if "Cannot transition status" not in refused.reason:
                raise
            # An earlier attempt did arrive; or another deployment of this commit is further, and the end counts.
            if status.ended and not await self.told(origin, status):
                raise

    async def told(self, origin: Origin, status: Status) -> bool:
        """See StatusClient."""
        query = {"ref": origin.ref, "name": self._context, "all": "true", "per_page": "100"}
        path = f"{_project(origin)}/repository/commits/{origin.sha}/statuses"
        found = (await self._caller.call("GET", path, params=query)).objects()
        newest = max(found, key=_number, default=None)
        return newest is not None and newest.get("status") == _STATES[status.progress]


def _project(origin: Origin) -> str:
    return f"/projects/{quote(origin.project, safe='')}"


def _number(status: Mapping[str, Any]) -> int:
    number = status.get("id")
    return number if isinstance(number, int) else 0
