"""The API's addresses."""

from __future__ import annotations

from aiohttp import web

from bot.app import Pilothouse


def add_api_routes(app: web.Application, house: Pilothouse) -> None:
    """Serve `/api/v1`."""

    async def component(request: web.Request) -> web.Response:
        found = await house.engine.components.component(request.match_info["service"], request.match_info["environment"])
        return web.json_response({"version": found.version if found else None})

    app.router.add_get("/api/v1/components/{service}/{environment}", component)
