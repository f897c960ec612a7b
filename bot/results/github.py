"""Commit statuses and deployment statuses on GitHub. Source: GitHub's REST API, 2022-11-28."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.inputs.webhooks.wish import Origin
from bot.results.client import Caller
from bot.results.status import Progress, Status, shortened

HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
LONGEST: Final = 140  # characters of a description
_COMMIT: Final[Mapping[Progress, str]] = {
    Progress.WAITING: "pending",
    Progress.RUNNING: "pending",
    Progress.SUCCEEDED: "success",
    Progress.FAILED: "failure",
    Progress.BROKEN: "error",
    Progress.CANCELLED: "failure",
}
_DEPLOYMENT: Final[Mapping[Progress, str]] = {**_COMMIT, Progress.RUNNING: "in_progress"}


class GitHubStatuses:
    """A deployment that was created on GitHub gets deployment statuses, a commit commit statuses.

    `shown` is where what was deployed can be seen.
    """

    def __init__(self, caller: Caller, context: str, *, shown: str = "") -> None:
        self._caller = caller
        self._context = context
        self._shown = shown

    def word(self, status: Status) -> str:
        """See StatusClient."""
        return status.step

    async def tell(self, origin: Origin, status: Status) -> None:
        """See StatusClient."""
        await self._caller.call("POST", _path(origin), json=self._body(origin, status))

    async def told(self, origin: Origin, status: Status) -> bool:
        """See StatusClient."""
        path = _path(origin) if origin.deployment else f"/repos/{origin.project}/commits/{origin.sha}/statuses"
        found = (await self._caller.call("GET", path, params={"per_page": "100"})).objects()
        ours = [one for one in found if origin.deployment or one.get("context") == self._context]
        wanted = self._body(origin, status)
        return bool(ours) and all(ours[0].get(key) == wanted[key] for key in ("state", "description"))

    def _body(self, origin: Origin, status: Status) -> dict[str, str]:
        text = shortened(status.text, LONGEST)
        if origin.deployment:
            told = {"state": _DEPLOYMENT[status.progress], "log_url": status.link}
            told |= {"environment_url": self._shown} if self._shown else {}
        else:
            told = {"state": _COMMIT[status.progress], "target_url": status.link, "context": self._context}
        return {**told, "description": text}


def _path(origin: Origin) -> str:
    if origin.deployment:
        return f"/repos/{origin.project}/deployments/{origin.deployment}/statuses"
    return f"/repos/{origin.project}/statuses/{origin.sha}"
