"""Joins the doors that programs use for alerts with the rooms behind them: the APIs of Alertmanager and Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

from aiohttp import web

from alerting.alerts.intake import Intake
from alerting.metrics.ranges import RangeQueries
from bot.clock.membership import PREFIX
from bot.house.rooms import Pilothouse
from bot.inputs.alertmanager.parts import Cluster
from bot.inputs.alertmanager.parts import Parts as AlertmanagerParts
from bot.inputs.alertmanager.routes import add_alertmanager_routes
from bot.inputs.api.alert_sources import AlertSources, RuleFiles
from bot.inputs.prometheus_api.routes import Parts as PrometheusParts
from bot.inputs.prometheus_api.routes import add_prometheus_routes
from bot.inputs.pushing import pusher
from bot.inputs.webhooks.alertmanager import Parts as WebhookParts
from bot.inputs.webhooks.alertmanager import add_alertmanager_webhook
from bot.web.access import access_of
from engine.errors import Denied, Refused

RELOAD: Final = ("/-/reload", "/alertmanager/-/reload", "/prometheus/-/reload")


def add_alert_doors(app: web.Application, house: Pilothouse) -> None:
    """Serve `/alertmanager`, `/prometheus/api/v1` and `/webhooks/alertmanager`."""
    access, ground, alerting = access_of(house), house.ground, house.alerting
    intake = Intake(alerting.store, resolve_timeout=lambda: alerting.routing.resolve_timeout, now=ground.now)

    async def cluster() -> Cluster:
        leases = [one for one in await ground.database.leases.live() if one.name.startswith(PREFIX)]
        if not alerting.others:
            return Cluster()
        return Cluster(house.membership.name, "ready", [(one.holder, "") for one in leases])

    parts = AlertmanagerParts(
        access=access,
        directory=ground.directory,
        trail=ground.audit,
        intake=intake,
        alerts=alerting.store,
        silences=alerting.silences,
        groups=alerting.dispatcher.groups,
        status_of=alerting.dispatcher.status_of,
        routing=lambda: alerting.routing,
        cluster=cluster,
        started_at=ground.now(),
        version=version("pilothouse"),
        now=ground.now,
    )
    interval = ground.settings.file.evaluation.interval
    add_alertmanager_routes(app, parts)
    add_prometheus_routes(app, PrometheusParts(access, alerting.rules.statuses, interval, version("pilothouse")))
    add_alertmanager_webhook(app, WebhookParts(access, ground.directory, intake))
    for path in RELOAD:
        app.router.add_post(path, _reload(house))


def _reload(house: Pilothouse) -> Callable[[web.Request], Awaitable[web.Response]]:
    access, ground = access_of(house), house.ground

    async def reload(request: web.Request) -> web.Response:
        """Read rules and routing anew now, as Prometheus and Alertmanager do at this address."""
        try:
            await pusher(access, access.knock(request), ground.directory())
        except Refused as refusal:
            return web.Response(status=403 if isinstance(refusal, Denied) else 401, text=f"{refusal}\n")
        house.reloader.ask()
        await house.reloader.tick(ground.now())
        problems = [one.problem for one in house.reloader.readings.values() if one.problem]
        return web.Response(status=500 if problems else 200, text="\n".join(problems))

    return reload


def alert_sources(house: Pilothouse) -> AlertSources:
    """What the alert addresses of our own API read."""
    ground, alerting = house.ground, house.alerting

    def files() -> RuleFiles:
        readings = house.reloader.readings.values()
        problems = [line for one in readings for line in one.problem.splitlines()]
        return RuleFiles(problems, min(one.at for one in readings))

    return AlertSources(
        groups=alerting.dispatcher.groups,
        status_of=alerting.dispatcher.status_of,
        silences=alerting.silences.all,
        rules=alerting.rules.statuses,
        files=files,
        history=alerting.history,
        ranges=RangeQueries(ground.settings.prometheus_url),
        prometheus_url=ground.settings.prometheus_url,
        interval=ground.settings.file.evaluation.interval,
    )
