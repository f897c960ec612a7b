"""`python -m tests.bench`: every figure, into docs/benchmarks.md; with names, only those, printed and not written."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench import (
    accept,
    ack,
    click,
    crowd,
    idle,
    many_services,
    proxy,
    proxy_shifts,
    ready,
    resume,
    rules,
    shifts,
    silences,
    storm,
    takeover,
    told,
)
from tests.bench.figure import Figure, Measure, NotHere
from tests.bench.machine import load_average, machine
from tests.bench.report import line, page
from tests.fakes.scene import ROOT

FIGURES: Final[Mapping[str, Measure]] = {
    "ack": ack.measure,
    "click": click.measure,
    "shifts": shifts.measure,
    "crowd": crowd.measure,
    "proxy": proxy.measure,
    "proxy shifts": proxy_shifts.measure,
    "ready": ready.measure,
    "idle": idle.measure,
    "many services": many_services.measure,
    "resume": resume.measure,
    "takeover": takeover.measure,
    "told": told.measure,
    "rules": rules.measure,
    "many rules": rules.measure_many,
    "accept": accept.measure,
    "storm": storm.measure,
    "silences": silences.measure,
}
PAGE: Final = ROOT / "docs" / "benchmarks.md"
COMMAND: Final = "make bench"
STOPPED: Final = 130
WITHIN: Final = 900.0
"""Seconds for one of them."""


@dataclass(slots=True)
class Results:
    """What was measured, what is missing here, and what went wrong."""

    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def main() -> int:
    """Run; 1 when a measurement failed, and then no page is written. An aim that is missed is said, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(FIGURES)}")
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in FIGURES]:
        parser.error(f"no figure is called {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    before = load_average()
    try:
        results = asyncio.run(_measure(names or list(FIGURES)))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("Stopped. Nothing was written, nothing is left running.")
        return STOPPED
    if not names and not results.failed:
        PAGE.parent.mkdir(exist_ok=True)
        facts = {**machine(), "Load average": f"{before} before the run, {load_average()} after it"}
        PAGE.write_text(page(results.figures, results.missing, facts, COMMAND), encoding="utf-8")
        print(f"Written to {PAGE.relative_to(ROOT)}")
    return 1 if results.failed else 0


async def _measure(names: Sequence[str]) -> Results:
    # Being ended is like Ctrl-C: the blocks that hold processes are left in order.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = Results()
    for name in names:
        await _one(name, results)
    return results


async def _one(name: str, results: Results) -> None:
    print(f"{name} …", flush=True)
    try:
        async with asyncio.timeout(WITHIN):
            measured = await FIGURES[name]()
    except NotHere as lack:
        results.missing.append(f"{name}: {lack}")
        print(f"  not measured: {lack}", flush=True)
        return
    except (AssertionError, TimeoutError) as error:
        results.failed.append(name)
        print(f"  failed: {error!r}" if not str(error) else f"  failed: {error}", flush=True)
        return
    results.figures += measured
    for figure in measured:
        print(f"  {line(figure)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
