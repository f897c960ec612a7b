"""The API's answers to questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from alerting.incidents.errors import UnknownIncident
from alerting.incidents.incident import IncidentId
from bot.inputs.api import present, schemas
from bot.inputs.api.endpoint import Api, Call
from bot.inputs.api.errors import ApiError
from bot.inputs.api.trains import under_way
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import Summary
from engine.errors import NotFound

PAGE: Final = 50
LONGEST_PAGE: Final = 200
EVENTS: Final = 30
INCIDENTS: Final = 50
_FIRST_LOOK: Final = 500

Fits = Callable[[Summary], bool]


async def services(api: Api, _: Call) -> schemas.Services:
    """What can be deployed."""
    return present.services(api.catalog(), await api.readings.versions())


async def components(api: Api, _: Call) -> schemas.Components:
    """What runs, everywhere."""
    return schemas.Components(components=[present.component(row) for row in await api.readings.services()])


async def component(api: Api, call: Call) -> schemas.Component:
    """What runs in one place. Raises NotFound for a place the settings do not name, or that is unregistered."""
    place = api.catalog().placement(call.path("service"), call.path("environment"))
    pair = (place.service, place.environment)
    found = [row for row in await api.readings.services() if (row.service, row.environment) == pair]
    if not found:
        raise NotFound(f"{place.service} in {place.environment} is unregistered.", "Deploy a version to register it.")
    return present.component(found[0])


async def deployments(api: Api, call: Call) -> schemas.Deployments:
    """One page of the list."""
    query = call.http.query
    limit = limit_of(query.get("limit", str(PAGE)))
    fits = _fits(query.get("service"), query.get("environment"), _flag(query.get("open")))
    rows, after = await _page(api, fits, limit=limit, cursor=query.get("cursor", ""))
    return schemas.Deployments(deployments=[present.deployment_row(row) for row in rows], next=after)


def _fits(service: str | None, environment: str | None, is_open: bool | None) -> Fits:
    def fits(one: Summary) -> bool:
        pairs = ((service, one.service), (environment, one.environment), (is_open, one.open))
        return all(wanted is None or wanted == found for wanted, found in pairs)

    return fits


async def _page(api: Api, fits: Fits, *, limit: int, cursor: str) -> tuple[Sequence[Summary], str | None]:
    """Look further and further back until the page is full or there is no more."""
    look = _FIRST_LOOK
    while True:
        found = await api.deployments.recent(limit=look)
        page = page_of([one for one in found if fits(one) or one.id == cursor], limit=limit, cursor=cursor)
        if page is not None and len(page) > limit:
            return page[:limit], str(page[limit - 1].id)
        if len(found) < look:
            if page is None:
                raise ApiError(422, "Invalid", "The cursor is unknown.", "Begin without one.", field="cursor")
            return page, None
        look *= 4


def page_of(rows: Sequence[Summary], *, limit: int, cursor: str) -> Sequence[Summary] | None:
    """The page after the row with the id `cursor`, and one row more to tell whether that is all; None without it."""
    start = 0
    if cursor:
        index = next((index for index, row in enumerate(rows) if row.id == cursor), None)
        if index is None:
            return None
        start = index + 1
    return rows[start : start + limit + 1]


def limit_of(text: str) -> int:
    """How many of a page were asked for. Raises ApiError 422."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_PAGE:
        return int(text)
    reason = f"limit is {text[:20]!r}."
    raise ApiError(422, "Invalid", reason, f"Give a number from 1 to {LONGEST_PAGE}.", field="limit")


def _flag(text: str | None) -> bool | None:
    if text is None:
        return None
    if text in {"true", "false"}:
        return text == "true"
    raise ApiError(422, "Invalid", f"open is {text[:20]!r}.", "Give true or false.", field="open")


async def deployment(api: Api, call: Call) -> schemas.Deployment:
    """A whole deployment. Raises NotFound."""
    return await shown_deployment(api, call.path("id"))


async def shown_deployment(api: Api, id: str) -> schemas.Deployment:  # noqa: A002
    """The deployment as it is now. Raises NotFound."""
    return present.deployment(await api.deployments.load(DeploymentId(id)), now=api.now())


async def incidents(api: Api, _: Call) -> schemas.Incidents:
    """The newest incidents, open or ended."""
    return schemas.Incidents(incidents=[present.incident(one) for one in await api.incidents.recent(INCIDENTS)])


async def incident(api: Api, call: Call) -> schemas.Incident:
    """A whole incident."""
    return await shown_incident(api, call.path("id"))


async def shown_incident(api: Api, id: str) -> schemas.Incident:  # noqa: A002
    """The incident as it is now. Raises ApiError 404."""
    try:
        return present.incident(await api.incidents.load(IncidentId(id)))
    except UnknownIncident as unknown:
        raise ApiError(404, "NotFound", f"{unknown.reason}.", f"{unknown.remedy}.") from unknown


async def on_call(api: Api, _: Call) -> schemas.OnCall:
    """Who has which shift."""
    return schemas.OnCall(on_call=[present.shift(row) for row in api.readings.on_call()])


async def overview(api: Api, call: Call) -> schemas.Overview:
    """Everything the board shows."""
    position = await api.log.last_position()
    everything = await api.readings.overview()
    return schemas.Overview(
        at=everything.at,
        position=position,
        you=call.you,
        people=api.names(),
        components=[present.component(row) for row in everything.services],
        deployments=[present.deployment(one, now=everything.at) for one in everything.deployments],
        trains=await under_way(api),
        recent=[present.deployment_row(one) for one in everything.recent],
        incidents=[present.incident(one) for one in everything.incidents],
        alerts=[present.alert(row) for row in everything.alerts],
        on_call=[present.shift(row) for row in everything.on_call],
        events=await api.summaries.latest(EVENTS),
    )
