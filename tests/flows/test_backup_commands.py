"""`pilothouse backup` and `restore` as processes of their own."""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.house.single import only_process
from storage.database import open_database
from tests.fakes.scene import ROOT

SETTINGS = """
environments: {production: {}}
strategies: {all: {kind: rolling}}
services:
  shop:
    local: {artifact: "releases/{version}", command: ["true"]}
    backup: {sqlite: {path: shop.db}}
    environments: {production: {port: 9480, strategy: all}}
  cart:
    local: {artifact: "releases/{version}", command: ["true"]}
    environments: {production: {port: 9481, strategy: all}}
"""


@dataclass
class Said:
    code: int
    out: str
    error: str


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pilothouse.yaml").write_text(SETTINGS)
        self.variables: Mapping[str, str] = {}

    async def run(self, *words: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.inputs.cli", *words, "--config", str(self.folder / "pilothouse.yaml")),
            cwd=ROOT,
            env={**os.environ, "PILOTHOUSE_DATA": str(self.folder / "data"), **self.variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
        return Said(process.returncode or 0, out.decode(), error.decode())

    async def taken(self, *what: str) -> str:
        said = await self.run("backup", *what, "--json")
        assert said.code == 0, said
        return str(json.loads(said.out)["id"])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def shop(house: House, text: str) -> None:
    with closing(sqlite3.connect(house.folder / "shop.db")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        database.execute("DELETE FROM words")
        database.execute("INSERT INTO words VALUES (?)", (text,))


def word(house: House) -> str:
    with closing(sqlite3.connect(house.folder / "shop.db")) as database:
        return str(database.execute("SELECT word FROM words").fetchone()[0])


async def test_a_service_is_backed_up_listed_and_brought_back(house: House) -> None:
    shop(house, "before")
    id_ = await house.taken("shop", "production")
    listed = await house.run("backup", "shop", "production", "--list")
    assert id_ in listed.out
    assert "asked for by hand" in listed.out
    shop(house, "after")
    said = await house.run("restore", "shop", "production", id_)
    assert said.out.startswith(f"Brought shop in production back to {id_}"), said
    assert word(house) == "before"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup", "cart", "production"), "cart in production declares no backup."),
        (("backup", "shop", "prod"), "There is no environment 'prod'."),
        (("backup", "shop"), "name a service and an environment"),
        (("restore", "shop", "production", "20260101T000000Z"), "has no backup '20260101T000000Z'"),
    ],
)
async def test_what_cannot_be_says_why(house: House, words: tuple[str, ...], told: str) -> None:
    said = await house.run(*words)
    assert said.code in {1, 2}
    assert told in said.error


async def noted(url: str, key: str) -> None:
    database = await open_database(url)
    try:
        await database.records.put("tried", key, {"is": "there"}, at=datetime.now(UTC))
    finally:
        await database.close()


async def keys(url: str) -> set[str]:
    database = await open_database(url)
    try:
        return set(await database.records.all("tried"))
    finally:
        await database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_our_own_data_is_brought_back(house: House, request: pytest.FixtureRequest, kind: str) -> None:
    (house.folder / "data").mkdir(exist_ok=True)
    url = f"sqlite:///{house.folder / 'data' / 'pilothouse.sqlite'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
        house.variables = {"DATABASE_URL": url}
    await noted(url, "before")
    id_ = await house.taken()
    await noted(url, "after")
    said = await house.run("restore", id_)
    assert said.code == 0, said
    assert await keys(url) == {"before"}


async def test_our_own_data_is_not_touched_while_we_run(house: House) -> None:
    (house.folder / "data").mkdir()
    await noted(f"sqlite:///{house.folder / 'data' / 'pilothouse.sqlite'}", "before")
    id_ = await house.taken()
    with only_process(house.folder / "data"):
        said = await house.run("restore", id_)
    assert said.code == 1
    assert "already runs" in said.error


async def test_our_own_data_is_not_touched_while_a_replica_lives(house: House, postgres_url: str) -> None:
    house.variables = {"DATABASE_URL": postgres_url}
    await noted(postgres_url, "before")
    id_ = await house.taken()
    database = await open_database(postgres_url)
    await database.leases.acquire("executor:elsewhere", "elsewhere", timedelta(minutes=1))
    await database.close()
    said = await house.run("restore", id_)
    assert said.code == 1
    assert "Stop every replica first" in said.error
