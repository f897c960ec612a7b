"""The API's addresses, as one table that the server and openapi.json are both made from."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from bot.house.rooms import Pilothouse
from bot.inputs.api import (
    deeds,
    deeds_alerts,
    deployment_page,
    reads,
    reads_alerts,
    reports,
    schemas,
    schemas_alerts,
    schemas_deployments,
    schemas_services,
    service_page,
)
from bot.inputs.api.alert_sources import AlertSources
from bot.inputs.api.endpoint import Api, Endpoint, Parameter, serve
from bot.inputs.api.errors import tell_errors
from bot.inputs.api.events import PATH, EventStream
from bot.inputs.api.lifecycle import LIFECYCLE
from bot.inputs.api.marks import MARKS
from bot.inputs.api.notifications import Notifications
from bot.inputs.api.openapi import document
from bot.inputs.api.permits import PERMITS
from bot.inputs.api.summaries import Summaries
from bot.inputs.api.trains import TRAINS
from bot.web.access import access_of
from engine.commands import Abort, ReleaseOld, Resume

ROOT: Final = "/api/v1"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PAGE: Final = (
    Parameter("limit", "How many, from 1 to 200; 50 when left out.", "integer"),
    Parameter("cursor", "`next` of the page before."),
)
LIST: Final = (
    Parameter("service", "Only this service."),
    Parameter("environment", "Only this environment."),
    Parameter("open", "true: only those in flight; false: only those that ended.", "boolean"),
    *PAGE,
)
FILTER: Final = (
    Parameter("filter", 'Matchers that have to hold, such as `severity="critical"`; may be given several times.'),
    Parameter("q", "Words that have to occur."),
)
SHOWN: Final = Parameter("limit", "How many at most, from 0 to 5000; 200 when left out.", "integer")
GROUPS: Final = (
    *FILTER,
    Parameter("state", "active, suppressed or pending; may be given several times, all when left out."),
    Parameter("group", "Only the group with this key, and of it more than the first alerts."),
    SHOWN,
)
HOURS: Final = Parameter("hours", "How far back, from 1 to 24; 24 when left out.", "integer")
DAYS: Final = (
    Parameter("days", "How many days back, from 1 to 366; 30 when left out.", "integer"),
    Parameter("service", "Only this service."),
    Parameter("environment", "Only this environment."),
)
RULES: Final = (*FILTER, Parameter("state", "all, broken, firing or pending."), SHOWN)
PLACE: Final = "/components/{service}/{environment}"
ONE: Final = "/deployments/{id}"
INCIDENT: Final = "/incidents/{id}"
SILENCE: Final = "/silences/{id}"

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/overview", "Everything on one page", reads.overview, schemas.Overview),
    Endpoint("GET", "/services", "What can be deployed", reads.services, schemas.Services),
    Endpoint("GET", "/services/{service}/page", "One service", service_page.page, schemas_services.ServicePage),
    Endpoint("GET", "/components", "What runs", reads.components, schemas.Components),
    Endpoint("GET", PLACE, "What runs in one place", reads.component, schemas.Component),
    Endpoint("POST", f"{PLACE}/rollback", "Go back", deeds.roll_back_place, schemas.Deployment, schemas.RollBackAsk),
    *LIFECYCLE,
    *PERMITS,
    *MARKS,
    Endpoint("GET", "/deployments", "Deployments", reads.deployments, schemas.Deployments, query=LIST),
    Endpoint("POST", "/deployments", "Deploy", deeds.deploy, schemas.Deployment, schemas.DeployAsk, 201),
    Endpoint("GET", ONE, "One deployment", reads.deployment, schemas.Deployment),
    Endpoint(
        "GET", f"{ONE}/page", "One deployment over time", deployment_page.page, schemas_deployments.DeploymentPage
    ),
    Endpoint(
        "GET",
        f"{ONE}/measurements",
        "What its gates said",
        deployment_page.measurements,
        schemas_deployments.Measurements,
        query=PAGE,
    ),
    Endpoint("GET", f"{ONE}/pictures", "Its metrics", deployment_page.pictures, schemas_deployments.Pictures),
    Endpoint("POST", f"{ONE}/approve", "Agree", deeds.approve, schemas.Deployment, schemas.ApproveAsk),
    Endpoint("POST", f"{ONE}/reject", "Refuse", deeds.reject, schemas.Deployment, schemas.RejectAsk),
    Endpoint("POST", f"{ONE}/abort", "Undo", deeds.decide(Abort), schemas.Deployment, schemas.NothingAsk),
    Endpoint("POST", f"{ONE}/resume", "Go on", deeds.decide(Resume), schemas.Deployment, schemas.NothingAsk),
    Endpoint("POST", f"{ONE}/promote", "Skip what is left", deeds.promote, schemas.Deployment, schemas.PromoteAsk),
    Endpoint(
        "POST", f"{ONE}/finish", "Let the old go", deeds.decide(ReleaseOld), schemas.Deployment, schemas.NothingAsk
    ),
    Endpoint("POST", f"{ONE}/rollback", "Go back", deeds.roll_back, schemas.Deployment, schemas.NothingAsk),
    *TRAINS,
    Endpoint("GET", "/incidents", "Incidents, the newest 50", reads.incidents, schemas.Incidents),
    Endpoint("GET", INCIDENT, "One incident", reads.incident, schemas.Incident),
    Endpoint("POST", f"{INCIDENT}/acknowledge", "Take it", deeds.acknowledge, schemas.Incident, schemas.NothingAsk),
    Endpoint("POST", f"{INCIDENT}/resolve", "End it", deeds.resolve, schemas.Incident, schemas.NothingAsk),
    Endpoint("POST", f"{INCIDENT}/escalate", "Page the next", deeds.escalate, schemas.Incident, schemas.EscalateAsk),
    Endpoint("GET", "/alerts", "Pending and firing alerts", reads_alerts.alerts, schemas.Alerts, query=FILTER),
    Endpoint("GET", "/alerts/summary", "Alerts in numbers", reads_alerts.summary, schemas_alerts.AlertSummary),
    Endpoint(
        "GET", "/alerts/groups", "Alerts in groups", reads_alerts.groups, schemas_alerts.AlertGroups, query=GROUPS
    ),
    Endpoint("GET", "/silences", "Silences", reads_alerts.silences, schemas_alerts.Silences, query=(*FILTER, SHOWN)),
    Endpoint(
        "POST", "/silences", "Silence", deeds_alerts.silence, schemas_alerts.Silenced, schemas_alerts.SilenceAsk, 201
    ),
    Endpoint("POST", f"{SILENCE}/expire", "End it", deeds_alerts.expire, schemas_alerts.Silenced, schemas.NothingAsk),
    Endpoint(
        "GET", "/notifications", "Who was told", reads_alerts.notifications, schemas_alerts.Notifications, query=PAGE
    ),
    Endpoint("GET", "/rules", "Rules and their health", reads_alerts.rules, schemas_alerts.Rules, query=RULES),
    Endpoint(
        "GET", "/rules/{id}/history", "A rule's day", reads_alerts.history, schemas_alerts.RuleHistory, query=(HOURS,)
    ),
    Endpoint(
        "GET",
        "/reports/deployments",
        "DORA's four keys",
        reports.deployments,
        schemas_deployments.DeploymentReport,
        query=DAYS,
    ),
    Endpoint("GET", "/oncall", "Who is on call", reads.on_call, schemas.OnCall),
)


def add_api_routes(app: web.Application, house: Pilothouse, alerts: AlertSources) -> None:
    """Serve `/api/v1`."""
    app.add_subapp(ROOT, build_api(api_of(house, alerts)))


def api_of(house: Pilothouse, alerts: AlertSources) -> Api:
    """What the handlers work with, from the running product."""
    ground, log = house.ground, house.ground.database.log
    return Api(
        access=access_of(house),
        door=house.orchestrator,
        readings=house.readings,
        deployments=house.engine.journal,
        incidents=house.alerting.journal,
        log=log,
        summaries=Summaries(log, ground.catalog, house.engine.journal, house.alerting.journal),
        notifications=Notifications(log),
        catalog=ground.catalog,
        directory=ground.directory,
        now=ground.now,
        alerts=alerts,
        releases=house.engine.releases,
    )


def build_api(api: Api) -> web.Application:
    """The addresses below `/api/v1`, with answers in JSON for whatever goes wrong."""
    app = web.Application(middlewares=[tell_errors])
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, serve(api, endpoint))
    stream = EventStream(api)
    app.router.add_get(PATH, stream.answer)
    app.on_shutdown.append(stream.close)
    written = document(ENDPOINTS)

    async def openapi(_: web.Request) -> web.Response:
        return web.json_response(written)

    app.router.add_get("/openapi.json", openapi)
    app.on_response_prepare.append(_add_headers)
    return app


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
