"""The shapes of a service's page.

Times are RFC 3339 in UTC, weights percent.
"""

from __future__ import annotations

from datetime import datetime

from bot.inputs.api.permits import BadVersion, Freeze, FreezeWindow, Lock, Release
from bot.inputs.api.schemas import Alert, Component, DeploymentRow, Incident
from bot.inputs.api.shape import Shape, You


class ServicePlace(Shape):
    """The service in one environment.

    `deployments` and `releases` are the newest first; with `more_deployments` there are older ones, of `released`
    releases the newest are told. `lock`, `freezes` and `windows` are those that hold now. `offers` are the changes that
    make sense now: retry, start, scale, restart, stop, unregister, and roll_back for a release that does not run; `may`
    are those of them that who is signed in may make; `remark` says why there are no more. `seen` is what was decided
    last: send it with a stop or an unregistration, which then count for nothing else.
    """

    component: Component
    lock: Lock | None
    freezes: list[Freeze]
    windows: list[FreezeWindow]
    deployments: list[DeploymentRow]
    more_deployments: bool
    releases: list[Release]
    released: int
    offers: list[str]
    may: list[str]
    remark: str
    seen: int | None


class ServicePage(Shape):
    """A service everywhere. `incidents` and `alerts` are the open and present ones of it.

    `position` is the log's last before it was read: follow events from there.
    """

    at: datetime
    position: int
    you: You | None
    people: dict[str, str]
    service: str
    description: str
    depends_on: list[str]
    places: list[ServicePlace]
    bad_versions: list[BadVersion]
    incidents: list[Incident]
    alerts: list[Alert]
