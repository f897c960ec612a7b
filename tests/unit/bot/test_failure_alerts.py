"""Which failures fire, how long, and that they are told once over crashes."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.store import AlertStore
from bot.house.bridges import EngineAlerts
from bot.watch.failure_alerts import FailureAlerts
from bot.watch.rule_health import RuleHealth
from engine.catalog import ServiceName, Version
from engine.components import changes
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import ComponentState
from engine.components.routing import given_up, restored
from engine.deployments.deployment import DeploymentId, PersonId, Purpose, State
from engine.deployments.journal import Summary
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, PRODUCTION, SHOP, V1, V2, House

REASON = "Aborted by ben. no space left on device. v1: 1 healthy, 1 dead. v2: 1 healthy."


class Flights:
    """The deployments there were, the newest first."""

    def __init__(self) -> None:
        self.all: list[Summary] = []

    async def latest(self, service: str, environment: str) -> tuple[Summary, ...]:
        return tuple(self.all)


class Trial:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.house = House(clock)
        self.flights = Flights()
        self.told: list[ReceivedAlert] = []
        self.begin()

    def begin(self) -> None:
        """A new process over the same database."""
        database = self.house.database
        self.store = AlertStore(database.records, now=self.clock)
        self.store.listen(self.told.extend)
        self.alerts = FailureAlerts(
            database.log,
            self.flights,  # type: ignore[arg-type]  # of the journal it needs `latest` alone
            self.store,
            board="http://board",
            external_labels={"cluster": "north", "severity": "low"},
        )

    async def tick(self) -> list[ReceivedAlert]:
        """What fires after the next look."""
        self.clock.advance(timedelta(seconds=2))
        await self.alerts.tick(self.clock())
        return [one for one in self.store.all() if not one.resolved(self.clock())]

    def note(self, id_: str, version: Version, state: State, reason: str = "") -> None:
        at = self.clock()
        ended = None if state in {State.RUNNING, State.PLANNED, State.ROLLING_BACK} else at
        started = None if state is State.PLANNED else at
        summary = Summary(
            DeploymentId(id_),
            SHOP,
            PRODUCTION,
            version,
            None,
            Purpose.DEPLOY,
            state,
            None,
            reason,
            PersonId("ada"),
            at,
            started,
            ended,
            at,
            0,
            1,
            0,
        )
        self.flights.all = [summary, *(one for one in self.flights.all if one.id != summary.id)]

    async def fail(self, id_: str = "d2", *, stable: bool = True) -> None:
        """A deployment of v2 that cannot be taken back."""
        if stable:
            await self.house.deploy(V1, "d1")
            self.note("d1", V1, State.SUCCEEDED)
        await self.house.begin(V2, id_)
        await self.house.manager.fail(PLACE, REASON, deployment=id_, at=self.clock(), restored=False)
        self.note(id_, V2, State.FAILED, REASON)

    async def retry(self) -> None:
        await self.house.manager.retry(PLACE, by="ada", at=self.clock())


@pytest.fixture
def trial() -> Trial:
    return Trial(VirtualClock())


async def test_a_deployment_that_ended_half_way_fires_with_all_there_is_to_know(trial: Trial) -> None:
    await trial.fail()
    [alert] = await trial.tick()
    assert alert.labels == {
        "alertname": "DeploymentFailed",
        "service": "shop",
        "environment": "production",
        "version": "v2",
        "severity": "critical",
        "cluster": "north",
    }
    assert alert.annotations == {
        "summary": "shop in production has failed: the deployment of v2 ended half way and was not taken back",
        "description": REASON,
        "remedy": "/ops retry shop production brings v1 back; or deploy a good version.",
        "deployment": "d2",
    }
    assert alert.generator_url == "http://board/deployments/d2"


async def test_it_is_told_once_whatever_falls(trial: Trial) -> None:
    await trial.fail()
    await trial.tick()
    await trial.tick()
    trial.begin()
    await trial.store.load()
    assert len(await trial.tick()) == 1
    assert len(trial.told) == 1


async def test_it_stays_while_it_is_brought_up_again_and_ends_with_it(trial: Trial) -> None:
    await trial.fail()
    [before] = await trial.tick()
    await trial.retry()
    assert (await trial.house.component()).state is ComponentState.DEPLOYING
    assert await trial.tick() == [before]
    assert (await trial.house.check(3)).state is ComponentState.RUNNING
    assert await trial.tick() == []
    assert [one.ends_at for one in trial.told] == [None, trial.clock()]


async def test_a_later_deployment_that_succeeds_ends_it(trial: Trial) -> None:
    await trial.fail()
    await trial.tick()
    trial.note("d3", V2, State.PLANNED)
    assert len(await trial.tick()) == 1
    await trial.house.begin(V2, "d3")
    trial.note("d3", V2, State.RUNNING)
    assert len(await trial.tick()) == 1
    await trial.house.manager.finish(PLACE, V2, deployment="d3", at=trial.clock())
    trial.note("d3", V2, State.SUCCEEDED)
    assert await trial.tick() == []


async def test_what_ends_just_now_neither_fires_nor_ends(trial: Trial) -> None:
    await trial.fail()
    trial.note("d2", V2, State.ROLLING_BACK)  # its component has failed, its own end is not written
    assert await trial.tick() == []
    trial.note("d2", V2, State.FAILED, REASON)
    assert len(await trial.tick()) == 1
    trial.note("d2", V2, State.ROLLING_BACK)
    assert len(await trial.tick()) == 1


async def test_a_first_version_that_was_taken_back_has_lost_nothing(trial: Trial) -> None:
    await trial.fail(stable=False)
    trial.note("d2", V2, State.ROLLED_BACK, "Gate health failed.")
    assert await trial.tick() == []


async def test_a_first_version_that_ended_half_way_fires_too(trial: Trial) -> None:
    await trial.fail(stable=False)
    [alert] = await trial.tick()
    assert alert.annotations["remedy"] == "Nothing was stable before: deploy a good version."


async def test_a_component_that_is_given_up_fires_by_its_own_name(trial: Trial) -> None:
    await trial.fail()
    trial.flights.all = [replace(trial.flights.all[0], reason="Something else, of long ago.")]
    [alert] = await trial.tick()
    assert (alert.name, alert.labels["version"]) == ("ComponentFailed", "v1")
    assert alert.annotations["summary"] == "shop in production has failed: v1 does not stay up"
    assert alert.generator_url == "http://board"


async def give_up_router(trial: Trial) -> None:
    """v1 runs well, and somebody's hand is at its router again and again."""
    await trial.house.deploy(V1, "d1")
    await trial.house.check()
    reason = "The router sends v9 100 % and cannot be set right: 403. Give it the right."
    await ComponentJournal(trial.house.database.log).record(
        PLACE, lambda one: given_up(one, "v9 100 %", reason), at=trial.clock()
    )


