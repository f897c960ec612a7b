"""The addresses below `/prometheus/api/v1` that readers of rules ask, Grafana among them."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec
from aiohttp import web

from alerting.rules.status import RuleStatus
from bot.inputs.prometheus_api.asked import BadData, page_of, read_rules_asked
from bot.inputs.prometheus_api.shapes import (
    Alerts,
    Answer,
    BuildInfo,
    Failure,
    Rules,
    render_alerts,
    render_group,
)
from bot.web.access import Access, challenge
from engine.errors import Denied, Refused

ROOT: Final = "/prometheus/api/v1"
COMPATIBLE: Final = "3.16.0"
"""Whose API this is. Readers choose by the version what they may ask, so it is Prometheus', not ours."""
AT_ONCE: Final = 200
"""Rules rendered before others get their turn."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with; `default_interval` is that of a group that names none."""

    access: Access
    snapshot: Callable[[], Sequence[RuleStatus]]
    default_interval: timedelta
    version: str


def add_prometheus_routes(app: web.Application, parts: Parts) -> None:
    """Serve rules, alerts and what a reader asks first."""
    for path, handler in (
        ("/rules", _rules(parts)),
        ("/alerts", _alerts(parts)),
        ("/status/buildinfo", _build_info(parts)),
    ):
        app.router.add_get(ROOT + path, _guarded(parts.access, handler), allow_head=False)


def _rules(parts: Parts) -> Handler:
    async def rules(request: web.Request) -> web.Response:
        asked = read_rules_asked(request.query)
        page, token = page_of(parts.snapshot(), asked)
        shown, rendered = [], 0
        for group in page:
            shown.append(
                render_group(group, default_interval=parts.default_interval, exclude_alerts=asked.exclude_alerts)
            )
            rendered += len(group)
            if rendered >= AT_ONCE:
                rendered = 0
                await asyncio.sleep(0)
        return _answer(Answer("success", Rules(shown, token)))

    return rules


def _alerts(parts: Parts) -> Handler:
    async def alerts(_: web.Request) -> web.Response:
        found = [alert for status in parts.snapshot() for alert in render_alerts(status.alerts)]
        return _answer(Answer("success", Alerts(found)))

    return alerts


def _build_info(parts: Parts) -> Handler:
    async def build_info(_: web.Request) -> web.Response:
        ours = f"pilothouse {parts.version}"
        info = BuildInfo(COMPATIBLE, "", "", ours, "", f"python {platform.python_version()}")
        return _answer(Answer("success", info))

    return build_info


def _guarded(access: Access, handler: Handler) -> Handler:
    """`handler` for those who may read, refusals in Prometheus' shape."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            await access.reader(access.knock(request))
            return await handler(request)
        except BadData as wrong:
            return _answer(Failure("error", "bad_data", str(wrong)), status=400)
        except Refused as refusal:
            status = 403 if isinstance(refusal, Denied) else 401
            kind = "forbidden" if status == 403 else "unauthorized"
            return _answer(Failure("error", kind, str(refusal)), status=status, headers=challenge(status))

    return guarded


def _answer(value: Answer | Failure, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
