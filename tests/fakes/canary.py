"""A canary of two steps as its event log tells it: the steps to kill it at, and what may be there in the end."""

from collections import Counter
from typing import Final

from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import subject_of
from tests.fakes.house import ENDS, House
from tests.fakes.scene import Scene

TWO_STEPS: Final = Scene(steps=((10, "300ms"), (100, "300ms")))
RESUMED_WITHIN: Final = 5.0
"""Seconds from the start of a new process until it goes on."""

STEPS: Final[list[tuple[str, dict[str, int]]]] = [
    ("DeploymentPlanned", {}),
    ("DeploymentApproved", {}),
    ("DeploymentStarted", {}),
    ("StepEntered", {"step": 0}),
    ("WeightShifted", {"weight": 10}),
    ("ProgressSeen", {}),
    ("StepPassed", {"step": 0}),
    ("StepEntered", {"step": 1}),
    ("WeightShifted", {"weight": 100}),
    ("StepPassed", {"step": 1}),
    ("PromotionStarted", {}),
]
ONCE: Final = [
    ("DeploymentPlanned", None),
    ("DeploymentApproved", None),
    ("DeploymentStarted", None),
    ("StepEntered", 0),
    ("WeightShifted", 10),
    ("StepPassed", 0),
    ("StepEntered", 1),
    ("WeightShifted", 100),
    ("StepPassed", 1),
    ("PromotionStarted", None),
    ("DeploymentSucceeded", None),
]
SEEN: Final = frozenset({"ProgressSeen", "TroubleMet", "TroubleCleared"})  # told as often as they are seen


def steps_of(house: House, id: DeploymentId) -> list[tuple[str, int | None]]:  # noqa: A002
    """The effects of a deployment in their order: type, and step or weight."""
    facts = [one for one in house.chronicle.of(id) if one.type not in SEEN]
    return [(one.type, one.data.get("weight" if one.type == "WeightShifted" else "step")) for one in facts]


def pids(house: House, version: str, since: int) -> Counter[str]:
    """How often each instance of the version was started after the first `since` starts."""
    return Counter(name for name, _ in house.starts()[since:] if f"-{version}-" in name)


async def fall(house: House, id: DeploymentId, kind: str, data: dict[str, int]) -> None:  # noqa: A002
    """kill -9 at a step; the new process goes on within RESUMED_WITHIN, unless all was done before the kill."""
    last = await house.fall(subject_of(id), kind, **data)
    if not any(one.type in ENDS for one in house.chronicle.of(id)):
        await house.chronicle.wait(
            lambda one: one.stream == subject_of(id), after=last, within=RESUMED_WITHIN, why=f"to resume after {kind}"
        )
