"""`/alerts` and `/alerts/groups`: alerts in, and alerts with who hears of them and who mutes them out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiohttp import web

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import shown_fingerprint
from alerting.notify.status import AlertGroup, AlertStatus
from bot.inputs.alertmanager.answers import BadRequest, Handler, answer, done, refused
from bot.inputs.alertmanager.parts import Parts
from bot.inputs.alertmanager.query import AlertFilter, BadQuery, read_alert_filter
from bot.inputs.alertmanager.shapes import AlertGroupShape, AlertStatusShape, GettableAlert, Receiver, render_alert
from bot.inputs.pushing import is_json, pusher, read_body

AT_ONCE: Final = 500
"""Alerts rendered before others get their turn."""


def post_alerts(parts: Parts) -> Handler:
    """Take alerts. Those that are right are taken also when others of the request are refused."""

    async def post(request: web.Request) -> web.Response:
        await pusher(parts.access, parts.access.knock(request), parts.directory())
        if not is_json(request):
            return wrong_type(request)
        taken = await parts.intake.post(await read_body(request))
        return answer(taken.told, status=400) if taken.problems else done()

    return post


def get_alerts(parts: Parts) -> Handler:
    """Alerts that fire, by fingerprint."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        wanted, look = _filter(request), _Look(parts)
        found = []
        for number, alert in enumerate(list(parts.alerts.all())):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            found += look.at(alert, wanted)
        return answer(sorted(found, key=lambda one: one.fingerprint))

    return get


def get_groups(parts: Parts) -> Handler:
    """The groups alerts are told in; an alert names the receivers of all groups it is in."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        wanted, look = _filter(request), _Look(parts)
        groups = [group for group in parts.groups() if wanted.receiver(group.receiver)]
        receivers = _receivers(groups)
        shown = []
        for group in groups:
            if group.muted_by and not wanted.muted:
                continue
            if alerts := look.of_group(group, wanted, receivers):
                shown.append(AlertGroupShape(alerts, group.labels, Receiver(group.receiver)))
            await asyncio.sleep(0)
        return answer(shown)

    return get


class _Look:
    """Alerts as they stand at one moment."""

    def __init__(self, parts: Parts) -> None:
        self._status_of = parts.status_of
        self._known = parts.alerts
        self._now = parts.now()
        self._open_end = self._now + parts.routing().resolve_timeout

    def at(self, alert: ReceivedAlert, wanted: AlertFilter) -> list[GettableAlert]:
        """The alert if it is asked for, with the receivers that its labels lead to."""
        if self._over(alert) or not wanted.wants(alert.labels):
            return []
        status = self._status_of(alert)
        if not wanted.wants_any(status.receivers) or not wanted.shows(status):
            return []
        return [self._render(alert, status.receivers, status, ())]

    def of_group(
        self, group: AlertGroup, wanted: AlertFilter, receivers: Mapping[str, Iterable[str]]
    ) -> list[GettableAlert]:
        """The alerts of the group that are asked for."""
        shown = []
        for alert in group.alerts:
            if self._over(alert) or not wanted.wants(alert.labels):
                continue
            status = self._status_of(alert)
            if wanted.shows(status):
                shown.append(self._render(alert, sorted(receivers[alert.fingerprint]), status, group.muted_by))
        return shown

    def _over(self, alert: ReceivedAlert) -> bool:
        return alert.ends_at is not None and alert.ends_at < self._now

    def _shown(self, fingerprint: str) -> str:
        alert = self._known.get(fingerprint)
        return fingerprint if alert is None else shown_fingerprint(alert.labels)

    def _render(
        self, alert: ReceivedAlert, receivers: Sequence[str], status: AlertStatus, muted_by: Sequence[str]
    ) -> GettableAlert:
        muted = bool(status.silenced_by or status.inhibited_by or muted_by)
        shape = AlertStatusShape(
            inhibited_by=[self._shown(one) for one in status.inhibited_by],
            muted_by=muted_by,
            silenced_by=sorted(status.silenced_by),
            state="suppressed" if muted else "active",
        )
        return render_alert(alert, ends_at=self._open_end, receivers=receivers, status=shape)


def wrong_type(request: web.Request) -> web.Response:
    """The refusal of a body that is not said to be JSON."""
    kind = request.content_type[:80]
    return refused(415, 415, f'unsupported media type "{kind}", only [application/json] are allowed')


def _filter(request: web.Request) -> AlertFilter:
    try:
        return read_alert_filter(request.query)
    except BadQuery as wrong:
        raise BadRequest(str(wrong)) from wrong


def _receivers(groups: Iterable[AlertGroup]) -> Mapping[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for group in groups:
        for alert in group.alerts:
            found[alert.fingerprint].add(group.receiver)
    return found
