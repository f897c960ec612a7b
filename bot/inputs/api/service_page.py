"""The API's answer about one service in all its environments: what its page shows, and what may be done there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerting.incidents.incident import Incident
from bot.inputs.api import present
from bot.inputs.api.endpoint import Api, Call
from bot.inputs.api.permits import BadVersion, Freeze, FreezeWindow, Release, permit_readings, shown, shown_lock
from bot.inputs.api.schemas_services import ServicePage, ServicePlace
from bot.readings.now import Place
from bot.readings.offers import Offer, Wish, wished
from bot.readings.permits import Frozen
from engine.deployments.releases import Release as Released
from engine.permits.locks import LockState
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, allowed, denied

SHOWN: Final = 10  # deployments and releases of a place


@dataclass(frozen=True, slots=True)
class Seen:
    """What the places of a page are shown with."""

    locks: Sequence[LockState]
    frozen: Frozen
    person: Person | None
    directory: Directory


async def page(api: Api, call: Call) -> ServicePage:
    """Everything on the page. Raises NotFound."""
    position = await api.log.last_position()
    service = api.catalog().service(call.path("service"))
    permits = permit_readings(api)
    seen = Seen(await permits.locks(), await permits.frozen(), call.caller.person, api.directory())
    places = []
    for place in await api.readings.places(service.name, limit=SHOWN):
        releases = await permits.history(service.name, place.row.environment)
        places.append(_place(place, releases, seen))
    return ServicePage(
        at=api.now(),
        position=position,
        you=call.you,
        people=api.names(),
        service=service.name,
        description=service.description,
        depends_on=list(service.depends_on),
        places=places,
        bad_versions=[shown(one, BadVersion) for one in seen.frozen.bad if one.service == service.name],
        incidents=[present.incident(one) for one in await api.readings.incidents() if concerns(one, service.name)],
        alerts=[present.alert(row) for row in api.readings.alerts() if row.labels.get("service") == service.name],
    )


def concerns(incident: Incident, service: str) -> bool:
    """Whether it is an incident of the service, by its own word or by an alert's."""
    return incident.service == service or any(one.labels.get("service") == service for one in incident.alerts)


def _place(place: Place, releases: Sequence[Released], seen: Seen) -> ServicePlace:
    row = place.row
    offers = _offers(place, releases)
    locks = [one for one in seen.locks if (one.service, one.environment) == (row.service, row.environment)]
    return ServicePlace(
        component=present.component(row),
        lock=shown_lock(locks[0]) if locks else None,
        freezes=[shown(one, Freeze) for one in seen.frozen.freezes if one.reaches(row.service, row.environment)],
        windows=[
            shown(one, FreezeWindow)
            for one in seen.frozen.windows
            if one.environment == row.environment and one.until is not None
        ],
        deployments=[present.deployment_row(one) for one in place.deployments],
        more_deployments=place.more,
        releases=[shown(one, Release) for one in releases[: -SHOWN - 1 : -1]],
        released=len(releases),
        offers=offers,
        may=[one for one in offers if _may(seen.person, one, row.environment)],
        remark=_remark(place, offers, seen),
        seen=row.component.decided if row.component else None,
    )


def _offers(place: Place, releases: Sequence[Released]) -> list[str]:
    flying = place.row.in_flight is not None
    back = [Offer.ROLL_BACK.value] if len(releases) > 1 and not flying else []
    return [*(one.value for one in wished(place.row.component, in_flight=flying)), *back]


def _may(person: Person | None, offer: str, environment: str) -> bool:
    needed = Permission.ROLL_BACK if offer == Offer.ROLL_BACK.value else Permission.RESTART
    return person is not None and allowed(person, needed, environment)


def _remark(place: Place, offers: Sequence[str], seen: Seen) -> str:
    """Why nothing is offered, or why somebody signed in may not do what is."""
    row, person = place.row, seen.person
    if row.in_flight is not None:
        return "While a deployment is under way or waits, nothing else is changed here. Its page aborts it."
    wishes = [one for one in offers if one in set(Wish)]
    if person is None or not wishes or allowed(person, Permission.RESTART, row.environment):
        return ""
    refusal = denied(person, Permission.RESTART, row.environment, seen.directory.people)
    return f"{refusal.reason} {refusal.remedy}"
