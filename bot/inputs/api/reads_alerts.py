"""The API's answers about alerts: groups, silences, rules, and a rule's last day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerting.errors import AlertingError
from alerting.rules.rule import Rule, RuleId
from alerting.rules.state import State
from alerting.rules.status import RuleStatus
from alerting.rules.threshold import compared
from alerting.rules.timeline import RuleDay
from bot.inputs.api import alert_groups, present, present_alerts, schemas
from bot.inputs.api import schemas_alerts as shapes
from bot.inputs.api.alert_filter import Filter, parse_filter
from bot.inputs.api.alert_sources import AlertSources
from bot.inputs.api.endpoint import Api, Call
from bot.inputs.api.errors import ApiError
from bot.inputs.api.notifications import shapes_of
from bot.inputs.api.reads import LONGEST_PAGE, PAGE
from engine.deployments.journal import Summary
from engine.security.permissions import Permission, allowed

SHOWN: Final = 200
MOST: Final = 5000
POINTS: Final = 240  # of a line: of a day one every six minutes
LINES: Final = 12
DEPLOYMENTS: Final = 500
MARKS: Final = 40
ALERT_STATES: Final = ("active", "suppressed", "pending")
RULE_STATES: Final = ("all", "broken", "firing", "pending")


async def alerts(api: Api, call: Call) -> schemas.Alerts:
    """Pending and firing alerts."""
    wanted = _filter(call)
    rows = [row for row in api.readings.alerts() if wanted.takes(row.labels, row.annotations)]
    return schemas.Alerts(alerts=[present.alert(row) for row in rows])


async def summary(api: Api, call: Call) -> shapes.AlertSummary:
    """Everything in numbers."""
    known, now = sources(api), api.now()
    standing = await alert_groups.Standing.of(known, now=now)
    person = call.caller.person
    return shapes.AlertSummary(
        at=now,
        you=call.you,
        may_silence=person is not None and any(allowed(person, Permission.SILENCE, place) for place in person.roles),
        people=api.names(),
        alerts=alert_groups.alert_counts(standing),
        silences=present_alerts.silence_counts(standing.silences.values(), now=now),
        rules=present_alerts.rule_counts(standing.rules),
        last_notification=await api.notifications.newest(),
        problems=list(known.files().problems),
    )


async def groups(api: Api, call: Call) -> shapes.AlertGroups:
    """Alerts as they are told together."""
    states = frozenset(call.http.query.getall("state", ALERT_STATES))
    _check_choice("state", states, ALERT_STATES)
    standing = await alert_groups.Standing.of(sources(api), now=api.now())
    limit, only = _limit(call), call.http.query.get("group", "")
    return alert_groups.groups(standing, _filter(call), states, at=api.now(), limit=limit, only=only)


async def silences(api: Api, call: Call) -> shapes.Silences:
    """Every silence that is remembered."""
    now, wanted = api.now(), _filter(call)
    standing = await alert_groups.Standing.of(sources(api), now=api.now())
    mutes = standing.mutes()
    everything = list(standing.silences.values())
    found = [one for one in everything if wanted.takes_silence(one)]
    limit = _limit(call)
    return shapes.Silences(
        at=now,
        counts=present_alerts.silence_counts(everything, now=now),
        silences=[present_alerts.silence(one, now=now, mutes=mutes[one.id]) for one in found[:limit]],
        more=max(0, len(found) - limit),
    )


async def notifications(api: Api, call: Call) -> shapes.Notifications:
    """Who was told what and why, the newest first."""
    limit = _number(call, "limit", PAGE, least=1, most=LONGEST_PAGE)
    cursor = call.http.query.get("cursor", "")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise ApiError(422, "Invalid", "The cursor is unknown.", "Begin without one.", field="cursor")
    return shapes_of(await api.notifications.page(limit=limit, before=int(cursor) if cursor else None))


async def rules(api: Api, call: Call) -> shapes.Rules:
    """Every group and rule with its health."""
    known = sources(api)
    statuses, wanted = known.rules(), _filter(call)
    which = call.http.query.get("state", "all")
    _check_choice("state", {which}, RULE_STATES)

    def fits(status: RuleStatus) -> bool:
        return _in(status, which) and wanted.takes_rule(status.rule, status.group.name, status.group.file)

    found, more = present_alerts.rule_sets(
        statuses, fits, interval=known.interval, url=known.prometheus_url, limit=_limit(call)
    )
    counts = present_alerts.rule_counts(statuses)
    return shapes.Rules(at=api.now(), counts=counts, problems=list(known.files().problems), groups=found, more=more)


def _in(status: RuleStatus, which: str) -> bool:
    match which:
        case "broken":
            return status.health.state == "err"
        case "firing" | "pending":
            return status.state is State(which)
    return True


async def history(api: Api, call: Call) -> shapes.RuleHistory:
    """One rule's last day, or the end of it: its states, its value, and what was deployed meanwhile."""
    known, now = sources(api), api.now()
    statuses = known.rules()
    status = next((one for one in statuses if one.rule.id == call.path("id")), None)
    if status is None:
        raise ApiError(404, "NotFound", "There is no such rule now.", "`GET /rules` lists them with their ids.")
    day = await _day(known, status.rule.id, now, back=_hours(call))
    return shapes.RuleHistory(
        rule=present_alerts.rule(status, known.prometheus_url),
        start=day.start,
        end=day.end,
        segments=[present_alerts.segment(one) for one in day.rule],
        series=[present_alerts.series_line(one) for one in day.series],
        more_series=day.more_series,
        cut=day.cut,
        values=await _values(known, status.rule, day.start, day.end),
        deployments=await _marks(api, status.rule, day.start, day.end),
    )


