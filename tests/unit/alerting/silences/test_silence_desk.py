"""Setting, ending and asking, over one log that several desks share."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.errors import TemporaryFailure
from alerting.routing.matcher import Matcher, Op, all_match
from alerting.silences.desk import SilenceDesk, matching
from alerting.silences.errors import InvalidSilence, UnknownSilence
from alerting.silences.index import SilenceIndex
from alerting.silences.silence import SYSTEM, Silence, SilenceId, State
from storage.errors import Conflict
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

HOUR = timedelta(hours=1)
DOWN = (Matcher("alertname", Op.EQUAL, "Down"),)
LABELS = {"alertname": "Down", "instance": "a"}


class House:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.database = MemoryDatabase(self.clock)

    async def desk(self) -> SilenceDesk:
        desk = SilenceDesk(self.database.log, now=self.clock)
        await desk.load()
        return desk

    def wanted(self, **more: Any) -> Silence:
        now = self.clock()
        made = Silence(SilenceId(""), DOWN, now, now + HOUR, now, "ada", "upgrade")
        return replace(made, **more)


@pytest.fixture
def house() -> House:
    return House()


async def test_a_silence_mutes_while_it_lasts(house: House) -> None:
    desk = await house.desk()
    assert not desk.muted_by(LABELS, house.clock())
    made = await desk.set(house.wanted())
    assert desk.muted_by(LABELS, house.clock()) == [made]
    assert not desk.muted_by({"alertname": "Slow"}, house.clock())
    assert not desk.muted_by(LABELS, house.clock() + HOUR)


async def test_every_change_is_a_fact_with_who_made_it(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted(), by="ben")
    await desk.expire(made, "cleo")
    facts = await house.database.log.read(f"silence-{made}")
    assert [(one.type, one.actor) for one in facts] == [("SilenceSet", "ben"), ("SilenceExpired", "cleo")]
    assert facts[1].data["ended_by"] == "cleo"


async def test_all_is_there_after_a_restart(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(
        house.wanted(until_resolved=True, channel="ops", incident="i-1", matchers=(*DOWN, Matcher("x", Op.REGEX, "y+")))
    )
    gone = await desk.set(house.wanted())
    await desk.expire(gone, "ada")
    again = await house.desk()
    assert again.all() == desk.all()
    assert again.get(made) == desk.get(made)
    await again.expire(made, "ada")
    assert not again.muted_by({**LABELS, "x": "yy"}, house.clock())


async def test_replicas_see_what_others_wrote(house: House) -> None:
    here, there = await house.desk(), await house.desk()
    made = await here.set(house.wanted())
    assert not there.muted_by(LABELS, house.clock())
    before = there.revision
    await there.poll()
    assert there.muted_by(LABELS, house.clock()) == [made]
    assert there.revision > before
    await there.expire(made, "ben")
    await here.poll()
    assert not here.muted_by(LABELS, house.clock())
    quiet = here.revision
    await here.poll()
    assert here.revision == quiet


async def test_many_changes_are_all_read(house: House) -> None:
    here, there = await house.desk(), await house.desk()
    for number in range(1203):
        await here.set(house.wanted(matchers=(Matcher("n", Op.EQUAL, str(number)),)))
    await there.poll()
    assert len(there.all()) == 1203
    assert len((await house.desk()).all()) == 1203


async def test_two_replicas_that_change_one_silence_lose_nothing(house: House) -> None:
    here, there = await house.desk(), await house.desk()
    made = await here.set(house.wanted())
    await there.poll()
    longer = replace(house.wanted(), id=made, ends_at=house.clock() + 5 * HOUR)
    assert await here.set(longer) == made
    assert await there.set(replace(longer, comment="mine")) == made
    await here.poll()
    assert here.get(made) == there.get(made)
    assert len(await house.database.log.read(f"silence-{made}")) == 3


async def test_other_matchers_end_it_and_begin_anew(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted())
    house.clock.advance(timedelta(minutes=5))
    other = await desk.set(replace(house.wanted(), id=made, matchers=(Matcher("alertname", Op.EQUAL, "Slow"),)))
    assert other != made
    assert desk.muted_by({"alertname": "Slow"}, house.clock()) == [other]
    assert not desk.muted_by(LABELS, house.clock())
    assert [(one.id, one.state(house.clock())) for one in desk.all()] == [
        (other, State.ACTIVE),
        (made, State.EXPIRED),
    ]


async def test_what_is_not_known_or_makes_no_sense(house: House) -> None:
    desk = await house.desk()
    with pytest.raises(UnknownSilence, match="silence not found"):
        await desk.set(replace(house.wanted(), id=SilenceId("nope")))
    with pytest.raises(UnknownSilence):
        await desk.expire(SilenceId("nope"), "ada")
    with pytest.raises(InvalidSilence):
        await desk.set(replace(house.wanted(), matchers=()))
    assert not desk.all()


async def test_ending_twice_is_ending_once(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted())
    first = await desk.expire(made, "ada")
    house.clock.advance(HOUR)
    assert await desk.expire(made, "ben") == first


async def test_until_resolved_ends_with_its_last_alert(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted(until_resolved=True, ends_at=house.clock() + 100 * HOUR))
    other = await desk.set(house.wanted())
    await desk.tick(house.clock(), [LABELS])
    assert set(desk.muted_by(LABELS, house.clock())) == {made, other}
    house.clock.advance(timedelta(minutes=1))
    await desk.tick(house.clock(), [{"alertname": "Slow"}])
    assert desk.muted_by(LABELS, house.clock()) == [other]
    ended = desk.get(made)
    assert ended is not None
    assert (ended.ended_by, ended.ends_at) == (SYSTEM, house.clock())


async def test_an_end_by_itself_is_a_fact_too_and_told_once(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted())
    house.clock.advance(HOUR)
    for _ in range(3):
        await desk.tick(house.clock(), [])
    facts = await house.database.log.read(f"silence-{made}")
    assert [(one.type, one.actor, one.at) for one in facts[1:]] == [("SilenceExpired", SYSTEM, house.clock())]
    card = await house.database.log.card(f"silence-{made}")
    assert card is not None
    assert not card.open


async def test_ended_ones_are_forgotten_after_five_days(house: House) -> None:
    desk = await house.desk()
    made = await desk.set(house.wanted())
    house.clock.advance(HOUR)
    await desk.tick(house.clock(), [])
    house.clock.advance(timedelta(hours=119))
    await desk.tick(house.clock(), [])
    assert desk.get(made) is not None
    before = desk.revision
    house.clock.advance(HOUR)
    await desk.tick(house.clock(), [])
    assert desk.get(made) is None
    assert desk.revision > before
    assert not (await house.desk()).all()
    with pytest.raises(UnknownSilence):
        await desk.expire(made, "ada")


async def test_who_is_overtaken_again_and_again_is_told_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await house.desk()

    async def taken(*_: object, **__: object) -> None:
        raise Conflict("silence-x", 0, 1)

    monkeypatch.setattr(house.database.log, "append", taken)
    with pytest.raises(TemporaryFailure, match="others keep changing it"):
        await desk.set(house.wanted())


def test_a_preview_names_what_would_be_muted() -> None:
    class Alert:
        def __init__(self, **labels: str) -> None:
            self.labels = labels

    here, there = Alert(alertname="Down", instance="a"), Alert(alertname="Slow")
    assert matching(DOWN, [here, there]) == [here]


def test_cost_of_matching_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alert is compared with the silences of its own pairs, once; counted, so that it holds on any machine."""
    asked: list[str] = []

    def counting(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
        asked.append(labels["instance"])
        return all_match(matchers, labels)

    monkeypatch.setattr("alerting.silences.index.all_match", counting)
    when = VirtualClock()()

    def silence(number: int, *matchers: Matcher) -> Silence:
        return Silence(SilenceId(str(number)), matchers, when, when + HOUR, when, "ada", "x")

    job = Matcher("job", Op.EQUAL, "node")
    index = SilenceIndex(
        [
            *(silence(number, job, Matcher("instance", Op.EQUAL, f"host-{number}")) for number in range(400)),
            *(
                silence(number, Matcher("instance", Op.REGEX, f"host-{number}|b-{number}"))
                for number in range(400, 500)
            ),
        ]
    )
    alerts = [{"alertname": "Down", "job": "node", "instance": f"host-{number}"} for number in range(10_000)]
    found = [index.matching(alert) for alert in alerts]
    assert sum(map(len, found)) == 500
    assert len(asked) < 2 * len(alerts)
    asked.clear()
    assert [index.matching(alert) for alert in alerts] == found
    assert not asked
    index.add(silence(500, job))
    assert all(index.matching(alert)[-1] == "500" for alert in alerts)
    assert len(asked) == len(alerts)
