"""kill -9 at every recorded step of a train that fails, one after another: it ends as it would have."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.deployments.journal import PREFIX as DEPLOYMENTS
from engine.trains.journal import PREFIX
from tests.fakes.house import House
from tests.fakes.train import TAKEN_BACK, approve, ended, leave, out, steps, two_services

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("killed train"),
    pytest.mark.chaos,
    pytest.mark.timeout(180),
]


# Both with PILOTHOUSE_TEST_WHOLE=1: the story is long, and the saga does not know what the log is kept in.
DATABASES = ["sqlite", "postgresql"] if os.environ.get("PILOTHOUSE_TEST_WHOLE") == "1" else ["postgresql"]


@pytest_asyncio.fixture(loop_scope="module", params=DATABASES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    async with two_services(tmp_path, database_url=url) as opened:
        yield opened


async def test_a_train_killed_at_every_step_takes_everything_back_once(house: House) -> None:
    before = house.chronicle.last()
    async with house.load() as load:
        train = await leave(house, "/ops train web=v5 shop=v2 to production")
        await house.fall(f"{PREFIX}{train}", "TrainPlanned")
        await approve(house, train)
        for kind, operation in TAKEN_BACK[1:-1]:
            await house.fall(f"{PREFIX}{train}", kind, **({"operation": operation} if operation else {}))
        await ended(house, train, "undone")
        assert (load.lost, load.failed) == (0, 0), load.told()
    assert steps(house, train) == TAKEN_BACK
    assert out(house) == {"web": "v1", "shop": "v1"}
    planned = [one for one in house.chronicle.facts(DEPLOYMENTS, after=before) if one.type == "DeploymentPlanned"]
    told = Counter((one.data["plan"]["service"], one.data["purpose"]) for one in planned)
    assert told == {("shop", "deploy"): 1, ("web", "deploy"): 1, ("shop", "roll_back"): 1}
