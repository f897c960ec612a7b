"""How people write that a deployment may go on by hand. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.words.grammar import Misunderstood, Verb, Vocabulary, Words
from engine.commands import Promote, ReleaseOld, Resume
from engine.deployments.deployment import DeploymentId
from engine.security.permissions import Permission


def _one(make: Callable[[DeploymentId], object]) -> Callable[[Words, Vocabulary], object]:
    def read(words: Words, _: Vocabulary) -> object:
        if len(words) != 1:
            raise Misunderstood("Name one deployment.")
        return make(DeploymentId(words[0]))

    return read


ONWARD_VERBS: Final[tuple[Verb, ...]] = (
    Verb("resume", "resume ID", "Let a paused deployment go on", Permission.ABORT, _one(Resume)),
    Verb(
        "promote",
        "promote ID",
        "Skip what is left of its steps and gates",
        Permission.APPROVE,
        _one(Promote),
    ),
    Verb(
        "finish",
        "finish ID",
        "Let the former version go that it still keeps",
        Permission.ABORT,
        _one(ReleaseOld),
    ),
)
