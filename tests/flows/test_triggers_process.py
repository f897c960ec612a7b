"""Webhooks, the clock and the command line against the product as a process of its own, killed in between."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from engine.deployments.deployment import PersonId
from engine.security.tokens import Tokens
from storage.database import PoolSettings, open_database
from tests.fakes.ci_payloads import SECRET, from_github, workflow_run
from tests.fakes.ci_server import REPOSITORY, TOKEN, CiServer
from tests.fakes.house import House
from tests.fakes.scene import HOST, ROOT

PATIENCE = 40.0


class Triggered(House):
    """A house with a trigger for staging, whose results go to `ci`."""

    def __init__(self, room: Path, ci: CiServer) -> None:
        super().__init__(room)
        file = yaml.safe_load(self.settings.read_text())
        trigger = {
            "kind": "github",
            "secret_env": "SHOP_SECRET",
            "service": "shop",
            "environment": "staging",
            "version": "v1",
            "repository": REPOSITORY,
            "workflow": "release",
            "branch": "main",
            "results": {"token_env": "SHOP_TOKEN", "url": ci.url},
        }
        nightly = {"cron": "0 3 * * *", "service": "shop", "environment": "staging"}
        file |= {"triggers": {"runs": trigger}, "deploy_schedules": {"nightly": nightly}}
        self.settings.write_text(yaml.safe_dump(file))

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "SHOP_SECRET": SECRET, "SHOP_TOKEN": TOKEN}

    async def post(self, told: dict[str, Any]) -> int:
        async with aiohttp.ClientSession() as http, http.post(f"{self.board}/webhooks/github", **told) as answer:
            return answer.status

    async def command(self, *words: str) -> tuple[int, list[str], str]:
        """`pilothouse WORDS` as ada: its exit code, its lines, its complaints."""
        database = await open_database(f"sqlite:///{self.data / 'pilothouse.sqlite'}", pool=PoolSettings())
        text, _ = await Tokens(database.records).create(PersonId("ada"), "terminal", at=datetime.now(UTC))
        await database.close()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.inputs.cli", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "PILOTHOUSE_URL": self.board, "PILOTHOUSE_TOKEN": text},
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode().splitlines(), err.decode()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Triggered, CiServer]]:
    async with CiServer() as ci, Triggered(tmp_path, ci) as opened:
        await opened.start()
        yield opened, ci


async def told(ci: CiServer, state: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while state not in [one["state"] for one in ci.commit_statuses]:  # noqa: ASYNC110  # another process tells it
            await asyncio.sleep(0.05)


async def test_a_webhook_deploys_through_a_kill_and_a_terminal_watches(house: tuple[Triggered, CiServer]) -> None:
    product, ci = house
    assert await product.post(from_github("workflow_run", b"{}", secret="somebody else's secret")) == 401
    assert await product.post(from_github("workflow_run", workflow_run(datetime.now(UTC)))) == 202
    await product.kill()
    await product.start()
    id = await product.planned(after=0)  # noqa: A001
    code, lines, said = await product.command("status", str(id), "--watch", "--json")
    assert code == 0, said
    assert json.loads(lines[-1])["state"] == "succeeded"
    await told(ci, "success")
    assert [one["state"] for one in ci.commit_statuses].count("success") == 1
    assert ci.commit_statuses[-1]["target_url"].startswith(f"http://{HOST}:")
    code, lines, said = await product.command("deploy", "shop", "v2", "to", "staging", "--watch")
    assert (code, said) == (0, "")
    assert lines[-1] == "shop v2 in staging  succeeded."
    code, lines, said = await product.command("rollback", "shop", "in", "staging", "--watch")
    assert (code, lines[-1]) == (0, "shop v1 in staging  succeeded.")
