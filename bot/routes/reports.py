"""What may be asked for reports, by whom, and who makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.readings.reports import Deployments, Incidents, Wanted, make_report
from bot.words.reports import ShowReport
from engine.commands import Request
from engine.orchestrator import Data, Route
from engine.security.identity import Person
from engine.security.permissions import Permission


@dataclass(frozen=True, slots=True)
class ReportRooms:
    """Where reports are gathered. `board_url` is where people reach the board."""

    deployments: Deployments
    incidents: Incidents
    board_url: str
    now: Callable[[], datetime]


def report_routes(rooms: ReportRooms) -> dict[type, Route]:
    """Every command about reports with its permission and its handler."""

    async def show(request: Request, _: Person) -> Data:
        command: Any = request.command
        made = await make_report(Wanted(command.days), rooms.deployments, rooms.incidents, now=rooms.now())
        return {"report": made, "board": rooms.board_url}

    return {ShowReport: Route("report", Permission.VIEW, lambda _: None, show, audited=False)}
