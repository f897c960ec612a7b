"""What a gate asks in this deployment: its text with the placeholders filled. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Version
from engine.deployments.deployment import Deployment

SHORTEST_WINDOW: Final = timedelta(seconds=10)
LONGEST_WINDOW: Final = timedelta(minutes=10)
LONGEST_COMPARED: Final = timedelta(days=1)  # counts add up over a step, however long somebody lets it wait
_PLACEHOLDER: Final = re.compile(r"\{(service|environment|version|previous|window)\}")


def fill(
    text: str,
    deployment: Deployment,
    *,
    now: datetime,
    version: Version | None = None,
    window: timedelta | None = None,
) -> str:
    """`text` with {service}, {environment}, {version}, {previous} and {window} put in.

    Values are escaped for a double-quoted PromQL string. Other braces belong to PromQL and stay. The window reaches
    back to the first request of the new version after its warm-up, from SHORTEST_WINDOW to LONGEST_WINDOW. `version`
    and `window` stand in place of the deployment's own.
    """
    plan = deployment.plan
    values = {
        "service": _quoted(plan.service),
        "environment": _quoted(plan.environment),
        "version": _quoted(version or plan.version),
        "previous": _quoted(plan.previous or ""),
        "window": f"{round((window or _window(deployment, now)).total_seconds())}s",
    }
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


def compared_window(deployment: Deployment, now: datetime, *, beside: bool) -> timedelta:
    """What a comparison counts: since the router reports this step's weight, so that both versions meet the same times.

    Where nothing runs `beside` the new version: since its first request. Never of the warm-up.
    """
    ripe = (deployment.traffic_at or now) + deployment.plan.strategy.warm_up
    entered = deployment.step_entered_at if beside else None
    since = max(ripe, entered) if entered else ripe
    return min(LONGEST_COMPARED, max(SHORTEST_WINDOW, now - since))


def _window(deployment: Deployment, now: datetime) -> timedelta:
    since = (deployment.traffic_at or now) + deployment.plan.strategy.warm_up
    return min(LONGEST_WINDOW, max(SHORTEST_WINDOW, now - since))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
