"""Regular expressions of templates. They are RE2's, so no pattern can make them hang.

Source of the rules: package regexp of Go.
"""

import re
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 ships no types

from alerting.errors import TemplateError
from alerting.rules.template.literals import quoted
from alerting.rules.template.run import Run

_GROUP_NAME: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MEMORY: Final = 1 << 20
_CODES: Final = {  # the words RE2 has for what Go words otherwise
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "pattern too large - compile failed": "expression too large",
}


def match(run: Run, pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text."""
    found = _search(run, _compiled(pattern), _clean(text))
    return next(found, None) is not None


def replace_all(run: Run, pattern: str, replacement: str, text: str) -> str:
    """A text with each place a pattern is found replaced; `$1` and `${name}` stand for its groups."""
    try:
        compiled = _compiled(pattern)
    except TemplateError as wrong:
        told = f"`{pattern}`" if "`" not in pattern and pattern.isprintable() else quoted(pattern)
        raise TemplateError(f"regexp: Compile({told}): {wrong.reason}") from wrong
    pieces, end, text = [], 0, _clean(text)
    for found in _search(run, compiled, text):
        run.spend(1)
        # Go replaces no empty match that stands right behind another match.
        if found.end() > end or found.start() == 0:
            pieces += [text[end : found.start()], _expanded(found, replacement)]
        else:
            pieces.append(text[end : found.start()])
        end = found.end()
    return "".join([*pieces, text[end:]])


def _search(run: Run, compiled: "re2._Regexp", text: str) -> "re2.Iterator[re2._Match]":
    # As if it were compiled each time, which a pattern made from another value each time is.
    run.spend(1 + compiled.programsize // 16 + len(text) * compiled.programsize // 4096)
    return compiled.finditer(text)


def _clean(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> "re2._Regexp":
    if _SURROGATE.search(pattern):
        raise TemplateError(f"error parsing regexp: invalid UTF-8: `{pattern}`")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as wrong:
        told = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else str(wrong.args[0])
        raise TemplateError(f"error parsing regexp: {_as_go(told, pattern)}") from wrong


def _as_go(told: str, pattern: str) -> str:
    code, _, part = told.partition(": ")
    if code.startswith(("missing )", "unexpected )", "missing closing )")):
        part = pattern
    return f"{_CODES.get(code, code)}: `{part}`"


def _expanded(found: "re2._Match", replacement: str) -> str:
    return _GROUP_NAME.sub(lambda name: _group(found, name), replacement) if "$" in replacement else replacement


def _group(found: "re2._Match", name: re.Match[str]) -> str:
    if name[3]:
        return "$"
    wanted = name[1] or name[2]
    try:
        return found.group(int(wanted) if wanted.isdecimal() else wanted) or ""
    except (IndexError, KeyError, re2.error):
        return ""  # Go: a group that the pattern does not have is empty
