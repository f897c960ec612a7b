"""What goes out when: pace, priority, patience. In virtual time."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import ChatRefused, MessageRef, Priority
from bot.chat.queue import Post, Update
from bot.views.blocks import Message, section
from tests.fakes.chat import FakePlatform
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.virtual_time import START, run

Now = Callable[[], datetime]


class Desk:
    """An outbox over a fake platform and memory."""

    def __init__(self, now: Now) -> None:
        self.platform = FakePlatform(now)
        self.database = MemoryDatabase(now)
        self.ledger = Ledger(self.database.records, self.platform, now=now)
        self.outbox = Outbox(self.platform, self.ledger, now=now)

    def send(self, channel: str, key: str, text: str = "", priority: Priority = Priority.NOTICE) -> None:
        self.outbox.send(channel, Post(key, Message(text or key), priority))

    def rewrite(self, channel: str, key: str, text: str, priority: Priority = Priority.PROGRESS) -> None:
        self.outbox.send(channel, Update(key, Message(text), priority))

    def times(self, method: str, channel: str = "C-deploys") -> list[float]:
        calls = [at for name, where, at in self.platform.calls if (name, where) == (method, channel)]
        return [round((at - START).total_seconds(), 2) for at in calls]


def test_one_post_a_second_in_a_channel_and_channels_do_not_wait_for_each_other() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        for number in range(6):
            desk.send("#deploys", f"a{number}")
            desk.send("#incidents", f"b{number}")
        await desk.outbox.settle()
        for channel in ("C-deploys", "C-incidents"):
            # Two at once, for one more is kept for what is urgent; then one a second.
            assert [round(at) for at in desk.times("post", channel)] == [0, 0, 1, 2, 3, 4]
        assert desk.platform.texts("C-deploys") == ["a0", "a1", "a2", "a3", "a4", "a5"]
        await desk.outbox.close()

    run(main)


def test_a_message_is_rewritten_every_three_seconds_with_the_newest_state() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.send("#deploys", "d")
        for second in range(100):
            desk.rewrite("#deploys", "d", f"state {second}")
            await asyncio.sleep(0.1)
        await desk.outbox.settle()
        (message,) = desk.platform.messages
        assert message.texts[-1] == "state 99"
        gaps = [later - earlier for earlier, later in pairwise(message.at)]
        assert all(gap >= timedelta(seconds=3) for gap in gaps)
        assert len(message.texts) <= 5
        await desk.outbox.close()

    run(main)


def test_pages_go_before_progress_and_equals_keep_their_order() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.send("#deploys", "first")
        desk.send("#deploys", "progress", priority=Priority.PROGRESS)
        desk.send("#deploys", "notice 1")
        desk.send("#deploys", "notice 2")
        desk.send("#deploys", "page", priority=Priority.PAGE)
        await desk.outbox.settle()
        assert desk.platform.texts("C-deploys") == ["page", "first", "notice 1", "notice 2", "progress"]
        await desk.outbox.close()

    run(main)


def test_what_is_urgent_does_not_wait_for_notices() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        for second in range(20):
            desk.send("#incidents", f"notice {second}")
            desk.send("#incidents", f"incident {second}", priority=Priority.DECISION)
            await asyncio.sleep(1)
            assert f"incident {second}" in desk.platform.texts("C-incidents")
        await desk.outbox.settle()
        await desk.outbox.close()

    run(main)


def test_updates_of_all_channels_share_one_budget_and_decisions_go_first() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        for number in range(60):
            desk.send(f"#c{number}", f"m{number}", priority=Priority.DECISION)
        await desk.outbox.settle()
        begin = (now() - START).total_seconds()
        for number in range(60):
            desk.rewrite(f"#c{number}", f"m{number}", "progress")
        await asyncio.sleep(1)
        desk.rewrite("#c59", "m59", "decided", priority=Priority.DECISION)
        await asyncio.sleep(3)
        decided = next(one for one in desk.platform.messages if one.metadata["key"] == "m59")
        assert "decided" in decided.texts
        await desk.outbox.settle()
        updates = sorted(
            (at - START).total_seconds() - begin for name, _, at in desk.platform.calls if name == "update"
        )
        assert all(len([at for at in updates if since <= at < since + 60]) <= 30 + 51 for since in updates)
        assert all(one.texts[-1] in {"progress", "decided"} for one in desk.platform.messages)
        await desk.outbox.close()

    run(main)


def test_a_429_keeps_the_order_and_waits_as_long_as_it_is_told() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.platform.order("post", "ratelimited", retry_after=20)
        desk.send("#deploys", "first")
        desk.send("#deploys", "second")
        await desk.outbox.settle()
        assert desk.platform.texts("C-deploys") == ["first", "second"]
        assert desk.times("post")[1] - desk.times("post")[0] >= 20
        await desk.outbox.close()

    run(main)


@pytest.mark.parametrize("trouble", ["ratelimited", "hang", "drop"])
def test_a_channel_in_trouble_delays_no_other_one(trouble: str) -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.platform.order("post", trouble, retry_after=60, times=3, channel="C-deploys")  # type: ignore[arg-type]
        slow = asyncio.create_task(desk.outbox.deliver("#deploys", Post("slow", Message("slow"), Priority.NOTICE)))
        await asyncio.sleep(0)
        await desk.outbox.deliver("#incidents", Post("quick", Message("quick"), Priority.NOTICE))
        assert (now() - START).total_seconds() < 1
        await slow
        assert desk.platform.texts("C-deploys") == ["slow"]
        await desk.outbox.close()

    run(main)


@pytest.mark.parametrize("trouble", ["drop_after", "drop", "error", "hang"])
def test_an_answer_that_was_lost_makes_no_second_post(trouble: str) -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.platform.order("post", trouble, times=2)  # type: ignore[arg-type]
        ref = await desk.outbox.deliver("#deploys", Post("d", Message("one"), Priority.NOTICE))
        assert desk.platform.texts("C-deploys") == ["one"]
        assert await desk.ledger.find("d") == ref
        await desk.outbox.close()

    run(main)


def test_deliver_waits_for_the_state_it_was_given_or_a_newer_one() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        await desk.outbox.deliver("#deploys", Post("d", Message("one"), Priority.NOTICE))
        await asyncio.sleep(5)
        desk.rewrite("#deploys", "d", "two")
        await asyncio.sleep(0.01)  # "two" is on its way
        await desk.outbox.deliver("#deploys", Update("d", Message("three"), Priority.PROGRESS))
        assert desk.platform.texts("C-deploys") == ["three"]
        await desk.outbox.close()

    run(main)


def test_settle_waits_for_what_is_on_its_way() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.send("#deploys", "d")
        await asyncio.sleep(0.01)
        await desk.outbox.settle()
        assert desk.platform.texts("C-deploys") == ["d"]
        await desk.outbox.close()

    run(main)


def test_what_is_refused_is_told_and_blocks_nothing() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        bad = Post("bad", Message("x", [section("")]), Priority.PAGE)
        desk.send("#deploys", "good")
        with pytest.raises(ChatRefused, match="invalid_blocks"):
            await desk.outbox.deliver("#deploys", bad)
        with pytest.raises(ChatRefused, match="invalid_name"):
            await desk.outbox.deliver("#No Such", Post("x", Message("x"), Priority.NOTICE))
        with pytest.raises(ChatRefused, match="no message never"):
            await desk.outbox.deliver("#deploys", Update("never", Message("x"), Priority.NOTICE))
        line = Post("line", Message("x"), Priority.NOTICE, thread_key="never")
        with pytest.raises(ChatRefused, match="no message never"):
            await desk.outbox.deliver("#deploys", line)
        await desk.outbox.settle()
        assert desk.platform.texts("C-deploys") == ["good"]
        assert desk.outbox.refused == 4
        await desk.outbox.close()

    run(main)


def test_a_fault_of_ours_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    patch = pytest.MonkeyPatch()

    async def main(now: Now) -> None:
        desk = Desk(now)

        async def broken(*_: object, **__: object) -> MessageRef:
            raise KeyError("ts")

        patch.setattr(FakePlatform, "post", broken)
        with pytest.raises(ChatRefused, match="could not be sent"):
            await desk.outbox.deliver("#deploys", Post("a", Message("a"), Priority.NOTICE))
        patch.undo()
        await desk.outbox.deliver("#deploys", Post("b", Message("b"), Priority.NOTICE))
        assert desk.platform.texts("C-deploys") == ["b"]
        await desk.outbox.close()

    run(main)
    assert "a could not be sent" in caplog.text


def test_storage_that_is_away_only_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.database.bell.close()
        desk.send("#deploys", "d")
        await asyncio.sleep(10)
        assert desk.platform.messages == []
        monkeypatch.setattr(desk.database.bell, "_closed", False)
        await desk.outbox.settle()
        assert desk.platform.texts("C-deploys") == ["d"]
        await desk.outbox.close()

    run(main)


def test_a_post_found_after_a_crash_gets_the_newest_state() -> None:
    async def main(now: Now) -> None:
        desk = Desk(now)
        desk.platform.order("post", "drop_after")
        desk.send("#deploys", "d", "old")
        await asyncio.sleep(0.3)
        await desk.outbox.close()  # as a crash: posted, and not written down

        after = Outbox(desk.platform, Ledger(desk.database.records, desk.platform, now=now), now=now)
        await after.deliver("#deploys", Post("d", Message("new"), Priority.NOTICE))
        assert [one.texts for one in desk.platform.messages] == [["old", "new"]]
        await after.close()

    run(main)
