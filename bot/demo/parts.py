"""The parts of the demo: what each is started with, and how one knows that it is up."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.demo.layout import EXAMPLE, HOST, MANIFEST, Layout, write_prometheus

PRODUCT: Final = "pilothouse"
MISSING_PROMETHEUS: Final = (
    "Prometheus is not installed (Debian: apt-get install prometheus). "
    "Without it gates have no data, so a canary pauses at its first step, and no alert fires."
)


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its command, what it needs in its environment, the address that answers 200 once it is up."""

    name: str
    command: Sequence[str]
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)


def parts(layout: Layout, keys: Mapping[str, str]) -> list[Part]:
    """Those that can run here, in the order they are started."""
    made = [_workspace(layout, keys), _prometheus(layout), _load(layout), product(layout, keys)]
    return [part for part in made if part is not None]


def _workspace(layout: Layout, keys: Mapping[str, str]) -> Part:
    port = layout.ports["workspace"]
    command = [sys.executable, "-m", "bot.workspace", "--host", HOST, "--port", str(port)]
    command += ["--manifest", str(MANIFEST), "--people", str(EXAMPLE / "workspace.yaml")]
    command += ["--journal", str(layout.data / "workspace.jsonl")]
    return Part("workspace", command, f"{layout.workspace_url}/client/boot", keys)


def _prometheus(layout: Layout) -> Part | None:
    binary = shutil.which("prometheus")
    if binary is None:
        return None
    command = [binary, f"--config.file={write_prometheus(layout)}", f"--storage.tsdb.path={layout.data / 'tsdb'}"]
    command += [f"--web.listen-address={HOST}:{layout.ports['Prometheus']}", "--storage.tsdb.retention.time=1d"]
    command += ["--web.enable-remote-write-receiver"]  # what our rules compute is written back
    return Part("prometheus", command, f"{layout.prometheus_url}/-/ready")


def _load(layout: Layout) -> Part:
    port = layout.ports["load maker"]
    command = [sys.executable, str(EXAMPLE / "load.py"), "--port", str(port), "--rate", "20"]
    for environment in ("production", "staging"):
        command += ["--target", f"{environment}=http://{HOST}:{layout.ports[f'shop in {environment}']}/"]
    return Part("load", command, f"http://{HOST}:{port}/metrics")


def product(layout: Layout, keys: Mapping[str, str]) -> Part:
    """The product itself, as `pilothouse serve` runs it anywhere."""
    command = [sys.executable, "-m", "bot.inputs.cli", "serve", "--config", str(layout.settings)]
    environment = {
        **keys,
        "SLACK_API_URL": f"{layout.workspace_url}/api/",
        "DATABASE_URL": "",
        "PILOTHOUSE_DATA": "",
        "PILOTHOUSE_HOST": "",
        "PROMETHEUS_URL": "",
        "PILOTHOUSE_PORT": str(layout.ports["board"]),
    }
    return Part(PRODUCT, command, f"{layout.board_url}/readyz", environment)


def inherited() -> dict[str, str]:
    """Our own environment for the children, which find our packages wherever they are started."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUNBUFFERED": "1"}
