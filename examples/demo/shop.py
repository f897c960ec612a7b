"""A small shop to deploy: its release file says how well it works. Serves /, /healthz and /metrics."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Shop:
    """Answers requests as slowly and as badly as the release says: `delay` in seconds, `failing` as a share."""

    def __init__(self, release: dict[str, float | str], version: str) -> None:
        self.delay = float(release.get("delay", 0.005))
        self.failing = float(release.get("failing", 0.0))
        self.greeting = str(release.get("greeting", "Welcome"))
        self.version = version
        self.registry = CollectorRegistry()
        self.requests = Counter("shop_requests_total", "Requests by answer.", ["code"], registry=self.registry)
        self.seconds = Histogram("shop_request_seconds", "Time to answer.", registry=self.registry, buckets=BUCKETS)
        for code in ("200", "500"):
            self.requests.labels(code)

    async def front(self, _: web.Request) -> web.Response:
        """The shop itself."""
        began = time.perf_counter()
        await asyncio.sleep(self.delay * random.uniform(0.5, 1.5))
        status = 500 if random.random() < self.failing else 200
        self.requests.labels(str(status)).inc()
        self.seconds.observe(time.perf_counter() - began)
        text = f"{self.greeting}. This is {self.version}.\n" if status == 200 else "The till is stuck.\n"
        return web.Response(status=status, text=text, headers={"X-Version": self.version})

    async def health(self, _: web.Request) -> web.Response:
        """Whether this process can serve."""
        return web.Response(text="ok\n")

    async def metrics(self, _: web.Request) -> web.Response:
        """What Prometheus reads."""
        return web.Response(body=generate_latest(self.registry), content_type="text/plain")

    def app(self) -> web.Application:
        """The three addresses."""
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self.health), web.get("/metrics", self.metrics), web.get("/{any:.*}", self.front)]
        )
        return app


def main() -> None:
    """Serve until told to stop; requests under way are finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    shop = Shop(json.loads(options.release.read_text()), options.version)
    web.run_app(shop.app(), host="127.0.0.1", port=options.port, print=None, access_log=None, shutdown_timeout=3)


if __name__ == "__main__":
    main()
