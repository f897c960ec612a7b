"""What a delivery asks for: a version, and where the answer belongs. Pure; kept as JSON until it is done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Sha = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{40}([0-9a-f]{24})?\Z")]

LONGEST_ID: Final = 200
"""Characters of a subject that stand in a request's id as they are."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where results belong: a commit of a project, and the deployment that was created there, if it was one (else 0).

    `project` is OWNER/NAME on GitHub and the number of the project on GitLab; `ref` is the branch or tag.
    """

    project: str = ""
    sha: str = ""
    ref: str = ""
    deployment: int = 0
    pipeline: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """One deployment that is asked for. `subject` is what happened elsewhere: asked twice for it, it is done once."""

    trigger: str
    service: str
    environment: str
    version: str
    subject: str
    origin: Origin = Origin()

    @property
    def request(self) -> str:
        """The id of the request that comes of it."""
        plain = self.subject.isascii() and self.subject.isprintable() and len(self.subject) <= LONGEST_ID
        subject = self.subject if plain else hashlib.sha256(self.subject.encode()).hexdigest()
        return f"webhook:{self.trigger}:{subject}"


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be done, and why; told to the sender, who may look for the mistake."""

    reason: str
