"""The API's report on deployments: DORA's four keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.inputs.api import schemas_deployments as shapes
from bot.inputs.api.endpoint import Api, Call
from bot.inputs.api.errors import ApiError
from bot.readings.reports import LONGEST, USUAL, Wanted
from engine.deployments.report import Dora, Period


async def deployments(api: Api, call: Call) -> shapes.DeploymentReport:
    """The figures of the last days. Raises NotFound for a service or an environment that the settings do not name."""
    wanted = _wanted(api, call)
    found = await api.reports.read(wanted, api.deployments, api.incidents, now=api.now())
    return shapes.DeploymentReport(
        at=api.now(),
        you=call.you,
        days=found.days,
        since=found.since,
        until=found.until,
        service=wanted.service or None,
        environment=wanted.environment or None,
        figures=_figures(found.figures),
        periods=_periods(found.periods),
        places=[
            shapes.PlaceFigures(
                service=one.service,
                environment=one.environment,
                figures=_figures(one.figures),
                periods=_periods(one.periods),
            )
            for one in found.places
        ],
    )


def _wanted(api: Api, call: Call) -> Wanted:
    query, catalog = call.http.query, api.catalog()
    service, environment = query.get("service", ""), query.get("environment", "")
    if service:
        catalog.service(service)
    if environment:
        catalog.environment(environment)
    return Wanted(_days(query.get("days", str(USUAL))), service, environment)


def _days(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LONGEST:
        return int(text)
    raise ApiError(422, "Invalid", f"days is {text[:20]!r}.", f"Give a number from 1 to {LONGEST}.", field="days")


def _periods(periods: Sequence[Period]) -> list[shapes.Period]:
    return [shapes.Period(start=one.start, end=one.end, figures=_figures(one.figures)) for one in periods]


def _figures(one: Dora) -> shapes.Dora:
    return shapes.Dora(
        deployments=one.deployments,
        per_day=one.per_day,
        lead_seconds=_seconds(one.lead_time),
        changes=one.changes,
        failures=one.failures,
        failure_rate=one.failure_rate,
        restored=one.restored,
        unrestored=one.unrestored,
        restore_seconds=_seconds(one.restore_time),
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
