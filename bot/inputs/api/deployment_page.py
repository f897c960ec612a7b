"""The API's answers about one deployment over time: its page, every measurement, and what the metrics server knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from alerting.errors import AlertingError, TemporaryFailure
from bot.inputs.api import present, present_deployment, schemas
from bot.inputs.api import schemas_deployments as shapes
from bot.inputs.api.alert_sources import Ranges
from bot.inputs.api.chronicle import Chronicle
from bot.inputs.api.deployment_queries import Query, queries_of
from bot.inputs.api.endpoint import Api, Call
from bot.inputs.api.errors import ApiError
from bot.inputs.api.reads import LONGEST_PAGE, limit_of
from bot.inputs.api.reads_alerts import sources
from bot.readings.offers import Offer, offered
from engine.catalog import Figure
from engine.deployments.deployment import Deployment, DeploymentId, State
from engine.deployments.gates.templates import LONGEST_WINDOW, SHORTEST_WINDOW
from engine.errors import NotFound
from engine.security.identity import Person
from engine.security.permissions import Permission, allowed

FIRST: Final = 100  # measurements that come with the page
POINTS: Final = 240  # of a line of the metrics server
LINES: Final = 4  # of one query
BEFORE: Final = 0.05  # of the time it took: what a picture shows of the time before
LEAST: Final = timedelta(seconds=5)
PERMISSIONS: Final = {
    Offer.APPROVE: Permission.APPROVE,
    Offer.REJECT: Permission.APPROVE,
    Offer.RESUME: Permission.ABORT,
    Offer.PROMOTE: Permission.APPROVE,
    Offer.FINISH: Permission.ABORT,
    Offer.ABORT: Permission.ABORT,
    Offer.ROLL_BACK: Permission.ROLL_BACK,
}


async def page(api: Api, call: Call) -> shapes.DeploymentPage:
    """Everything on the page. Raises NotFound."""
    position = await api.log.last_position()
    one = await api.deployments.load(DeploymentId(call.path("id")))
    told = await api.chronicles.of(one.id, api.log)
    now, person = api.now(), call.caller.person
    start, end = axis_of(one, now)
    offers = offered(one)
    return shapes.DeploymentPage(
        at=now,
        position=position,
        you=call.you,
        people=api.names(),
        deployment=present.deployment(one, now=now),
        told=present_deployment.told(one),
        offers=[offer.value for offer in offers],
        may=[offer.value for offer in offers if _may(person, offer, one)],
        remark=_remark(person, one, offers),
        start=start,
        end=end,
        phases=[shapes.Phase.model_validate(each) for each in told.phases],
        weights=[(at.timestamp(), weight) for at, weight in told.weights],
        gates=present_deployment.gate_pictures(one, told),
        measurements=_measurements(told, limit=FIRST, before=None),
        instances=await _instances(api, one),
        **present_deployment.standing(one),
    )


def axis_of(one: Deployment, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The time that pictures show: the deployment, and a little before it; None before it was begun."""
    if one.started_at is None:
        return None, None
    end = one.ended_at or now
    return one.started_at - max(LEAST, BEFORE * (end - one.started_at)), max(end, one.started_at + LEAST)


def _may(person: Person | None, offer: Offer, one: Deployment) -> bool:
    return (
        person is not None
        and allowed(person, PERMISSIONS[offer], one.plan.environment)
        and not _own(person, offer, one)
    )


def _own(person: Person, offer: Offer, one: Deployment) -> bool:
    needed = offer is Offer.APPROVE or (offer is Offer.PROMOTE and one.plan.approvals_needed > 0)
    return needed and one.plan.four_eyes and person.id == one.requested_by


def _remark(person: Person | None, one: Deployment, offers: Sequence[Offer]) -> str:
    """Why somebody signed in is not offered what waits."""
    if person is None or not offers:
        return ""
    if Offer.APPROVE in offers and _own(person, Offer.APPROVE, one):
        return "You asked for it, so somebody else has to approve."
    waits = one.state in {State.PLANNED, State.PAUSED}
    if not any(_may(person, offer, one) for offer in offers):
        return f"{person.name} may not decide about deployments to {one.plan.environment}." if waits else ""
    return ""


async def _instances(api: Api, one: Deployment) -> list[schemas.Instance]:
    """What runs in its place now, while it is the place's latest deployment."""
    for row in await api.readings.services():
        if (row.service, row.environment) == (one.plan.service, one.plan.environment):
            latest = row.in_flight.id if row.in_flight else row.last.id if row.last else None
            return present.component(row).instances if latest == one.id else []
    return []


async def measurements(api: Api, call: Call) -> shapes.Measurements:
    """Every measurement, the newest first. Raises NotFound."""
    one = await api.deployments.load(DeploymentId(call.path("id")))
    query, told = call.http.query, await api.chronicles.of(one.id, api.log)
    limit, cursor = limit_of(query.get("limit", str(LONGEST_PAGE))), query.get("cursor", "")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):
        raise ApiError(422, "Invalid", "The cursor is unknown.", "Begin without one.", field="cursor")
    return _measurements(told, limit=limit, before=int(cursor) if cursor else None)


def _measurements(told: Chronicle, *, limit: int, before: int | None) -> shapes.Measurements:
    """`limit` of them before the number `before`, which is the cursor."""
    total = len(told.measurements)
    last = total if before is None else min(total, max(0, before - 1))
    first = max(0, last - limit)
    shown = [present_deployment.numbered(told.measurements[at], at + 1) for at in range(first, last)]
    return shapes.Measurements(measurements=shown[::-1], next=str(first + 1) if first else None, total=total)


async def pictures(api: Api, call: Call) -> shapes.Pictures:
    """What the metrics server knows of its gates and figures. Raises NotFound."""
    one = await api.deployments.load(DeploymentId(call.path("id")))
    start, end = axis_of(one, api.now())
    if start is None or end is None:
        return shapes.Pictures(start=None, end=None, step_seconds=0, window_seconds=0, pictures=[])
    step = max(timedelta(seconds=1), (end - start) / POINTS)
    window = min(LONGEST_WINDOW, max(SHORTEST_WINDOW, (end - start) / 20))
    asked = queries_of(one, _figures(api, one), window=window, now=end)
    return shapes.Pictures(
        start=start,
        end=end,
        step_seconds=step.total_seconds(),
        window_seconds=round(window.total_seconds()),
        pictures=await _draw(sources(api).ranges, asked, start, end, step),
    )


def _figures(api: Api, one: Deployment) -> Sequence[Figure]:
    try:
        return api.catalog().placement(one.plan.service, one.plan.environment).figures
    except NotFound:
        return ()  # the settings name the place no more


async def _draw(
    ranges: Ranges, asked: Sequence[Query], start: datetime, end: datetime, step: timedelta
) -> list[shapes.Picture]:
    """A failure is told in the picture. Once the server is away the others are not asked: each would wait as long."""
    drawn: list[shapes.Picture] = []
    away: AlertingError | None = None
    for query in asked:
        lines: list[shapes.Line] = []
        failure = away
        try:
            if away is None:
                lines = await _lines(ranges, query, start, end, step)
        except AlertingError as error:
            failure = error
            away = error if isinstance(error, TemporaryFailure) else None
        drawn.append(present_deployment.picture(query, lines, failure))
    return drawn


async def _lines(ranges: Ranges, query: Query, start: datetime, end: datetime, step: timedelta) -> list[shapes.Line]:
    found: list[shapes.Line] = []
    for name, text in query.asked:
        series = await ranges.range(text, start, end, step)
        found += [present_deployment.line(one, name if len(series) == 1 else "") for one in series[:LINES]]
    return found
