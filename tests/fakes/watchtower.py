"""Replicas of the real product that watch rules, with a Prometheus whose truth a test sets and a webhook that hears.

``async with Watchtower(room, database_url=…) as tower`` opens what is around; `start(name)` runs a replica.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import yaml
from aiohttp import web

from alerting.errors import AlertingError
from alerting.metrics.port import Scalar
from bot.workspace import Workspace, WorkspaceConfig, load_manifest
from bot.workspace.config import random_credentials
from tests.fakes.prometheus import FakeMetrics, free_port, vector
from tests.fakes.scene import EXAMPLE, HOST, ROOT, people

Json = dict[str, Any]
Series = Sequence[Mapping[str, str]]

READY_WITHIN: Final = 40.0
PATIENCE: Final = 60.0

ROUTING: Final = """
route:
  receiver: hears
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hears
    chat_configs: [{{channel: incidents}}]
    webhook_configs: [{{url: "{hook}"}}]
"""


class TruthServer:
    """Speaks Prometheus' query API. `truth` says which series each expression has; `asked` is every (time, query)."""

    def __init__(self) -> None:
        self.truth: dict[str, Series] = {}
        self.asked: list[tuple[float, str]] = []
        self.broken = False
        self._metrics = FakeMetrics(lambda expr, _: vector(*((one, 1.0) for one in self.truth.get(expr, ()))))

    def routes(self) -> list[web.RouteDef]:
        """Where it answers."""
        return [web.post("/api/v1/query", self._query), web.get("/-/ready", self._ready)]

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready")

    async def _query(self, request: web.Request) -> web.Response:
        form = await request.post()
        at, query = float(str(form["time"])), str(form["query"])
        if self.broken:
            return web.Response(status=503, text="down")
        self.asked.append((at, query))
        try:
            answer = await self._metrics.instant(query, datetime.fromtimestamp(at).astimezone())
        except AlertingError as wrong:
            return web.json_response({"status": "error", "errorType": "bad_data", "error": str(wrong)}, status=400)
        if isinstance(answer, Scalar):
            data: Json = {"resultType": "scalar", "result": [at, str(answer.value)]}
        else:
            result = [{"metric": dict(one.labels), "value": [at, str(one.value)]} for one in answer.samples]
            data = {"resultType": "vector", "result": result}
        return web.json_response({"status": "success", "data": data})


class Watchtower:
    """What is around the replicas. `refusing` makes the webhook answer 500.

    `prometheus_url` is another Prometheus than the one whose truth the test sets. `heard` is every body that the
    webhook took, each once by its Idempotency-Key, as a careful receiver does.
    """

    def __init__(
        self, room: Path, rules: str, *, database_url: str = "", routing: str = ROUTING, prometheus_url: str = ""
    ) -> None:
        self.room, self.rules, self.routing = room, room / "rules.yaml", room / "alertmanager.yml"
        self.prometheus = TruthServer()
        self.heard: list[Json] = []
        self.refusing = False
        self.workspace: Workspace
        self._keys_heard: set[str] = set()
        self._news = asyncio.Condition()
        self._port, self._chat = free_port(), free_port()
        self._keys = random_credentials()
        self._database_url = database_url
        self._prometheus_url = prometheus_url or f"http://{HOST}:{self._port}"
        self._up = AsyncExitStack()
        self._replicas: dict[str, asyncio.subprocess.Process] = {}
        self.boards: dict[str, str] = {}
        self.rules.write_text(rules)
        self.routing.write_text(routing.format(hook=f"http://{HOST}:{self._port}/hook"))

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([*self.prometheus.routes(), web.post("/hook", self._hook)])
        runner = web.AppRunner(app)
        await runner.setup()
        self._up.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HOST, self._port).start()
        config = WorkspaceConfig(
            credentials=self._keys,
            manifest=load_manifest(ROOT / "manifest.yml"),
            port=self._chat,
            journal=self.room / "workspace.jsonl",
            rates=None,
            page=False,
            **people(),
        )
        self.workspace = await self._up.enter_async_context(Workspace(config))
        return self

    async def __aexit__(self, *error: object) -> None:
        for name in list(self._replicas):
            await self.end(name)
        await self._up.aclose()

    async def start(self, name: str) -> int:
        """Run a replica until it is ready; its pid."""
        settings = self._settings(name)
        with (self.room / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.inputs.cli", "serve", "--config", str(settings)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )
        self._replicas[name] = process
        assert process.stdout is not None
        async with asyncio.timeout(READY_WITHIN):
            line = (await process.stdout.readline()).decode()
        assert "ready" in line, self.log(name)
        return process.pid

    async def end(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a replica a signal and wait for its end."""
        process = self._replicas.pop(name)
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)
        await process.communicate()

    def log(self, name: str) -> str:
        """The last words of a replica."""
        return (self.room / f"{name}.log").read_text()[-3000:]

    async def hears(self, told: str, *firing: str, resolved: Sequence[str] = (), after: int = 0) -> Json:
        """Wait until the webhook has heard of the group `told` with exactly these instances; the first such body."""

        def found() -> Json | None:
            return next((one for one in self.heard[after:] if _told(one) == (told, set(firing), set(resolved))), None)

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: found() is not None)
        body = found()
        assert body is not None
        return body

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.refusing:
            return web.Response(status=500)
        key = request.headers["Idempotency-Key"]
        async with self._news:
            if key not in self._keys_heard:
                self._keys_heard.add(key)
                self.heard.append(body)
                self._news.notify_all()
        return web.Response()

    def _settings(self, name: str) -> Path:
        port = free_port()
        self.boards[name] = f"http://{HOST}:{port}"
        demo = yaml.safe_load((EXAMPLE / "pilothouse.yaml").read_text(encoding="utf-8"))
        file = {
            "data": str(self.room / name),
            "http": {"host": HOST, "port": port},
            "prometheus": self._prometheus_url,
            "people": demo["people"],
            "environments": {"staging": {}, "production": {}},
            "strategies": {"quick": {"kind": "rolling"}},
            "rules": [str(self.rules)],
            "alertmanager": str(self.routing),
        }
        path = self.room / f"{name}.yaml"
        path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
        return path

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.room),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self._database_url,
            "SLACK_BOT_TOKEN": self._keys.bot_token,
            "SLACK_APP_TOKEN": self._keys.app_token,
            "SLACK_SIGNING_SECRET": self._keys.signing_secret,
            "SLACK_API_URL": f"http://{HOST}:{self._chat}/api/",
        }


def _told(body: Json) -> tuple[str, set[str], set[str]]:
    name = body["groupLabels"].get("alertname", "")
    by_status: dict[str, set[str]] = {"firing": set(), "resolved": set()}
    for alert in body["alerts"]:
        by_status[alert["status"]].add(alert["labels"].get("instance", ""))
    return name, by_status["firing"], by_status["resolved"]


def story(heard: Sequence[Json]) -> dict[str, list[tuple[set[str], set[str]]]]:
    """What was told of each group, in order: the instances that fired and those that had ended."""
    told: dict[str, list[tuple[set[str], set[str]]]] = {}
    for body in heard:
        name, firing, resolved = _told(body)
        told.setdefault(name, []).append((firing, resolved))
    return told
