"""The one HTTP port: board, API, Slack's deliveries, service discovery, health and metrics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from alerting.silences.silence import State
from bot.board.routes import add_board_routes
from bot.house.alert_doors import add_alert_doors, alert_sources
from bot.house.rooms import Pilothouse
from bot.inputs.api.routes import add_api_routes
from bot.inputs.slack.http import add_slack_routes
from bot.web.access import access_of, for_scrapers
from bot.web.discovery import Discovery
from storage.errors import StorageError

log = logging.getLogger(__name__)

SHUTDOWN: Final = timedelta(seconds=3)
LARGEST_BODY: Final = 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PortTaken(Exception):
    """Somebody else listens where we should."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Can't listen on {host}:{port}: {reason}. "
            "Choose another port with PILOTHOUSE_PORT or http.port in the settings."
        )


@asynccontextmanager
async def serving(house: Pilothouse) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address. Raises PortTaken."""
    settings = house.ground.settings
    runner = web.AppRunner(build_web(house), access_log=None, shutdown_timeout=SHUTDOWN.total_seconds())
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise PortTaken(settings.host, settings.port, error.strerror or str(error)) from error
        port = runner.addresses[0][1]
        yield f"http://{settings.host}:{port}"
    finally:
        await runner.cleanup()


def build_web(house: Pilothouse) -> web.Application:
    """All addresses."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[readable])
    add_slack_routes(
        app, house.listening.app, house.ground.settings.environment.slack_signing_secret, now=house.ground.now
    )
    add_api_routes(app, house, alert_sources(house))
    add_board_routes(app, house)
    add_alert_doors(app, house)
    house.triggering.serve(app)
    access = access_of(house)
    app.router.add_get("/sd/prometheus", for_scrapers(access, _discovery(house)))
    app.router.add_get("/healthz", _health)
    app.router.add_get("/readyz", _ready(house))
    app.router.add_get("/metrics", for_scrapers(access, _metrics(house)))
    return app


@web.middleware
async def readable(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A body that is not what its headers say, such as a false gzip, is the caller's fault and not ours."""
    try:
        return await handler(request)
    except web.RequestPayloadError as error:
        said = f"The body can't be read: {error}. Send it as its Content-Encoding and Content-Length say."
        return web.json_response({"error": said}, status=400)


async def _health(_: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


def _discovery(house: Pilothouse) -> Handler:
    seen = Discovery(house.ground, house.engine)

    async def discovery(_: web.Request) -> web.Response:
        return web.json_response(await seen.targets())

    return discovery


def _ready(house: Pilothouse) -> Handler:
    async def ready(_: web.Request) -> web.Response:
        """Ready when the database answers. Chat that is away does not make us unready: nothing is lost meanwhile.

        `acting` says whether this replica is the one that evaluates rules and tells.
        """
        try:
            await house.ground.database.ping()
        except StorageError as error:
            return web.json_response({"status": "not ready", "reason": error.reason}, status=503)
        chat = house.socket is None or await house.socket.connected()
        told = {"status": "ready", "chat": "connected" if chat else "away", "acting": house.clockwork.acting}
        return web.json_response(told)

    return ready


def _metrics(house: Pilothouse) -> Handler:
    async def metrics(_: web.Request) -> web.Response:
        body = house.meters.page(await _values(house))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return metrics


async def _values(house: Pilothouse) -> dict[str, float]:
    outbox, alerting, readings = house.speaking.outbox, house.alerting, house.reloader.readings.values()
    rules, now = alerting.rules.statuses(), house.ground.now()
    return {
        "pilothouse_chat_backlog": outbox.backlog(),
        "pilothouse_chat_sent": outbox.sent,
        "pilothouse_chat_refused": outbox.refused,
        "pilothouse_deployments_in_flight": len(await house.engine.journal.in_flight()),
        "pilothouse_incidents_open": len(await house.alerting.journal.open_incidents()),
        "pilothouse_alerts_firing": sum(not one.resolved(now) for one in alerting.store.all()),
        "pilothouse_rules_failing": sum(one.health.state == "err" for one in rules),
        "pilothouse_rules_missed": sum(one.health.missed for one in rules),
        "pilothouse_receivers_failing": len(alerting.dispatcher.failing()),
        "pilothouse_silences_active": sum(one.state(now) is State.ACTIVE for one in alerting.silences.all()),
        "pilothouse_config_reload_successful": float(not any(one.problem for one in readings)),
        "pilothouse_config_last_reload_seconds": min(one.at for one in readings).timestamp(),
    }
