"""The settings files of the houses in tests: the demo's shop and people, with short times."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bot.workspace.config import load_people

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "examples" / "demo"
HOST: Final = "127.0.0.1"

# Every start of an instance leaves a line of its own, whoever started it.
START: Final = 'echo "$PILOTHOUSE_INSTANCE $$" >> "$STARTS"; exec "$@"'

SERIES: Final = 'shop_requests_total{service="{service}",environment="{environment}",version="{version}"'
OPEN: Final = {"incident_freeze": False, "lock_after_rollback": False}
ERROR_RATIO: Final = {
    "name": "error ratio",
    "kind": "query",
    "query": f'(sum(rate({SERIES},code=~"5.."}}[4s])) or vector(0)) / sum(rate({SERIES}}}[4s]))',
    "below": "5%",
    "unit": "ratio",
    "samples": f"sum(increase({SERIES}}}[4s]))",
    "at_least": 5,
}
HEALTHY: Final = {"name": "healthy", "kind": "health"}

ROUTING: Final = """
route: {receiver: incidents, group_by: [alertname, service, environment], group_wait: 0s, group_interval: 1s}
receivers: [{name: incidents, chat_configs: [{channel: incidents, policy: primary}]}]
"""

SHOP_ERRORS: Final = """
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: ShopErrors
        expr: >-
          sum by (service, environment) (rate(shop_requests_total{code=~"5.."}[3s]))
          / sum by (service, environment) (rate(shop_requests_total[3s])) > 0.01
        for: 1s
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.service }} in {{ $labels.environment }} fails {{ $value | humanizePercentage }}"
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """What listens where."""

    board: int
    workspace: int
    production: int
    staging: int
    prometheus: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What differs between houses. Durations as the settings file writes them.

    `steps` are weight and dwell, a person has to approve step `approval_at`; `instances` are those of production;
    `http_events` is HTTP mode instead of Socket Mode, `acquire_timeout` the longest wait for a database connection;
    `permits` is what both environments say of freezes and locks, by default that nothing holds the next test up;
    `careful` is production's strategy instead of a canary of `steps`, `quick` that of staging.
    """

    steps: tuple[tuple[int, str], ...] = ((10, "1s"), (50, "1s"), (100, "1s"))
    gates: tuple[dict[str, Any], ...] = (HEALTHY,)
    warm_up: str = "0s"
    instances: int = 2
    approval_at: int | None = None
    approvals: int = 1
    approval_expires: str = "1h"
    rules: str = ""
    escalate_after: str = "1h"
    restart: str = "500ms"
    http_events: bool = False
    acquire_timeout: str = "5s"
    permits: Mapping[str, Any] = field(default_factory=lambda: OPEN)
    careful: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=lambda: {"kind": "rolling"})
    preview_port: int | None = None


def people() -> dict[str, Any]:
    """The team, people and channels of the demo, as fields of WorkspaceConfig."""
    return load_people(EXAMPLE / "workspace.yaml")


def write_settings(room: Path, scene: Scene, ports: Ports) -> Path:
    """The settings file of this scene in `room`."""
    rules = room / "rules.yaml"
    rules.write_text(scene.rules or "groups: []\n", encoding="utf-8")
    (room / "alertmanager.yml").write_text(ROUTING, encoding="utf-8")
    demo = yaml.safe_load((EXAMPLE / "pilothouse.yaml").read_text(encoding="utf-8"))
    file = {
        "data": str(room / "data"),
        "http": {"host": HOST, "port": ports.board},
        "prometheus": f"http://{HOST}:{ports.prometheus}",
        "pool": {"acquire_timeout": scene.acquire_timeout},
        "people": demo["people"],
        "environments": {"staging": dict(scene.permits), "production": _production(scene)},
        "strategies": {"careful": dict(scene.careful) or _careful(scene), "quick": dict(scene.quick)},
        "services": {"shop": _shop(room, scene, ports)},
        "rules": [str(rules)],
        "alertmanager": str(room / "alertmanager.yml"),
        "policies": {"primary": {"steps": _pages(scene)}},
        "schedules": {"primary": {**demo["schedules"]["primary"], "people": ["ben", "ada"]}},
    }
    path = room / "pilothouse.yaml"
    path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
    return path


def _production(scene: Scene) -> dict[str, Any]:
    approval = {"approvals": scene.approvals, "four_eyes": True, "approval_expires": scene.approval_expires}
    return {**approval, **scene.permits}


def _careful(scene: Scene) -> dict[str, Any]:
    steps = [
        {"weight": weight, "dwell": dwell, "approval": number == scene.approval_at}
        for number, (weight, dwell) in enumerate(scene.steps)
    ]
    return {"kind": "canary", "warm_up": scene.warm_up, "steps": steps, "gates": list(scene.gates)}


def _pages(scene: Scene) -> list[dict[str, Any]]:
    return [
        {"after": "0s", "page": ["schedule:primary"]},
        {"after": scene.escalate_after, "page": ["schedule:primary/next"]},
    ]


def _shop(room: Path, scene: Scene, ports: Ports) -> dict[str, Any]:
    preview = {"preview_port": scene.preview_port} if scene.preview_port else {}
    program = [sys.executable, str(EXAMPLE / "shop.py"), "--release", "{artifact}", "--version", "{version}"]
    return {
        "channel": "deploys",
        "local": {
            "artifact": str(EXAMPLE / "releases" / "{version}.json"),
            "command": ["/bin/sh", "-c", START, "shop", *program, "--port", "{port}"],
            "environment": {"STARTS": str(room / "starts")},
            "stop_timeout": "5s",
        },
        "health": {"interval": scene.restart, "timeout": "1s", "healthy_after": 1, "unhealthy_after": 2},
        "environments": {
            "staging": {"port": ports.staging, "instances": 1, "strategy": "quick"},
            "production": {**preview, "port": ports.production, "instances": scene.instances, "strategy": "careful"},
        },
    }
