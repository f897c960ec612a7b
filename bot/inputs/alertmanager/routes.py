"""The addresses below `/alertmanager`: those of Alertmanager itself below its path prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from bot.inputs.alertmanager.alerts import get_alerts, get_groups, post_alerts
from bot.inputs.alertmanager.answers import Handler, answer, refused, telling
from bot.inputs.alertmanager.parts import Parts
from bot.inputs.alertmanager.silences import delete_silence, get_silence, get_silences, post_silence
from bot.inputs.alertmanager.status import alive, get_receivers, get_status

ROOT: Final = "/alertmanager"
API: Final = f"{ROOT}/api/v2"
_GONE: Final = "The Alertmanager v1 API was removed in its version 0.27.0; use the same address of the v2 API"
_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "/alerts": ("POST", "GET"),
    "/alerts/groups": ("GET",),
    "/silences": ("POST", "GET"),
    "/silence/{id}": ("GET", "DELETE"),
    "/status": ("GET",),
    "/receivers": ("GET",),
}


def add_alertmanager_routes(app: web.Application, parts: Parts) -> None:
    """Serve Alertmanager's API v2 and its health."""
    handlers: Mapping[tuple[str, str], Handler] = {
        ("POST", "/alerts"): post_alerts(parts),
        ("GET", "/alerts"): get_alerts(parts),
        ("GET", "/alerts/groups"): get_groups(parts),
        ("GET", "/silences"): get_silences(parts),
        ("POST", "/silences"): post_silence(parts),
        ("GET", "/silence/{id}"): get_silence(parts),
        ("DELETE", "/silence/{id}"): delete_silence(parts),
        ("GET", "/status"): get_status(parts),
        ("GET", "/receivers"): get_receivers(parts),
    }
    for (method, path), handler in handlers.items():
        app.router.add_route(method, API + path, telling(handler))
    app.router.add_get(f"{ROOT}/-/ready", alive)
    app.router.add_get(f"{ROOT}/-/healthy", alive)
    app.router.add_route("*", f"{API}/{{rest:.*}}", _nothing_here)
    app.router.add_route("*", f"{ROOT}/api/v1/{{rest:.*}}", _gone)


async def _nothing_here(request: web.Request) -> web.Response:
    """An address that there is not, or not with this method."""
    path = "/" + request.match_info["rest"]
    methods = next((one for shape, one in _METHODS.items() if _fits(shape, path)), None)
    if methods is None:
        return refused(404, 404, f"path {request.path.removeprefix(ROOT)[:200]} was not found")
    allowed = ",".join(methods)
    return refused(405, 405, f"method {request.method} is not allowed, but [{allowed}] are", {"Allow": allowed})


async def _gone(_: web.Request) -> web.Response:
    return answer({"status": "deprecated", "error": _GONE}, status=410)


def _fits(shape: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{.*\}", "[^/]+", shape), path) is not None
