"""How people write what to silence, for how long and why. Pure.

Matchers are Alertmanager's, with or without braces, and also as people type or paste them in chat: parted by blanks, in
curly quotes, with only the name of an alert for `alertname`, or as the series `ALERTS{…}`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.commands import SetSilence
from alerting.metrics.duration import parse_duration
from alerting.routing.matcher import Matcher, Op
from alerting.routing.parse_matcher import MatcherWrong, parse_matchers
from alerting.silences.errors import InvalidSilence
from alerting.silences.rules import check_matchers
from bot.words.grammar import Misunderstood, said

LONGEST: Final = timedelta(days=366)
UNTIL_RESOLVED: Final = "resolved"

_CURLY: Final = str.maketrans("“”„‟″", '"' * 5)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAMED: Final = re.compile(r"\s*(?P<name>[^\s,:{}=!~\"]+)\s*(?:,|\s(?!\s*[=!])|$)")
_SERIES: Final = re.compile(r"\s*ALERTS(?:_FOR_STATE)?\s*(?=\{)")
_GAP: Final = re.compile(r"(?<=[^\s{,=!~])\s(?=\s*[^\s},=!~])")
_SIGNS: Final = re.compile(r"'(=~|!~|!=|=)'")
_WHY: Final = re.compile(r"(?:^|\s+)because(?:\s+|$)", re.IGNORECASE)
_HOW_LONG: Final = re.compile(r"(?:^|\s+)(?P<word>for|until)\s+(?P<rest>\S.*?)\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class OpenSilenceForm:
    """The silence modal, with the matchers that were typed already."""

    matchers: str = ""


def read_matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers that a text holds, none for none. Raises Misunderstood, which says where reading stopped."""
    straight = text.translate(_CURLY)
    if "==" in _blinded(straight):
        raise Misunderstood("Matchers compare labels, by `=`, `!=`, `=~` or `!~`; leave out what compares the value.")
    series = _SERIES.match(straight)
    if series is not None:
        return _read(straight[series.end() :])
    named = _NAMED.match(straight)
    if named is not None:
        return (Matcher("alertname", Op.EQUAL, named["name"]), *_read(straight[named.end() :]))
    return _read(straight)


def _read(text: str) -> tuple[Matcher, ...]:
    parted = _with_commas(text)
    try:
        return parse_matchers(parted) if parted.strip() else ()
    except MatcherWrong as wrong:
        raise Misunderstood(_where(parted, wrong)) from wrong


def _with_commas(text: str) -> str:
    """Matchers parted by blanks, parted by commas; every sign keeps its place."""
    gaps = [found.start() for found in _GAP.finditer(_blinded(text))]
    signs = list(text)
    for gap in gaps:
        signs[gap] = ","
    return "".join(signs)


def _blinded(text: str) -> str:
    """The text with what stands in quotes made unreadable, so that words there are not taken for ours."""
    return _QUOTED.sub(lambda found: '"' + "x" * (len(found[0]) - 2) + '"', text)


def _where(text: str, wrong: MatcherWrong) -> str:
    # The signs of operators are marks of emphasis in chat, but not in code style.
    message = _SIGNS.sub(r"`\1`", str(wrong).partition(": ")[2])
    left = text[wrong.column - 1 :].strip()
    place = f"at {said(left[:30])}" if left else "at its end"
    return f"I can't read {said(text.strip())} {place}: {message}."


def read_silence(text: str) -> OpenSilenceForm | SetSilence:
    """`MATCHERS for 2h because TEXT`, or `until resolved`; matchers alone open the form. Raises Misunderstood."""
    straight = text.translate(_CURLY)
    why = _WHY.search(_blinded(straight))
    head, comment = (straight[: why.start()], straight[why.end() :].strip()) if why else (straight, "")
    length = _HOW_LONG.search(_blinded(head))
    if length is None and why is None:
        if straight.strip():
            checked_matchers(straight)
        return OpenSilenceForm(straight.strip())
    if length is None:
        raise Misunderstood("Say how long: `for 2h`, or `until resolved`.")
    lasts = _lasting(length["word"].lower(), length["rest"].strip())
    matchers = checked_matchers(head[: length.start()])
    if not comment:
        raise Misunderstood("Say why, for those who wonder later: `because …`.")
    return SetSilence(matchers, lasts, comment)


def checked_matchers(text: str) -> tuple[Matcher, ...]:
    """Matchers that a silence may have. Raises Misunderstood."""
    matchers = read_matchers(text)
    if not matchers:
        raise Misunderstood('Say which alerts: `alertname="HighLatency", environment="staging"`.')
    try:
        check_matchers(matchers)
    except InvalidSilence as wrong:
        raise Misunderstood("That would silence every alert: at least one matcher has to want some value.") from wrong
    return matchers


def _lasting(word: str, rest: str) -> timedelta | None:
    if word == "until":
        if rest.lower() == UNTIL_RESOLVED:
            return None
        raise Misunderstood(f"A silence lasts `for` a time or `until resolved`, not until {said(rest)}.")
    return read_duration(rest)


def read_duration(text: str) -> timedelta:
    """How long a silence lasts: 30m, 2h, 1d12h. Raises Misunderstood."""
    try:
        lasts = parse_duration(text.replace(" ", ""))
    except ValueError as wrong:
        raise Misunderstood(f"{said(text)} is no duration; write 30m, 2h or 1d12h.") from wrong
    if not timedelta(0) < lasts <= LONGEST:
        raise Misunderstood("A silence lasts longer than nothing and at most a year.")
    return lasts


def written(matchers: Sequence[Matcher]) -> str:
    """Matchers as people read them and may type them again: `severity="page", team!="shop"`."""
    return ", ".join(map(str, matchers))
