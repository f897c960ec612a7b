"""How a deployment stands, in the few words that a CI system has for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.deployments.deployment import Deployment, Outcome, State


class Progress(StrEnum):
    """How far it is; each CI system has its own word for each."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BROKEN = "broken"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({Progress.SUCCEEDED, Progress.FAILED, Progress.BROKEN, Progress.CANCELLED})


@dataclass(frozen=True, slots=True)
class Status:
    """What is told. `step` tells statuses of one deployment apart; `text` is one line of any length.

    `version` is that of the deployment it was drawn from, so that an older look never hides a newer one.
    """

    progress: Progress
    step: str
    text: str
    link: str = ""
    version: int = field(default=0, compare=False)

    @property
    def ended(self) -> bool:
        """Whether no other will follow."""
        return self.progress in ENDED


_PROGRESS: Final[Mapping[State, Progress]] = {
    State.PLANNED: Progress.WAITING,
    State.RUNNING: Progress.RUNNING,
    State.PAUSED: Progress.RUNNING,
    State.PROMOTING: Progress.RUNNING,
    State.SUCCEEDED: Progress.SUCCEEDED,
    State.ROLLING_BACK: Progress.RUNNING,
    State.ROLLED_BACK: Progress.FAILED,
    State.FAILED: Progress.FAILED,
    State.CANCELLED: Progress.CANCELLED,
}
_WORDS: Final[Mapping[State, str]] = {
    State.PLANNED: "waits to begin",
    State.RUNNING: "is being deployed",
    State.PAUSED: "waits for a decision",
    State.PROMOTING: "takes over all traffic",
    State.SUCCEEDED: "runs",
    State.ROLLING_BACK: "is being taken back",
    State.ROLLED_BACK: "was taken back",
    State.FAILED: "failed",
    State.CANCELLED: "was not deployed",
}


def status_of(deployment: Deployment, *, link: str) -> Status:
    """How the deployment stands now."""
    plan, state = deployment.plan, deployment.state
    broken = state is State.FAILED and deployment.outcome is Outcome.BROKEN
    progress = Progress.BROKEN if broken else _PROGRESS[state]
    words = "waits for approval" if state is State.PLANNED and not deployment.approved else _WORDS[state]
    reason = f": {deployment.reason}" if deployment.reason and state is not State.SUCCEEDED else ""
    text = f"{plan.service} {plan.version} in {plan.environment} {words}{reason}"
    return Status(progress, state.value, " ".join(text.split()), link, deployment.stream_version)


def settled_status(text: str, *, well: bool, link: str) -> Status:
    """That no deployment came of what was asked."""
    progress = Progress.SUCCEEDED if well else Progress.FAILED
    return Status(progress, f"settled {progress.value}", " ".join(text.split()), link)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with an ellipsis, in at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