async def _day(known: AlertSources, rule: RuleId, now: datetime, *, back: timedelta) -> RuleDay:
    try:
        return await known.history.day(rule, now, back=back)
    except AlertingError as failure:
        raise ApiError(503, "TemporaryFailure", f"{failure.reason}.", f"{failure.remedy}.") from failure


async def _values(known: AlertSources, rule: Rule, start: datetime, end: datetime) -> shapes.Values:
    """What the rule compares, over the day. A failure is told in the picture, which has more to show."""
    parts = compared(rule.expr)
    expr = parts.expr if parts else rule.expr
    lines: list[shapes.ValueLine] = []
    error, remedy = None, ""
    try:
        found = await known.ranges.range(expr, start, end, (end - start) / POINTS)
        lines = [present_alerts.value_line(one) for one in found[:LINES]]
    except AlertingError as failure:
        error, remedy = failure.reason, failure.remedy
    return shapes.Values(
        expr=expr,
        comparison=parts.op if parts else "",
        threshold=parts.threshold if parts else None,
        lines=lines,
        error=error,
        remedy=remedy,
    )


async def _marks(api: Api, rule: Rule, start: datetime, end: datetime) -> list[shapes.Mark]:
    """The deployments in this time, the newest last; those of the rule's own service when it names one."""
    wanted = {name: rule.labels[name] for name in ("service", "environment") if name in rule.labels}
    found = [
        one
        for one in await api.deployments.recent(limit=DEPLOYMENTS)
        if one.started_at is not None
        and one.started_at <= end
        and (one.ended_at or end) >= start
        and all(getattr(one, name) == value for name, value in wanted.items())
    ]
    return [_mark(one) for one in reversed(found[:MARKS])]


def _mark(one: Summary) -> shapes.Mark:
    verb = "Roll back to" if one.purpose == "roll_back" else "Deploy"
    text = f"{verb} {one.service} {one.version} in {one.environment}, {one.state.replace('_', ' ')}"
    started = one.started_at or one.requested_at
    return shapes.Mark(deployment=one.id, text=text, state=one.state, start=started, end=one.ended_at)


def sources(api: Api) -> AlertSources:
    """Where alerts are read. Raises ApiError 503 where this process has none."""
    if api.alerts is None:
        raise ApiError(503, "TemporaryFailure", "This process serves no alerts.", "Ask one that does.")
    return api.alerts


def _filter(call: Call) -> Filter:
    query = call.http.query
    return parse_filter(query.getall("filter", []), query.get("q", ""))


def _limit(call: Call) -> int:
    return _number(call, "limit", SHOWN, least=0, most=MOST)


def _hours(call: Call) -> timedelta:
    return timedelta(hours=_number(call, "hours", 24, least=1, most=24))


def _number(call: Call, name: str, usual: int, *, least: int, most: int) -> int:
    text = call.http.query.get(name, str(usual))
    if text.isascii() and text.isdigit() and len(text) <= 5 and least <= int(text) <= most:
        return int(text)
    raise ApiError(422, "Invalid", f"{name} is {text[:20]!r}.", f"Give a number from {least} to {most}.", field=name)


def _check_choice(name: str, given: frozenset[str] | set[str], known: tuple[str, ...]) -> None:
    wrong = next((one for one in given if one not in known), None)
    if wrong is not None:
        raise ApiError(422, "Invalid", f"{name} is {wrong[:20]!r}.", f"Known here: {', '.join(known)}.", field=name)
