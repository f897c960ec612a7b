"""Deployments whose process is killed at each event it writes, and what has to be the same in the end all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from engine.catalog import EnvironmentName, ServiceName
from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from engine.infrastructure.balancers.control import tell
from engine.infrastructure.balancers.orders import Read, Reading
from engine.infrastructure.processes import is_alive
from engine.infrastructure.records import Record
from tests.fakes.canary import ONCE, SEEN, steps_of
from tests.fakes.chronicle import Fact
from tests.fakes.house import ENDS, House
from tests.fakes.scene import HEALTHY, Scene

Steps = list[tuple[str, int | None]]
QUICK: Final = "300ms"
LONG: Final = "60s"  # until somebody aborts it
BEGIN: Final[Steps] = ONCE[:3]
RESUMES_WITHIN: Final = 15.0
WELL: Final = 20
"""Answers of the version that has to run, before all is taken for well."""


def step(number: int, weight: int) -> Steps:
    """What a step leaves in the log."""
    return [("StepEntered", number), ("WeightShifted", weight), ("StepPassed", number)]


@dataclass(frozen=True, slots=True)
class Tale:
    """A strategy to be told with kills.

    `settings` are those of a deployment that succeeds, `forth` what it leaves in the log; `slow` are those of one that
    is aborted once `abort_at` stands there, `there` what it leaves until then. `restarted` are the ordinals of the old
    version that have to start again on the way back. `downtime`: nobody is answered for a while.
    """

    kind: str
    settings: Mapping[str, Any]
    forth: Steps
    slow: Mapping[str, Any]
    there: Steps
    abort_at: tuple[str, int | None]
    started: tuple[int, ...] = (1, 2)
    restarted: tuple[int, ...] = ()
    downtime: bool = False

    @property
    def back(self) -> Steps:
        """What one that is aborted leaves in the log."""
        return [*self.there, *ABORTED]

    def scene(self, *, slow: bool) -> Scene:
        """The house for it; a person approves each deployment."""
        chosen = self.slow if slow else self.settings
        return Scene(careful={"kind": self.kind, "gates": [HEALTHY], **chosen})


ABORTED: Final[Steps] = [
    ("AbortAsked", None),
    ("RollbackStarted", None),
    ("WeightShifted", 0),
    ("DeploymentRolledBack", None),
]
ENDING: Final[Steps] = [("PromotionStarted", None), ("DeploymentSucceeded", None)]
UNDONE: Final[Steps] = [BEGIN[0], BEGIN[2], *step(0, 100), *ENDING]
"""What a roll-back to the former version leaves in the log, by whatever strategy that came."""


def _canary(first: str) -> dict[str, Any]:
    return {"steps": [{"weight": 10, "dwell": first}, {"weight": 100, "dwell": QUICK}]}


CANARY: Final = Tale(
    "canary",
    settings=_canary(QUICK),
    forth=ONCE,
    slow=_canary(LONG),
    there=[*BEGIN, *step(0, 10)[:2]],
    abort_at=("WeightShifted", 10),
    started=(1,),
)
ROLLING: Final = Tale(
    "rolling",
    settings={"dwell": QUICK},
    forth=[*BEGIN, *step(0, 50), *step(1, 100), *ENDING],
    slow={"dwell": LONG},
    there=[*BEGIN, *step(0, 50)[:2]],
    abort_at=("WeightShifted", 50),
    started=(1,),
    restarted=(2,),
)
BLUE_GREEN: Final = Tale(
    "blue-green",
    settings={"dwell": QUICK, "keep_old": "1s"},
    forth=[*BEGIN, *step(0, 0), *step(1, 100), ENDING[0], ("OldReleased", None), ENDING[1]],
    slow={"dwell": QUICK, "keep_old": LONG},
    there=[*BEGIN, *step(0, 0), *step(1, 100), ENDING[0]],
    abort_at=("PromotionStarted", None),
)
RECREATE: Final = Tale(
    "recreate",
    settings={"dwell": QUICK},
    forth=[*BEGIN, *step(0, 100), *ENDING],
    slow={"dwell": LONG},
    there=[*BEGIN, *step(0, 100)[:2]],
    abort_at=("WeightShifted", 100),
    restarted=(1, 2),
    downtime=True,
)
TALES: Final = (CANARY, ROLLING, BLUE_GREEN, RECREATE)


@dataclass(slots=True)
class Falls:
    """Kills the product as soon as an event of `id` later than `after` stands in the log, and launches it again."""

    house: House
    id: DeploymentId
    after: int
    at: list[str] = field(default_factory=list)
    """The type of each event that it was killed at."""

    async def until_the_end(self) -> None:
        """Again and again, at the last event too; then the product runs and is ready."""
        while not any(one.type in ENDS for one in self.house.chronicle.of(self.id)):
            await self.once()
            if self.house.chronicle.of(self.id)[-1].type not in ENDS:
                await self.house.launch()
        await self.house.start()

    async def once(self) -> None:
        """One kill."""
        seen = await self.house.chronicle.wait(self._next, after=self.after, within=RESUMES_WITHIN, why="To go on")
        await self.house.kill()
        self.at.append(seen.type)
        self.after = self.house.chronicle.last()

    def _next(self, one: Fact) -> bool:
        """Each process measures first, so one killed at each measurement would never come any further."""
        again = one.type in SEEN and self.at[-1:] == [one.type]
        return one.stream == subject_of(self.id) and not again


async def until(house: House, id: DeploymentId, mark: tuple[str, int | None]) -> None:  # noqa: A002
    """Wait until this effect of the deployment stands in the log."""
    kind, weight = mark
    await house.chronicle.wait(
        lambda one: one.stream == subject_of(id) and one.type == kind and one.data.get("weight") == weight,
        why=f"{kind} {weight}",
    )


async def reading(house: House) -> Reading:
    """What the proxy does in production now."""
    answer = await tell(house.data / "proxy", Read(ServiceName("shop"), EnvironmentName("production")))
    assert isinstance(answer, Reading), answer
    return answer


def instances(house: House) -> dict[str, bool]:
    """Every instance that the local manager knows, and whether it lives."""
    found = [msgspec.json.decode(one.read_bytes(), type=Record) for one in (house.data / "instances").glob("*.json")]
    return {one.id: is_alive(one.process) for one in found}


async def assert_stands(house: House, version: str) -> None:
    """Only this version runs in production, whole, and has all the traffic."""
    ids = [f"shop-production-{version}-{ordinal}" for ordinal in (1, 2)]
    assert instances(house) == dict.fromkeys(ids, True)
    now = await reading(house)
    assert {one: share for one, share in now.weights.items() if share} == {version: 100}
    assert sorted(now.ready) == ids


def assert_history(house: House, id: DeploymentId, expected: Steps) -> None:  # noqa: A002
    """Its effects are these, in this order, each once; what it folds to has no trouble and no death in it."""
    steps = steps_of(house, id)
    assert steps == expected, steps
    ended = house.chronicle.deployment(id)
    assert (ended.trouble, ended.deaths, ended.state.value in {"succeeded", "rolled_back"}) == ("", (), True)


def starts(house: House, since: int) -> Counter[str]:
    """How often each instance was started after the first `since` starts."""
    return Counter(name for name, _ in house.starts()[since:])


def names(version: str, ordinals: tuple[int, ...]) -> dict[str, int]:
    """Each of these instances started once."""
    return {f"shop-production-{version}-{ordinal}": 1 for ordinal in ordinals}
