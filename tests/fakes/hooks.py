"""A team's own checks that answer what a test lays down."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import EngineError
from engine.hooks import HookAnswer, HookCall, HookStatus

WELL = HookAnswer(HookStatus.SUCCEEDED)


@dataclass
class FakeHooks:
    """Gives the answers in turn, the last for ever; keeps what was asked."""

    answers: Sequence[HookAnswer | EngineError] = (WELL,)
    calls: list[HookCall] = field(default_factory=list)

    async def call(self, call: HookCall) -> HookAnswer:
        answer = self.answers[min(len(self.calls), len(self.answers) - 1)]
        self.calls.append(call)
        if isinstance(answer, EngineError):
            raise answer
        return answer
