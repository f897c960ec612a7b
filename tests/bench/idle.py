"""What the product uses while nothing happens."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from tests.bench.figure import Figure
from tests.bench.process import cpu_seconds, memory
from tests.bench.shop import need, open_shop
from tests.fakes.house import House, ShopPrometheus
from tests.fakes.scene import EXAMPLE, HOST, Scene

WINDOWS: Final = 5
WINDOW: Final = 5.0  # seconds
SETTLE: Final = 5.0  # seconds


def _alert_rules() -> str:
    """The demo's rules but for what is written back, which the Prometheus of the tests does not take."""
    file = yaml.safe_load((EXAMPLE / "rules" / "shop.yaml").read_text(encoding="utf-8"))
    for group in file["groups"]:
        group["rules"] = [rule for rule in group["rules"] if "alert" in rule]
    return yaml.safe_dump(file)


SCENE: Final = Scene(steps=((100, "0s"),), restart="1s", rules=_alert_rules())
HOW: Final = (
    f"over {WINDOWS} windows of {WINDOW:.0f} s with the demo's rules every 2 s against a real Prometheus, "
    "three instances in two placements with health checks every second, "
    "and Prometheus asking service discovery and metrics every second"
)


class DemoPrometheus(ShopPrometheus):
    """Scrapes as the demo's Prometheus does."""

    def __init__(self, house: House) -> None:
        super().__init__(house.board, house.ports.prometheus)
        self._board = f"{HOST}:{house.ports.board}"

    def _configure(self, room: Path) -> None:
        super()._configure(room)
        path = room / "prometheus.yml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "900ms"}
        config["scrape_configs"][0]["http_sd_configs"][0]["refresh_interval"] = "1s"
        config["scrape_configs"].append({"job_name": "pilothouse", "static_configs": [{"targets": [self._board]}]})
        path.write_text(yaml.safe_dump(config), encoding="utf-8")


async def measure() -> Sequence[Figure]:
    """Memory, and the share of one core."""
    need("prometheus", "prometheus")
    async with open_shop(SCENE) as house:
        house.prometheus = DemoPrometheus(house)
        await house.open_prometheus()
        staged = await house.deploy("ada", "v1", "staging")
        await house.end_of(staged, "DeploymentSucceeded")
        await asyncio.sleep(SETTLE)
        shares = [await _share(house.pid) for _ in range(WINDOWS)]
        held = memory(house.pid)
    return [
        Figure(
            "Idle memory, resident", "MB", (held.resident,), "at the end of the idle time, shared pages in full", 160
        ),
        Figure("Idle memory, proportional", "MB", (held.proportional,), "the same with shared pages by their share"),
        Figure("Idle CPU", "% of a core", tuple(shares), HOW, aim=3),
    ]


async def _share(pid: int) -> float:
    loop, before = asyncio.get_running_loop(), cpu_seconds(pid)
    begin = loop.time()
    await asyncio.sleep(WINDOW)
    return 100 * (cpu_seconds(pid) - before) / (loop.time() - begin)
