"""What stands in the way of a deployment, and whether one that was agreed to may begin. Frozen and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing in the way. `key` names the one cause; `remedy` is what to do next.

    One that does not `block` is only told. One that is not `overridable` nobody passes by giving a reason.
    """

    kind: Literal["lock", "freeze", "version"]
    key: str
    reason: str
    remedy: str
    blocks: bool = True
    overridable: bool = True


@dataclass(frozen=True, slots=True)
class Granted:
    """It may begin, under the number of the place's newest lock."""

    fence: int


@dataclass(frozen=True, slots=True)
class Held:
    """It may not begin yet; ask again in a while. `in_line` waits for others to end."""

    reason: str
    again: timedelta
    in_line: bool = False


@dataclass(frozen=True, slots=True)
class Void:
    """It may never begin: what was agreed to is not what would be done."""

    reason: str


Clearance = Granted | Held | Void
