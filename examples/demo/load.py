"""Makes traffic and counts what came of it: `ok`, `failed` (the service answered 5xx), `lost` (nobody answered).

Lost is what a roll-out must never cause: the connection broke, or the proxy itself had to answer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, generate_latest

OUTCOMES = ("ok", "failed", "lost")


class Load:
    """Sends `rate` requests a second to each target, given as environment=URL."""

    def __init__(self, targets: dict[str, str], rate: float) -> None:
        self.targets = targets
        self.pause = 1 / rate
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "load_requests_total", "Requests sent.", ["environment", "outcome"], registry=self.registry
        )
        for environment in targets:
            for outcome in OUTCOMES:
                self.requests.labels(environment, outcome)

    async def send_forever(self, session: aiohttp.ClientSession, environment: str, url: str) -> None:
        """One steady stream; it starts to count with the first answer, as a service not yet deployed loses nothing."""
        started = False
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as group:
            while True:
                due = max(due + self.pause, loop.time() - 1)
                await asyncio.sleep(max(0.0, due - loop.time()))
                if started:
                    group.create_task(self.send(session, environment, url), name=f"request to {environment}")
                else:
                    started = await self.outcome(session, url) != "lost"

    async def send(self, session: aiohttp.ClientSession, environment: str, url: str) -> None:
        """One counted request."""
        self.requests.labels(environment, await self.outcome(session, url)).inc()

    async def outcome(self, session: aiohttp.ClientSession, url: str) -> str:
        """What came of one request."""
        try:
            async with session.get(url) as answer:
                await answer.read()
                if "X-Pilothouse-Proxy" in answer.headers:
                    return "lost"
                return "failed" if answer.status >= 500 else "ok"
        except (aiohttp.ClientError, TimeoutError):
            return "lost"

    async def metrics(self, _: web.Request) -> web.Response:
        """What Prometheus reads."""
        return web.Response(body=generate_latest(self.registry), content_type="text/plain")


async def run(load: Load, port: int) -> None:
    """Send and serve /metrics until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = web.Application()
    app.add_routes([web.get("/metrics", load.metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        streams = [
            asyncio.create_task(load.send_forever(session, name, url), name=f"load on {name}")
            for name, url in load.targets.items()
        ]
        await stop.wait()
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    await runner.cleanup()


def main() -> None:
    """Parse the words of the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", required=True, metavar="ENVIRONMENT=URL")
    parser.add_argument("--rate", type=float, default=20, help="requests a second for each target")
    parser.add_argument("--port", type=int, required=True, help="where /metrics is served")
    options = parser.parse_args()
    targets = dict(target.split("=", 1) for target in options.target)
    asyncio.run(run(Load(targets, options.rate), options.port))


if __name__ == "__main__":
    main()
