"""A local server that speaks the status APIs of GitHub and GitLab, and refuses what the real ones refuse.

Sources: GitHub's REST API (commit statuses, deployment statuses, user agent required, rate limits); GitLab's REST API
(set commit pipeline status) and the table of moves behind its messages "Cannot transition status via".
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

TOKEN: Final = "token-of-the-tests"
SHA: Final = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
REPOSITORY: Final = "acme/shop"
PROJECT: Final = "42"
COMMIT_STATES: Final = {"error", "failure", "pending", "success"}
DEPLOYMENT_STATES: Final = COMMIT_STATES | {"inactive", "in_progress", "queued"}
GITLAB_MOVES: Final[Mapping[str, tuple[str, set[str]]]] = {
    "pending": ("enqueue", {"created"}),
    "running": ("run", {"created", "pending"}),
    "success": ("success", {"created", "pending", "running"}),
    "failed": ("drop", {"created", "pending", "running"}),
    "canceled": ("cancel", {"created", "pending", "running"}),
}
GITLAB_OPEN: Final = {"created", "pending", "running"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer in place of the usual one. `arrives`: the status is taken all the same, and only the answer is lost."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    arrives: bool = False


class CiServer:
    """Both APIs on a free port: GitHub's at `url`, GitLab's at `url/api/v4`. `troubles` come first, one a call."""

    def __init__(self) -> None:
        self.url = ""
        self.commits = {SHA}
        self.deployments = {7}
        self.commit_statuses: list[Json] = []
        self.deployment_statuses: list[Json] = []
        self.gitlab_statuses: list[Json] = []
        self.gitlab_told: list[str] = []
        self.troubles: deque[Trouble] = deque()
        self.writes = 0
        self.reads = 0

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/repos/{owner}/{name}/statuses/{sha}", self._commit_status)
        app.router.add_get("/repos/{owner}/{name}/commits/{sha}/statuses", self._commit_list)
        app.router.add_post("/repos/{owner}/{name}/deployments/{id}/statuses", self._deployment_status)
        app.router.add_get("/repos/{owner}/{name}/deployments/{id}/statuses", self._deployment_list)
        app.router.add_post("/api/v4/projects/{id}/statuses/{sha}", self._gitlab_status)
        app.router.add_get("/api/v4/projects/{id}/repository/commits/{sha}/statuses", self._gitlab_list)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "POST":
            self.writes += 1
        else:
            self.reads += 1
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble is not None and not trouble.arrives:
            return web.json_response(trouble.body, status=trouble.status, headers=dict(trouble.headers))
        try:
            answer: web.StreamResponse = self._stranger(request) or await handler(request)
        except web.HTTPException as error:
            return web.json_response({"message": error.reason}, status=error.status)
        if trouble is not None:
            return web.json_response(trouble.body, status=trouble.status, headers=dict(trouble.headers))
        return answer

    def _stranger(self, request: web.Request) -> web.Response | None:
        if request.path.startswith("/api/v4"):
            known = request.headers.get("PRIVATE-TOKEN") == TOKEN
            return None if known else web.json_response({"message": "401 Unauthorized"}, status=401)
        if not request.headers.get("User-Agent"):
            words = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
            return web.json_response({"message": words}, status=403)
        known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        return None if known else web.json_response({"message": "Bad credentials"}, status=401)

    # -- GitHub

    async def _commit_status(self, request: web.Request) -> web.Response:
        self._repository(request)
        body = await request.json()
        if request.match_info["sha"] not in self.commits:
            return _unprocessable(f"No commit found for SHA: {request.match_info['sha']}")
        if (wrong := _github_fault(body, COMMIT_STATES)) is not None:
            return wrong
        self.commit_statuses.append(body)
        return web.json_response({"id": len(self.commit_statuses), **body}, status=201)

    async def _commit_list(self, request: web.Request) -> web.Response:
        self._repository(request)
        return web.json_response(self.commit_statuses[::-1])

    async def _deployment_status(self, request: web.Request) -> web.Response:
        self._repository(request)
        if int(request.match_info["id"]) not in self.deployments:
            raise web.HTTPNotFound(reason="Not Found")
        body = await request.json()
        if (wrong := _github_fault(body, DEPLOYMENT_STATES)) is not None:
            return wrong
        self.deployment_statuses.append(body)
        return web.json_response({"id": len(self.deployment_statuses), **body}, status=201)

    async def _deployment_list(self, request: web.Request) -> web.Response:
        self._repository(request)
        return web.json_response(self.deployment_statuses[::-1])

    def _repository(self, request: web.Request) -> None:
        if f"{request.match_info['owner']}/{request.match_info['name']}" != REPOSITORY:
            raise web.HTTPNotFound(reason="Not Found")

    # -- GitLab

    async def _gitlab_status(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        if request.match_info["id"] != PROJECT:
            raise web.HTTPNotFound(reason="404 Project Not Found")
        if request.match_info["sha"] not in self.commits:
            raise web.HTTPNotFound(reason="404 Commit Not Found")
        if query.get("state") not in GITLAB_MOVES:
            return web.json_response({"error": "state does not have a valid value"}, status=400)
        if len(query.get("description", "")) > 255:
            return web.json_response({"message": {"description": ["is too long"]}}, status=400)
        return self._move(query)

    def _move(self, query: Json) -> web.Response:
        name, ref = query.get("name", "default"), query.get("ref")
        mine = [one for one in self.gitlab_statuses if (one["name"], one["ref"]) == (name, ref)]
        current = mine[-1] if mine and mine[-1]["status"] in GITLAB_OPEN else None
        before, state = (current["status"] if current else "created"), query["state"]
        event, allowed = GITLAB_MOVES[state]
        if before not in allowed:
            reason = f'Status cannot transition via "{event}"'
            words = f"Cannot transition status via :{event} from :{before} (Reason(s): {reason})"
            return web.json_response({"message": words}, status=400)
        if current is None:
            current = {"id": len(self.gitlab_statuses) + 1, "name": name, "ref": ref}
            self.gitlab_statuses.append(current)
        current |= {"status": state, "description": query.get("description"), "target_url": query.get("target_url")}
        self.gitlab_told.append(state)
        return web.json_response(current, status=201)

    async def _gitlab_list(self, request: web.Request) -> web.Response:
        wanted = (request.query.get("name"), request.query.get("ref"))
        return web.json_response([one for one in self.gitlab_statuses if (one["name"], one["ref"]) == wanted])


def _github_fault(body: Json, states: set[str]) -> web.Response | None:
    if body.get("state") not in states:
        return _unprocessable("state is not included in the list")
    if len(body.get("description", "")) > 140:
        return _unprocessable("description is too long (maximum is 140 characters)")
    for name in ("target_url", "log_url"):
        if body.get(name) and not str(body[name]).startswith(("http://", "https://")):
            return _unprocessable(f"{name} must use http(s) scheme")
    return None


def _unprocessable(words: str) -> web.Response:
    return web.json_response({"message": "Validation Failed", "errors": [{"message": words}]}, status=422)
