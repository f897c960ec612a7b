"""A real Prometheus that takes remote write, and rules while it runs, for tests and measurements."""

import asyncio
import signal
from pathlib import Path

from tests.fakes.prometheus import PrometheusServer


class WritablePrometheus(PrometheusServer):
    """The `prometheus` on PATH with its remote-write receiver on."""

    @property
    def write_url(self) -> str:
        """Where series are written to."""
        return f"{self.url}/api/v1/write"

    async def _start(self, room: Path) -> asyncio.subprocess.Process:
        with (room / "log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                "prometheus",
                f"--config.file={room / 'prometheus.yml'}",
                f"--storage.tsdb.path={room / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver",
                "--log.level=warn",
                stdout=log, stderr=log,
            )  # fmt: skip


class RuledPrometheus(WritablePrometheus):
    """Can be given rules of its own while it runs, after which it restores nothing: it writes ALERTS from the start."""

    def __init__(self, *, interval: str = "100ms") -> None:
        super().__init__(interval=interval)
        self._process: asyncio.subprocess.Process | None = None
        self._room = Path()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def take(self, rules: str) -> None:
        """Evaluate these rules from now on."""
        assert self._process is not None
        (self._room / "rules.yml").write_text(rules, encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)

    async def _start(self, room: Path) -> asyncio.subprocess.Process:
        self._room = room
        self._process = await super()._start(room)
        return self._process
