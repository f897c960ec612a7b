"""PromQL that is newer than promql-parser, said in older words that read the same metrics and have the same type.

Only the parser sees the older words; what is asked is the text as it was written. Constructs of Prometheus 3.16:
duration expressions (`[5m * 2]`, `offset (1h - 5m)`), the modifiers `anchored` and `smoothed`, `1_000` and `0s`.
"""

import re
from typing import Final

QUOTED: Final = r"""#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"""
"""Comments and strings, for a pattern with DOTALL."""

NUMBER: Final = r"(?<![\w.:])[0-9]\w*(?:\.\w*)?"
"""Numbers and durations, not those in the names of metrics; their syntax is checked elsewhere."""

# What follows an operand is a modifier; anywhere else these words are names of metrics.
_MODIFIER: Final = r"(?<=[\w)\]}\"'`])\s+(?:anchored|smoothed)\b(?!\s*[({])"
# Words are taken whole (`*+`), or a long row of digits could be split in endless ways.
_WORD: Final = r"[0-9.][\w.]*+|step|range|min_of|max_of|inf|nan"
_RANGE: Final = rf"\[(?!\s*-\s*\w+\s*[\]:])(?:{_WORD}|[\s()+\-*/%^,])++(?P<step>:(?:{_WORD}|[\s()+\-*/%^,])*+)?\]"
_FLAT: Final = rf"(?:{_WORD}|\(\s*\)|[\s+\-*/%^,])"
_BRACKETS: Final = rf"\((?:{_FLAT}|\({_FLAT}*+\))*+\)"
_OPERATOR: Final = r"\s*+[-+*/%^]"
# An offset in brackets goes on as far as operators do: what they would join is no operand of its own.
_OFFSET: Final = (
    rf"\boffset\s*+(?:[-+]\s*+{_BRACKETS}|[-+]?\s*+(?:step|range)\(\s*\)"
    rf"|{_BRACKETS}(?:{_OPERATOR}\s*+(?:{_BRACKETS}|{_WORD}))*+(?!{_OPERATOR}))"
)
_NEWER: Final = re.compile(
    rf"(?P<quoted>{QUOTED})|(?P<offset>{_OFFSET})|(?P<range>{_RANGE})|(?P<modifier>{_MODIFIER})|(?P<number>{NUMBER})",
    re.DOTALL | re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"\[\s*\w+\s*(?::\s*\w*\s*)?\]")
_ZERO: Final = re.compile(r"0+(?:ms|[smhdwy])")
_UNDERSCORE: Final = re.compile(r"(?<=[0-9a-fA-F])_(?=[0-9a-fA-F])")


def in_older_words(text: str) -> str:
    """The same text without what is newer; itself when there is nothing."""
    return _NEWER.sub(_older, text)


def _older(found: re.Match[str]) -> str:
    whole = found[0]
    match found.lastgroup:
        case "offset":
            return "offset 1m"
        case "range" if not _PLAIN.fullmatch(_UNDERSCORE.sub("", whole)):
            return "[1m:1m]" if found["step"] else "[1m]"
        case "modifier":
            return " "
        case "number" if _ZERO.fullmatch(whole):
            return "0"
        case "number" | "range":
            return _UNDERSCORE.sub("", whole)
        case _:
            return whole
