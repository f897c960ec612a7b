"""`python -m tests.bench.rule_process RULES URL DATABASE`: our rule evaluator as a process of its own, to be measured.

Asked to end, it prints how many rules were evaluated, how often one failed or missed, and how many alerts fire.
"""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta

import aiohttp
import uvloop

from alerting.metrics.prometheus import PrometheusSource
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import load_rule_files
from alerting.rules.schedule import SLOT
from storage.database import open_database


async def main(rules: str, url: str, database: str) -> None:
    """Evaluate until the process is ended."""
    loaded = load_rule_files([rules])
    if loaded.problems:
        sys.exit(str(loaded.problems[0]))
    opened = await open_database(f"sqlite:///{database}")
    async with aiohttp.ClientSession() as session:
        source = PrometheusSource(session, url)
        evaluator = Evaluator(loaded.groups, source, opened.records, now=lambda: datetime.now(UTC))
        await evaluator.restore()
        async with asyncio.TaskGroup() as tasks:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _report, evaluator)
            slot = datetime.now(UTC).replace(microsecond=0)
            while True:
                slot += SLOT
                await asyncio.sleep((slot - datetime.now(UTC)) / timedelta(seconds=1))
                tasks.create_task(evaluator.tick(slot), name=f"rules of {slot}")


def _report(evaluator: Evaluator) -> None:
    healths = [status.health for status in evaluator.snapshot()]
    told = {
        "evaluated": sum(one.last_evaluation is not None for one in healths),
        "failed": sum(one.failures for one in healths),
        "missed": sum(one.missed for one in healths),
        "firing": len(evaluator.firing()),
    }
    print(json.dumps(told), flush=True)
    sys.exit(0)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
