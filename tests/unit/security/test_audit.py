"""The audit trail is only ever added to, by any number of writers."""

import asyncio
from datetime import timedelta

from engine.security.audit import Audit, AuditEntry
from storage.events import NewEvent
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase


async def record(audit: Audit, request: str, reason: str = "") -> AuditEntry:
    return await audit.record(
        person="ada",
        name="Ada",
        action="deploy",
        subject="service=shop",
        verdict="denied" if reason else "allowed",
        reason=reason,
        source="chat",
        request=request,
    )


async def test_entries_come_back_newest_first_as_they_were_written(clock: VirtualClock) -> None:
    audit = Audit(MemoryDatabase().log, clock)
    first = await record(audit, "r1")
    clock.advance(timedelta(seconds=1))
    second = await record(audit, "r2", "not hers")
    assert await audit.recent(10) == [second, first]
    assert await audit.recent(1) == [second]
    assert (second.verdict, second.reason, second.at) == ("denied", "not hers", clock())


async def test_other_streams_are_no_part_of_it(clock: VirtualClock) -> None:
    log = MemoryDatabase().log
    await log.append("audit-of-something", [NewEvent("Other", {})], expected=0, at=clock())
    assert await Audit(log, clock).recent() == []


async def test_many_writers_of_several_replicas_lose_nothing(clock: VirtualClock) -> None:
    log = MemoryDatabase().log
    replicas = [Audit(log, clock) for _ in range(4)]
    await asyncio.gather(*(record(replicas[number % 4], f"r{number}") for number in range(40)))
    assert {entry.request for entry in await replicas[0].recent()} == {f"r{number}" for number in range(40)}
