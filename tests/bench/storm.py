"""A storm of alerts over API v2: whether any is lost on the way to chat and webhook, and how long the loop is held."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

from tests.bench.figure import Figure
from tests.fakes.watchtower import Watchtower

ALERTS: Final = 10_000
SECONDS: Final = 60
GROUPS: Final = 50
CHANNELS: Final = 5
BATCH: Final = 84
WITHIN: Final = 30.0  # seconds after the last alert
NAME: Final = "only"
RULES: Final = "groups: []\n"
HOW: Final = (
    f"{ALERTS} alerts in {SECONDS} s over API v2 in requests of {BATCH}, in {GROUPS} groups that tell a webhook and "
    f"{CHANNELS} channels; an alert is lost that the webhook was not told, a group whose message does not stand in "
    f"chat, each {WITHIN:g} s after the last alert"
)
HELD: Final = "the longest that the board's /healthz took during the storm, asked every 20 ms by a process of its own"


async def measure() -> Sequence[Figure]:
    """Alerts and groups that were lost, and the longest that the loop was held, in ms."""
    with TemporaryDirectory() as folder:
        async with Watchtower(Path(folder), RULES, routing=_routing()) as tower:
            await tower.start(NAME)
            async with _watched(f"{tower.boards[NAME]}/healthz") as watch:
                await _storm(f"{tower.boards[NAME]}/alertmanager/api/v2/alerts")
                lost = await _lost(tower)
            silent = GROUPS - len(_groups_in_chat(tower))
    return [
        Figure(f"Storm of {ALERTS} alerts, lost", "alerts", (float(lost),), HOW, aim=0),
        Figure(f"Storm of {ALERTS} alerts, groups missing in chat", "groups", (float(silent),), HOW, aim=0),
        Figure("Storm, the event loop held at most", "ms", (await watch,), HELD, aim=100),
    ]


def _routing() -> str:
    routes = [f'    - {{receiver: t{n}, matchers: ["team=t{n}"]}}' for n in range(CHANNELS)]
    receivers = [
        f'  - {{name: t{n}, chat_configs: [{{channel: team-{n}}}], webhook_configs: [{{url: "HOOK"}}]}}'
        for n in range(CHANNELS)
    ]
    head = "route:\n  receiver: t0\n  group_by: [group]\n  group_wait: 1s\n  group_interval: 5s\n  routes:"
    text = "\n".join([head, *routes, "receivers:", *receivers]) + "\n"
    return text.replace("{", "{{").replace("}", "}}").replace("HOOK", "{hook}")


async def _storm(url: str) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with aiohttp.ClientSession() as http:
        for first in range(0, ALERTS, BATCH):
            await asyncio.sleep(max(0.0, begin + SECONDS * first / ALERTS - loop.time()))
            now = datetime.now(UTC)
            body = [_alert(number, now) for number in range(first, min(first + BATCH, ALERTS))]
            async with http.post(url, json=body) as answer:
                assert answer.status == 200, await answer.text()


def _alert(number: int, now: datetime) -> dict[str, Any]:
    group = number % GROUPS
    return {
        "labels": {
            "alertname": f"HighErrorRate{group}",
            "group": f"g{group}",
            "team": f"t{group % CHANNELS}",
            "severity": "critical" if group % 10 == 0 else "warning",
            "instance": f"node-{number}.example.com:9100",
        },
        "annotations": {"summary": f"Too many requests to g{group} fail"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=30)).isoformat(),
    }


async def _lost(tower: Watchtower) -> int:
    """How many alerts the webhook still has not heard of when time is up."""
    for _ in range(int(WITHIN)):
        if len(_heard(tower)) == ALERTS:
            break
        await asyncio.sleep(1)
    return ALERTS - len(_heard(tower))


def _heard(tower: Watchtower) -> set[str]:
    return {alert["labels"]["instance"] for body in tower.heard for alert in body["alerts"]}


def _groups_in_chat(tower: Watchtower) -> set[str]:
    messages = [message for message in tower.workspace.state.messages.values() if not message.thread_ts]
    return {f"g{group}" for group in range(GROUPS) if any(f"to g{group} fail" in str(message) for message in messages)}


@asynccontextmanager
async def _watched(url: str) -> AsyncIterator[asyncio.Future[float]]:
    """Ask `url` for as long as the context lasts; what comes out is the longest answer, in ms."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.prober", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    longest: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    try:
        yield longest
    finally:
        said, _ = await process.communicate(b"end")
    longest.set_result(float(said))
