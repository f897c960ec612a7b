"""A real Prometheus that takes remote write, for tests and measurements."""

import asyncio
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
