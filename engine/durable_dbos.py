"""Durable on DBOS Transact: one tiny workflow for each subject, so that upgrades never strand a wait.

All of DBOS lives on a loop in a thread of its own, because it replaces the default executor of any loop it is called
on; turns run on the caller's loop. A loop of many turns is continued as the next generation (`<subject>#<n>`), which
keeps replay after a crash short; whatever DBOS has closed can be begun anew the same way.

A step that cannot be written down, on a full disk say, ends its loop. Such a loop is begun anew by itself, soon after
that is possible again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.durable import Turn
from engine.durable_database import SQLITE, ask_less, on_sqlite, prepare, signal_here, with_driver
from engine.errors import LeaseLost

if TYPE_CHECKING:
    from dbos import WorkflowStatus

APPLICATION: Final = "pilothouse"
APPLICATION_VERSION: Final = "1"  # constant: DBOS recovers only work of the same version
SCHEMA: Final = "durable"  # of PostgreSQL
WORKFLOW: Final = "pilothouse.loop"
TOPIC: Final = "wake"
TURNS: Final = 100  # of one generation
STRETCH: Final = timedelta(seconds=30)  # of turns with short waits that DBOS sees as one
SHORT: Final = timedelta(seconds=3)  # how late another replica's wake may come within a stretch; our own come at once
THREADS: Final = 4
POLL: Final = timedelta(milliseconds=500)  # of SQLite's listener; closing waits for its pause
HASTE: Final = timedelta(milliseconds=50)  # how often DBOS looks for loops taken over, while it launches
CALM: Final = timedelta(seconds=1)  # and later, when only another replica's death brings any
ALONE: Final = timedelta(seconds=5)  # and on SQLite, where there is no other replica
CHORES: Final = 10.0  # seconds between DBOS's looks for delayed and overdue workflows, of which we have none
LONGEST: Final = timedelta(minutes=5)  # of one wait; a turn is cheap, a lost wake is not
AGAIN: Final = timedelta(seconds=2)  # how often it is tried to begin what has fallen anew
GRACE: Final = timedelta(seconds=2)  # for turns under way when closing
FAILED: Final = -1.0  # what a turn that raised is recorded as
OPEN: Final = ("PENDING", "ENQUEUED", "DELAYED")
CLOSED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

ResultT = TypeVar("ResultT")
Alive = Callable[[str], Awaitable[bool]]

log = logging.getLogger(__name__)


async def nobody(executor_id: str) -> bool:  # noqa: ARG001
    """The answer when this process is the only one: no other executor lives."""
    return False


class DbosDurable:
    """Runs loops over crashes. One at a time in a process: DBOS is a singleton.

    `system_database_url` is `sqlite:///path` (a file of its own) or `postgresql://…` (a schema of its own there).
    `executor_id` is new at each boot; `alive` says whether another's process still lives.
    """

    def __init__(
        self, system_database_url: str, turn: Turn, *, executor_id: str, alive: Alive = nobody, poll: timedelta = POLL
    ) -> None:
        self._url = with_driver(system_database_url)
        self._turn = turn
        self._executor_id = executor_id
        self._alive = alive
        self._poll = poll
        self._generations: dict[str, int] = {}  # of the loops that run here
        self._fallen: set[str] = set()  # whose loop ended because a step could not be written down
        self._stretches: dict[str, asyncio.Event] = {}  # what ends the present wait of those that take turns here
        self._active = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    async def launch(self) -> None:
        """Begin, and take over the loops of executors that live no more. Raises what DBOS raises when it cannot."""
        self._main = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._main.create_future()
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._live, name="durable", daemon=True)
        self._thread.start()
        try:
            await self._ready
        except Exception:
            await self._ended()
            raise
        await self.take_over()
        # Not before DBOS has looked once more: what was just taken over is to run now.
        self._main.call_later(2 * CALM.total_seconds(), self._calm_down)

    async def start(self, subject: str) -> None:
        """Begin the subject's loop; one that runs, here or elsewhere, is left alone."""
        await self._there(self._start(subject))

    async def wake(self, subject: str) -> None:
        """Take the subject's next turn now; nothing happens when its loop has ended."""
        woken = self._stretches.get(subject)
        if woken is not None:
            woken.set()
        else:
            await self._there(self._wake(subject))

    async def take_over(self) -> None:
        """Run the loops whose executor is dead; call it again when another replica may have died."""
        waiting = await self._there(self._statuses(status=list(OPEN)))
        owners = {one.executor_id for one in waiting if one.executor_id and one.executor_id != self._executor_id}
        dead = [owner for owner in sorted(owners) if not await self._alive(owner)]
        if dead:
            await self._there(asyncio.to_thread(self._dbos._recover_pending_workflows, dead))  # noqa: SLF001
        for subject in {_subject(one) for one in waiting if one.executor_id in dead}:
            await self.wake(subject)  # what has changed meanwhile is seen now, not at the end of an old wait

    async def forget(self, before: datetime) -> None:
        """Remove the loops that ended before then; the facts are in our own journals."""
        ended = self._statuses(status=list(CLOSED), completed_before=before.isoformat())
        if done := await self._there(ended):
            await self._there(self._dbos.delete_workflows_async([one.workflow_id for one in done]))

    async def close(self) -> None:
        """End every loop where it stands, to be taken over at the next launch; leaves no thread."""
        self._closing = True
        if self._thread is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE.total_seconds()):
                await self._idle.wait()
        self._loop.call_soon_threadsafe(self._stop.set)
        await self._ended()

    async def _ended(self) -> None:
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._thread = None

    # -- in the durable thread

    def _live(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except Exception as failure:  # noqa: BLE001  # whatever it is, the caller of launch shall have it
            self._main.call_soon_threadsafe(_fail, self._ready, failure)
        finally:
            self._destroy()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._locks: dict[str, asyncio.Lock] = {}
        prepare(self._url)
        from dbos import DBOS, SetWorkflowID, _workflow_commands  # noqa: PLC0415  # half a second, off the caller's loop

        _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = CHORES  # noqa: SLF001  # no setting reaches it

        self._dbos, self._with_id = DBOS, SetWorkflowID
        house: Any = DBOS(config=self._config())
        self._queue = house._registry.get_internal_queue()  # noqa: SLF001
        self._look_for_loops(every=HASTE)
        _quiet()

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
        async def loop(subject: str, generation: int) -> None:
            await self._run(subject, generation)

        self._workflow = loop
        DBOS.launch()
        self._waiting = house._sys_db  # noqa: SLF001
        ask_less(self._waiting, self._url)
        self._main.call_soon_threadsafe(self._ready.set_result, None)
        picking_up = asyncio.create_task(self._pick_up())
        await self._stop.wait()
        picking_up.cancel()
        logging.getLogger("dbos").setLevel(logging.CRITICAL)  # it warns of each loop we end on purpose

    def _calm_down(self) -> None:
        self._look_for_loops(every=ALONE if on_sqlite(self._url) else CALM)

    def _look_for_loops(self, *, every: timedelta) -> None:
        self._queue._polling_interval_sec = every.total_seconds()  # noqa: SLF001  # no setting reaches it

    def _config(self) -> Any:
        of_engine = {"db_engine_kwargs": SQLITE} if on_sqlite(self._url) else {}
        return {
            **of_engine,
            "name": APPLICATION,
            "system_database_url": self._url,
            "dbos_system_schema": SCHEMA,
            "application_version": APPLICATION_VERSION,
            "executor_id": self._executor_id,
            "max_executor_threads": THREADS,
            "sys_db_pool_size": THREADS,
            "notification_listener_polling_interval_sec": self._poll.total_seconds(),
            "enable_otlp": False,
            "log_level": "WARNING",
        }

    def _destroy(self) -> None:
        if hasattr(self, "_dbos"):
            self._dbos.destroy(destroy_registry=True)
            for thread in threading.enumerate():
                if thread.name.startswith("dbos"):
                    thread.join(GRACE.total_seconds())  # DBOS does not wait for its executor

    async def _run(self, subject: str, generation: int) -> None:
        """The workflow. What DBOS itself ends (cancelled, run elsewhere) is no Exception, and has not fallen."""
        self._generations[subject] = generation
        self._fallen.discard(subject)
        try:
            await self._go_on(subject, generation)
        except Exception as failure:
            if self._generations.get(subject) == generation:
                del self._generations[subject]
            self._fallen.add(subject)
            log.warning("The loop of %s could not be written down and is begun anew soon: %s", subject, failure)
            raise

    async def _go_on(self, subject: str, generation: int) -> None:
        """The steps of a workflow. They must stay in this order: DBOS replays them after a crash."""
        failures = 0
        for _ in range(TURNS):
            wait = await self._dbos.run_step_async({"name": "turn"}, self._take, subject)
            if wait is None:
                del self._generations[subject]
                return
            failures = failures + 1 if wait == FAILED else 0
            pause = _backoff(failures) if failures else min(wait, LONGEST.total_seconds())
            await self._dbos.recv_async(TOPIC, timeout_seconds=pause)
        await self._begin(subject, generation + 1)

    async def _pick_up(self) -> None:
        """Try to begin each fallen loop anew until it runs; what fails here fails again until there is room."""
        while True:
            await asyncio.sleep(AGAIN.total_seconds())
            for subject in sorted(self._fallen):
                try:
                    await self._start(subject)
                except Exception as failure:  # noqa: BLE001  # its fall was told; telling each try fills the disk
                    log.debug("The loop of %s cannot be begun yet: %s", subject, failure)

    async def _take(self, subject: str) -> float | None:
        # In a context of its own: in DBOS's, a turn that starts or wakes another loop would do so as a part of this.
        turns = Context().run(asyncio.run_coroutine_threadsafe, self._turns_here(subject), self._main)
        return await asyncio.wrap_future(turns)

    async def _start(self, subject: str) -> None:
        async with self._locks.setdefault(subject, asyncio.Lock()):
            last = await self._last(subject)
            if last is None or last.status not in OPEN:
                await self._begin(subject, _generation(last) + 1)
            elif self._has_died(subject, last):
                await self._dbos.resume_workflow_async(last.workflow_id)  # its task has died, its row has not

    def _has_died(self, subject: str, last: WorkflowStatus) -> bool:
        """Whether its row says that it runs here and it does not. One in DBOS's queue is about to run."""
        here = last.executor_id == self._executor_id and last.status == "PENDING"
        return here and subject not in self._generations

    async def _begin(self, subject: str, generation: int) -> None:
        self._generations[subject] = generation
        try:
            with self._with_id(f"{subject}#{generation}"):
                await self._dbos.start_workflow_async(self._workflow, subject, generation)
        except Exception:
            self._generations.pop(subject, None)
            raise

    async def _wake(self, subject: str) -> None:
        generation = self._generations.get(subject)
        if generation is None:
            last = await self._last(subject)
            if last is None or last.status not in OPEN:
                return
            generation = _generation(last)
        await self._dbos.send_async(f"{subject}#{generation}", True, TOPIC)
        self._tell_now(f"{subject}#{generation}")
        if self._generations.get(subject, generation) != generation:
            await self._wake(subject)  # the loop went on as the next generation meanwhile

    def _tell_now(self, workflow: str) -> None:
        """Whoever waits here is told at once, without asking the database again and again."""
        signal_here(self._waiting, workflow, TOPIC)

    async def _last(self, subject: str) -> WorkflowStatus | None:
        found = await self._statuses(workflow_id_prefix=f"{subject}#", sort_desc=True, limit=1)
        return next(iter(found), None)

    async def _statuses(self, **which: Any) -> list[WorkflowStatus]:
        found: list[WorkflowStatus] = await self._dbos.list_workflows_async(
            name=WORKFLOW, load_input=False, load_output=False, **which
        )
        return found

    # -- in the caller's loop

    async def _turns_here(self, subject: str) -> float | None:
        """Take a turn, and the following ones as long as their waits are short: writing each down would cost more."""
        woken = self._stretches[subject] = asyncio.Event()
        try:
            return await self._stretch(subject, woken)
        finally:
            if self._stretches.get(subject) is woken:
                del self._stretches[subject]

    async def _stretch(self, subject: str, woken: asyncio.Event) -> float | None:
        until = self._main.time() + STRETCH.total_seconds()
        while True:
            woken.clear()
            wait = await self._turn_here(subject)
            if wait is not None and woken.is_set():
                wait = 0.0  # what it was woken for may have come after it looked
            if wait is None or wait < 0 or wait >= SHORT.total_seconds() or self._main.time() > until:
                return wait
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await woken.wait()

    async def _turn_here(self, subject: str) -> float | None:
        if self._closing:
            await asyncio.Event().wait()  # until it is cancelled: no new turn begins
        self._active += 1
        self._idle.clear()
        try:
            wait = await self._turn(subject)
        except LeaseLost as lost:
            log.warning("A turn of %s was broken off: %s", subject, lost)
            return FAILED
        except Exception:
            log.exception("A turn of %s failed; it is taken again.", subject)
            return FAILED
        else:
            return None if wait is None else max(0.0, wait.total_seconds())
        finally:
            self._active -= 1
            if self._active == 0:
                self._idle.set()

    async def _there(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


def _backoff(failures: int) -> float:
    """Seconds before a turn that raised is taken again: 0.5, 1, 2 … 30."""
    return float(min(30.0, 0.25 * 2**failures))


def _generation(status: WorkflowStatus | None) -> int:
    return 0 if status is None else int(status.workflow_id.rpartition("#")[2])


def _subject(status: WorkflowStatus) -> str:
    return status.workflow_id.rpartition("#")[0]


def _quiet() -> None:
    """DBOS's log goes where ours goes, warnings and worse only."""
    logger = logging.getLogger("dbos")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True


def _fail(ready: asyncio.Future[None], failure: Exception) -> None:
    if ready.done():
        log.error("The durable engine ended.", exc_info=failure)
    else:
        ready.set_exception(failure)