async def restore_router(trial: Trial) -> None:
    await ComponentJournal(trial.house.database.log).record(PLACE, restored, at=trial.clock())


async def test_a_router_that_is_given_up_fires_until_it_is_right(trial: Trial) -> None:
    await give_up_router(trial)
    [alert] = await trial.tick()
    assert (alert.name, alert.labels["version"], alert.labels["severity"]) == ("RouterGivenUp", "v1", "critical")
    assert alert.annotations == {
        "summary": "The router of shop in production does not send all to v1, and stays so",
        "description": "The router sends v9 100 % and cannot be set right: 403. Give it the right.",
        "remedy": "Find who else changes it, and end that. "
        "Then /ops restart shop production lets Pilothouse set it right again.",
    }
    assert [one.starts_at for one in await trial.tick()] == [alert.starts_at]
    assert len(trial.told) == 1
    await restore_router(trial)
    assert await trial.tick() == []


@pytest.mark.parametrize("deed", ["restart", "stop", "deploy"])
async def test_a_router_that_somebody_takes_in_hand_is_no_alert(trial: Trial, deed: str) -> None:
    await give_up_router(trial)
    assert len(await trial.tick()) == 1
    manager, at = trial.house.manager, trial.clock()
    if deed == "deploy":
        await manager.begin(PLACE, V2, deployment="d2", at=at)
    else:
        await getattr(manager, deed)(PLACE, by="ada", at=at)
    assert await trial.tick() == []


async def test_every_component_is_looked_at_however_many_there_are(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.cards.PAGE", 2)
    await trial.fail()
    log = trial.house.database.log
    for nth in range(5):
        place = replace(PLACE, service=ServiceName(f"other-{nth}"))
        await ComponentJournal(log).record(place, partial(changes.registered, place=place), at=trial.clock())
    assert [one.name for one in await trial.tick()] == ["DeploymentFailed"]


async def test_alerts_of_others_are_left_alone(trial: Trial) -> None:
    at = trial.clock()
    await trial.store.take([ReceivedAlert({"alertname": "Slow"}, {}, at, None, at, "f1", "rules")])
    assert [one.name for one in await trial.tick()] == ["Slow"]


async def test_it_is_no_sign_against_the_deployment_that_mends_it(trial: Trial) -> None:
    async def healths() -> list[RuleHealth]:
        return []

    await trial.fail()
    await trial.tick()
    gates = EngineAlerts(trial.store.all, healths, now=trial.clock)
    assert await gates.firing({"service": "shop", "environment": "production"}) == []
