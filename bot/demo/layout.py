"""Where the demo keeps things and which ports it uses: one base port and the ones after it."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "demo"
MANIFEST: Final = Path(__file__).resolve().parents[2] / "manifest.yml"
HOST: Final = "127.0.0.1"


class DemoImpossible(Exception):
    """The demo can't start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All paths and ports, from a data folder and a base port."""

    data: Path
    base: int

    @property
    def ports(self) -> dict[str, int]:
        """What listens where."""
        parts = ("workspace", "board", "Prometheus", "load maker")
        names = (*parts, "shop in production", "shop in staging", "preview of shop in staging")
        return {name: self.base + index for index, name in enumerate(names)}

    @property
    def workspace_url(self) -> str:
        """The one address to open."""
        return f"http://{HOST}:{self.ports['workspace']}"

    @property
    def board_url(self) -> str:
        """The board's address."""
        return f"http://{HOST}:{self.ports['board']}"

    @property
    def prometheus_url(self) -> str:
        """Prometheus' address."""
        return f"http://{HOST}:{self.ports['Prometheus']}"

    @property
    def settings(self) -> Path:
        """The settings file of this demo."""
        return self.data / "pilothouse.yaml"

    @property
    def house(self) -> Path:
        """The product's own data folder."""
        return self.data / "pilothouse"


def taken_ports(layout: Layout, *, ours: frozenset[str]) -> dict[str, int]:
    """The ports somebody else listens on; `ours` are parts that still run from before and may keep theirs."""
    return {name: port for name, port in layout.ports.items() if name not in ours and not _free(port)}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def write_settings(layout: Layout) -> None:
    """The example's settings file with this demo's ports and folders. Raises DemoImpossible outside a clone."""
    source = EXAMPLE / "pilothouse.yaml"
    if not source.exists():
        raise DemoImpossible("The demo needs the folder examples/demo: run it in a clone of the repository.")
    settings: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    settings["data"] = str(layout.house)
    settings["http"] = {"host": HOST, "port": layout.ports["board"]}
    settings["prometheus"] = layout.prometheus_url
    settings["evaluation"]["remote_write"] = f"{layout.prometheus_url}/api/v1/write"
    settings["alertmanager"] = str(EXAMPLE / settings["alertmanager"])
    settings["rules"] = [str(EXAMPLE / pattern) for pattern in settings["rules"]]
    shop = settings["services"]["shop"]
    shop["local"]["artifact"] = str(EXAMPLE / shop["local"]["artifact"])
    shop["local"]["command"] = [word.replace("{here}", str(EXAMPLE)) for word in shop["local"]["command"]]
    for environment in ("production", "staging"):
        shop["environments"][environment]["port"] = layout.ports[f"shop in {environment}"]
    shop["environments"]["staging"]["preview_port"] = layout.ports["preview of shop in staging"]
    layout.settings.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_prometheus(layout: Layout) -> Path:
    """Prometheus' configuration: what the product's service discovery names, and the load maker."""
    jobs = [
        {
            "job_name": "pilothouse-services",
            "honor_labels": False,
            "http_sd_configs": [{"url": f"{layout.board_url}/sd/prometheus", "refresh_interval": "1s"}],
        },
        {"job_name": "load", "static_configs": [{"targets": [f"{HOST}:{layout.ports['load maker']}"]}]},
        {"job_name": "pilothouse", "static_configs": [{"targets": [f"{HOST}:{layout.ports['board']}"]}]},
    ]
    path = layout.data / "prometheus.yaml"
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "900ms"}, "scrape_configs": jobs}
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def load_keys(layout: Layout) -> Mapping[str, str]:
    """The app's keys, made at the first start and kept, readable by their owner only."""
    path = layout.data / "keys.json"
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    keys = {
        "SLACK_BOT_TOKEN": f"xoxb-demo-{secrets.token_urlsafe(24)}",
        "SLACK_APP_TOKEN": f"xapp-1-DEMO-{secrets.token_hex(24)}",
        "SLACK_SIGNING_SECRET": secrets.token_hex(16),
    }
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(keys, file)
    return keys
