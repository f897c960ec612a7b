"""Finds what looks like a secret in text, so that it is not written into logs. Pure.

Known shapes first (prefixes that issuers publish), then `password=…`, then words too random to be language.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

HIDDEN: Final = "••••"

_SHAPES: Final = (
    ("Slack token", re.compile(r"\bxox[a-z]-[\w-]{8,}|\bxapp-[\w-]{8,}")),
    ("Slack webhook", re.compile(r"https://hooks\.slack\.com/[\w/-]+")),
    ("GitHub token", re.compile(r"\bgh[oprsu]_\w{16,}|\bgithub_pat_\w{16,}")),
    ("GitLab token", re.compile(r"\bglpat-[\w-]{16,}")),
    ("AWS key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("Pilothouse token", re.compile(r"\bph_[0-9a-f]{8}_[\w-]{20,}")),
    ("JSON web token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]*")),
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    ),
    ("password in an address", re.compile(r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)")),
)
_NAMED: Final = re.compile(
    r"(?P<name>(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization)[\"']?\s*[=:]\s*"
    r"(?:bearer\s+|basic\s+)?)(?P<value>\"[^\"]+\"|'[^']+'|[^\s,;&)}\]]+)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_RANDOM_BITS: Final = 4.0  # per character; hexadecimal digests stay below, random base64 of this length above


@dataclass(frozen=True, slots=True)
class Masked:
    """Text that may be logged, and what kinds of secret were taken out of it."""

    text: str
    kinds: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether anything was taken out; the person should then be told to rotate it."""
        return bool(self.kinds)


def mask(text: str) -> Masked:
    """`text` with everything that looks like a secret replaced by dots."""
    kinds: list[str] = []
    for kind, shape in _SHAPES:
        text, count = shape.subn(HIDDEN, text)
        kinds += [kind] * bool(count)
    text, kinds = _mask_named(text, kinds)
    return _mask_random(text, kinds)


def _mask_named(text: str, kinds: list[str]) -> tuple[str, list[str]]:
    def hide(match: re.Match[str]) -> str:
        if HIDDEN in match["value"] or match["value"].strip("\"'") == "":
            return match[0]
        kinds.append("password")
        return match["name"] + HIDDEN

    return _NAMED.sub(hide, text), kinds


def _mask_random(text: str, kinds: list[str]) -> Masked:
    def hide(match: re.Match[str]) -> str:
        if not _looks_random(match[0]):
            return match[0]
        kinds.append("random word")
        return HIDDEN

    return Masked(_WORD.sub(hide, text), tuple(dict.fromkeys(kinds)))


def _looks_random(word: str) -> bool:
    """Mixed letters and digits with high entropy. Names, versions, UUIDs and hexadecimal digests are none."""
    mixed = re.search(r"[a-z]", word) and re.search(r"[A-Z]", word) and re.search(r"\d", word)
    return bool(mixed) and bits_per_character(word) >= _RANDOM_BITS


def bits_per_character(word: str) -> float:
    """Shannon entropy of the characters of a word that is not empty."""
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values())
