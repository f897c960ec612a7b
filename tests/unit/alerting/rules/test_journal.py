from datetime import UTC, datetime, timedelta

import pytest

from alerting.errors import PermanentFailure
from alerting.rules.journal import COLLECTION, AlertJournal
from alerting.rules.rule import RuleId
from alerting.rules.state import Alert, RuleState, State
from tests.fakes.memory_storage import MemoryDatabase

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RULE = RuleId("rule")


def state(**alerts: Alert) -> dict[RuleId, RuleState]:
    return {RULE: RuleState(alerts)}


def alert(state: State = State.FIRING, value: float = 1.0) -> Alert:
    return Alert({"a": "b"}, {}, value, state, T0, "f", fired_at=T0 + timedelta(microseconds=1))


async def test_loads_what_was_saved() -> None:
    journal = AlertJournal(MemoryDatabase().records)
    await journal.save({}, state(one=alert(value=float("-inf")), two=alert(State.PENDING)), at=T0)
    assert await journal.load() == state(one=alert(value=float("-inf")), two=alert(State.PENDING))


async def test_writes_and_deletes_only_what_differs() -> None:
    records = MemoryDatabase().records
    journal = AlertJournal(records)
    before = state(kept=alert(), changed=alert(), gone=alert())
    await journal.save({}, before, at=T0)
    await journal.save(before, state(kept=alert(value=2.0), changed=alert(State.INACTIVE)), at=T0)
    kept = await records.all(COLLECTION)
    assert {key: (value["state"], value["value"]) for key, value in kept.items()} == {
        "rule/kept": ("firing", 1.0),
        "rule/changed": ("inactive", 1.0),
    }


async def test_names_a_record_that_cannot_be_read() -> None:
    records = MemoryDatabase().records
    await records.put(COLLECTION, "rule/one", {"state": "sleeping"}, at=T0)
    with pytest.raises(PermanentFailure, match='delete the record "rule/one" of "alert-state"'):
        await AlertJournal(records).load()
