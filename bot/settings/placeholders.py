"""Names in braces that stand for something, and those that were meant to. Pure.

Braces belong to PromQL, to shells and to the paths of requests, too: what may be theirs is no fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from rapidfuzz.distance import OSA

IN_ARTIFACT: Final = frozenset({"version"})
IN_COMMAND: Final = frozenset({"python", "here", "artifact", "version", "port", "instance"})
IN_QUERY: Final = frozenset({"service", "environment", "version", "previous", "window"})
_BRACES: Final = re.compile(r"(?<!\$)\{([A-Za-z_]+)\}")  # ${HOME} is the shell's
_WHOLE: Final = re.compile(r"""[=~]\s*(["'`])\{([A-Za-z_]+)\}\1""")  # version="{version}"


def strays_in_artifact(text: str) -> Iterator[str]:
    """A message for each name in braces of an artifact's path that stands for nothing."""
    return (_stray(name, IN_ARTIFACT) for name in _unknown(text, IN_ARTIFACT))


def strays_in_command(word: str) -> Iterator[str]:
    """The same for a word of a command. One with blanks is a script, which has braces of its own."""
    script = any(map(str.isspace, word))
    unknown = _unknown(word, IN_COMMAND)
    return (_stray(name, IN_COMMAND) for name in unknown if not script or _meant(name, IN_COMMAND))


def strays_in_query(text: str) -> Iterator[str]:
    """The same for a query, where path="/users/{id}" may be meant: a slip of the pen, or what is all of a value."""
    whole = {name for _, name in _WHOLE.findall(text)}
    return (_stray(name, IN_QUERY) for name in _unknown(text, IN_QUERY) if name in whole or _meant(name, IN_QUERY))


def _unknown(text: str, known: Collection[str]) -> list[str]:
    return [name for name in _BRACES.findall(text) if name not in known]


def _meant(name: str, known: Collection[str]) -> str:
    """The known name that is one letter away, or has two neighbours swapped."""
    return next((one for one in sorted(known) if OSA.distance(name, one) == 1), "")


def _stray(name: str, known: Collection[str]) -> str:
    near = _meant(name, known)
    hint = f"Did you mean {{{near}}}?" if near else f"Known: {', '.join(f'{{{one}}}' for one in sorted(known))}."
    return f"{{{name[:60]}}} stands for nothing here. {hint}"
