"""Two replicas on a real database that change one silence at the same time: one of them first, nothing lost."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.routing.matcher import Matcher, Op
from alerting.silences.desk import SilenceDesk
from alerting.silences.silence import Silence, SilenceId, State
from storage.database import open_database

HOUR = timedelta(hours=1)
DOWN = (Matcher("alertname", Op.EQUAL, "Down"),)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'silences.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


async def test_two_replicas_at_once(url: str) -> None:
    first = await open_database(url)
    second = await open_database(url) if url.startswith("postgresql") else first
    try:
        here, there = SilenceDesk(first.log, now=now), SilenceDesk(second.log, now=now)
        made = await here.set(Silence(SilenceId(""), DOWN, now(), now() + HOUR, now(), "ada", "x"))
        known = here.get(made)
        assert known is not None
        ids = await asyncio.gather(
            *(desk.set(replace(known, comment=str(number))) for number, desk in enumerate([here, there] * 4))
        )
        assert set(ids) == {made}
        ends = await asyncio.gather(*(desk.expire(made, "ben") for desk in [here, there] * 3))
        assert len({one.ends_at for one in ends}) == 1
        await here.poll()
        await there.poll()
        again = SilenceDesk(second.log, now=now)
        await again.load()
        assert here.all() == there.all() == again.all()
        assert again.all()[0].state(now()) is State.EXPIRED
        facts = await first.log.read(f"silence-{made}")
        assert [one.type for one in facts] == ["SilenceSet"] * 9 + ["SilenceExpired"]
    finally:
        await first.close()
        await second.close()
