"""How soon a message stands in chat after a rule became true."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.figure import Figure, percentile
from tests.fakes.watchtower import Watchtower

RULES: Final = 1000
INTERVAL: Final = 1  # second
A_SECOND: Final = 100  # alerts
CHANNELS: Final = 10
WITHIN: Final = 60.0
NAME: Final = "only"
OPEN: Final = "🔴 Open: "
HOW: Final = (
    f"from the moment the answer of a rule's query changes until the message of its incident stands in the workspace, "
    f"less the rules' interval of {INTERVAL} s: {RULES} rules, {A_SECOND} alerts a second in {CHANNELS} incidents a "
    f"second, each second in the same {CHANNELS} channels; "
    "Prometheus is a server that answers at once, as its own time is not ours"
)


async def measure() -> Sequence[Figure]:
    """Seconds, of every alert."""
    with TemporaryDirectory() as folder:
        async with Watchtower(Path(folder), _rules(), routing=_routing()) as tower:
            await tower.start(NAME)
            true = await _become_true(tower)
            seen = await _posted(tower, len({_incident(rule) for rule in true}))
    late = [seen[_incident(rule)] - since - INTERVAL for rule, since in true.items()]
    runs = (percentile(late, 99),)
    return [Figure("rule true → message, p99 above the interval", "s", runs, HOW, aim=1)]


def _incident(rule: int) -> str:
    second, place = divmod(rule, A_SECOND)
    return f"g{second}-{place % CHANNELS}"


def _rules() -> str:
    lines = ["groups:"]
    for group in range(RULES // 100):
        lines.append(f"  - name: part{group}\n    interval: {INTERVAL}s\n    rules:")
        for rule in range(group, RULES, RULES // 100):
            team = rule % A_SECOND % CHANNELS
            labels = f"{{group: {_incident(rule)}, team: t{team}}}"
            words = f"{{summary: {_incident(rule)}}}"
            lines.append(f"      - {{alert: Rule{rule}, expr: rule{rule}, labels: {labels}, annotations: {words}}}")
    return "\n".join(lines) + "\n"


def _routing() -> str:
    routes = [f'    - {{receiver: t{n}, matchers: ["team=t{n}"]}}' for n in range(CHANNELS)]
    receivers = [f"  - {{name: t{n}, chat_configs: [{{channel: team-{n}}}]}}" for n in range(CHANNELS)]
    head = "route:\n  receiver: t0\n  group_by: [group]\n  group_wait: 0s\n  group_interval: 1s\n  routes:"
    return "\n".join([head, *routes, "receivers:", *receivers]).replace("{", "{{").replace("}", "}}") + "\n"


async def _become_true(tower: Watchtower) -> dict[int, float]:
    """Let A_SECOND rules become true each second; when each did."""
    true: dict[int, float] = {}
    begin = time.time()
    for second in range(RULES // A_SECOND):
        await asyncio.sleep(max(0.0, begin + second - time.time()))
        for rule in range(second * A_SECOND, (second + 1) * A_SECOND):
            tower.prometheus.truth[f"rule{rule}"] = [{"instance": "one"}]
            true[rule] = time.time()
    return true


async def _posted(tower: Watchtower, incidents: int) -> dict[str, float]:
    """When the message of each incident was posted, by its group."""
    seen: dict[str, float] = {}
    async with asyncio.timeout(WITHIN):
        while len(seen) < incidents:
            await asyncio.sleep(0.2)
            for message in list(tower.workspace.state.messages.values()):
                if message.text.startswith(OPEN) and not message.thread_ts:
                    seen.setdefault(message.text.removeprefix(OPEN), float(message.ts))
    return seen
