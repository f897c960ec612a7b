"""The functions a template may call, each a pure function of its arguments.

Source of the rules: template/template.go of Prometheus, helpers/templates of prometheus/common and
text/template/funcs.go of Go. Regular expressions are RE2's: no pattern can make them hang.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 ships no types

from alerting.errors import TemplateError
from alerting.rules.template.printf import printf
from alerting.rules.template.tree import Value
from alerting.rules.template.values import LONGEST, go_type, shown

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORD: Final = re.compile(r"\w+(?:['’.:]\w+)*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_GROUP_NAME: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")


@dataclass(frozen=True, slots=True)
class Function:
    """How many arguments a function takes (`most` None: any number) and whether they must be text."""

    call: Callable[[Sequence[Value]], Value]
    least: int
    most: int | None
    text_only: int = 0  # how many of the first arguments must be strings

    def __call__(self, name: str, arguments: Sequence[Value]) -> Value:
        """Check the arguments as Go would, then call."""
        self._check(name, arguments)
        try:
            result = self.call(arguments)
        except TemplateError as failed:
            raise TemplateError(f"error calling {name}: {failed.reason}") from failed
        if isinstance(result, str) and len(result) > LONGEST:
            raise TemplateError(f"{name} makes a text of more than {LONGEST} characters")
        return result

    def _check(self, name: str, arguments: Sequence[Value]) -> None:
        count = len(arguments)
        if count < self.least or (self.most is not None and count > self.most):
            want = f"{self.least}" if self.most == self.least else f"at least {self.least}"
            raise TemplateError(f"wrong number of args for {name}: want {want} got {count}")
        for value in arguments[: self.text_only]:
            if not isinstance(value, str):
                raise TemplateError(f"wrong type for value of {name}; expected string; got {go_type(value)}")


def truth(value: Value) -> bool:
    """Whether a value counts as true: everything but false, zero and the empty; NaN does."""
    return bool(value)


def _number(value: Value) -> float:
    match value:
        case bool():
            raise TemplateError("can't convert bool to float")
        case int() | float():
            return float(value)
        case str():
            return _parsed(value)
        case _:
            raise TemplateError(f"can't convert {go_type(value)} to float")


def _parsed(text: str) -> float:
    try:
        # Python also reads a number with spaces around it; Go does not.
        return float(text if text.strip() == text else "not a number")
    except ValueError as wrong:
        raise TemplateError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from wrong


def _four(value: float) -> str:
    return printf("%.4g", [value])


def _scaled(value: float, prefixes: Sequence[str], step: float) -> tuple[float, str]:
    prefix = ""
    for larger in prefixes:
        if abs(value) < step:
            break
        prefix, value = larger, value / step
    return value, prefix


def _raised(value: float) -> tuple[float, str]:
    prefix = ""
    for smaller in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = smaller, value * 1000
    return value, prefix


def humanize(value: float) -> str:
    """A number with a metric prefix: `1.235M`, `12m`."""
    if value == 0 or not math.isfinite(value):
        return _four(value)
    scaled, prefix = _scaled(value, _LARGE, 1000) if abs(value) >= 1 else _raised(value)
    return _four(scaled) + prefix


def humanize1024(value: float) -> str:
    """A number with a binary prefix: `1.5ki`."""
    if abs(value) <= 1 or not math.isfinite(value):
        return _four(value)
    scaled, prefix = _scaled(value, _BINARY, 1024)
    return _four(scaled) + prefix


def humanize_duration(seconds: float) -> str:
    """Seconds as `1d 2h 3m 4s`, or with a metric prefix below one second."""
    if not math.isfinite(seconds):
        return _four(seconds)
    if seconds != 0 and abs(seconds) < 1:
        raised, prefix = _raised(seconds)
        return f"{_four(raised)}{prefix}s"
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    whole = int(size)
    if whole < 60:
        return f"{sign}{_four(size)}s"
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (whole % 60, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return sign + " ".join(f"{count}{unit}" for count, unit in parts[first:])


def humanize_timestamp(seconds: float) -> str:
    """Unix seconds as Go writes a time in UTC: `2015-03-15 13:30:00.5 +0000 UTC`."""
    if not math.isfinite(seconds):
        return _four(seconds)
    if not -(2**63) <= seconds * 1e9 <= 2**63:
        raise TemplateError(
            f"{shown(seconds)} cannot be represented as a nanoseconds timestamp since it overflows int64"
        )
    milliseconds = int(int(seconds * 1e9) / 1_000_000)
    when = _EPOCH + timedelta(milliseconds=milliseconds)
    fraction = f".{when.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{when.year:04d}-{when:%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _title(text: str) -> str:
    return _WORD.sub(lambda word: _LETTER.sub(lambda first: first[0].title(), word[0], count=1), text)


def _compiled(pattern: str) -> re2._Regexp:
    try:
        return re2.compile(pattern, _quiet())
    except re2.error as wrong:
        told = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else wrong
        raise TemplateError(f"error parsing regexp: {told}: `{pattern}`") from wrong


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _match(arguments: Sequence[Value]) -> bool:
    pattern, text = _texts(arguments)
    return _compiled(pattern).search(text) is not None


def _replace_all(arguments: Sequence[Value]) -> str:
    pattern, replacement, text = _texts(arguments)
    compiled = _compiled(pattern)

    def expand(found: "re2._Match") -> str:
        return _GROUP_NAME.sub(lambda name: _group(found, name), replacement)

    return str(compiled.sub(expand, text))


def _group(found: "re2._Match", name: re.Match[str]) -> str:
    if name[3]:
        return "$"
    wanted = name[1] or name[2]
    try:
        return found.group(int(wanted) if wanted.isdecimal() else wanted) or ""
    except (IndexError, KeyError, re2.error):
        return ""  # Go: a group that the pattern does not have is empty


def _texts(arguments: Sequence[Value]) -> list[str]:
    return [value for value in arguments if isinstance(value, str)]


def _kind(value: Value) -> str:
    if isinstance(value, Mapping):
        raise TemplateError(f"non-comparable type {shown(value)}: {go_type(value)}")
    return go_type(value)


def _same_kind(left: Value, right: Value) -> None:
    if _kind(left) != _kind(right):
        raise TemplateError(f"incompatible types for comparison: {go_type(left)} and {go_type(right)}")


def _equal(arguments: Sequence[Value]) -> bool:
    first, *others = arguments
    if not others:
        raise TemplateError("missing argument for comparison")
    for other in others:
        _same_kind(first, other)
        if first == other:
            return True
    return False


def _less(left: Value, right: Value) -> bool:
    _same_kind(left, right)
    match left, right:
        case (bool(), _):
            raise TemplateError("invalid type for comparison")
        case (str(), str()) | (int() | float(), int() | float()):
            return left < right  # type: ignore[operator]  # the pattern says both are of one kind
        case _:
            raise TemplateError("invalid type for comparison")


def _less_or_equal(left: Value, right: Value) -> bool:
    return _less(left, right) or left == right


def _printf(arguments: Sequence[Value]) -> str:
    text, *values = arguments
    return printf(str(text), values)


def _numeric(shape: Callable[[float], str]) -> Function:
    return Function(lambda arguments: shape(_number(arguments[0])), 1, 1)


def _textual(shape: Callable[[str], str]) -> Function:
    return Function(lambda arguments: shape(str(arguments[0])), 1, 1, text_only=1)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "humanize": _numeric(humanize),
    "humanize1024": _numeric(humanize1024),
    "humanizeDuration": _numeric(humanize_duration),
    "humanizePercentage": _numeric(lambda value: f"{_four(value * 100)}%"),
    "humanizeTimestamp": _numeric(humanize_timestamp),
    "toUpper": _textual(str.upper),
    "toLower": _textual(str.lower),
    "title": _textual(_title),
    "match": Function(_match, 2, 2, text_only=2),
    "reReplaceAll": Function(_replace_all, 3, 3, text_only=3),
    "printf": Function(_printf, 1, None, text_only=1),
    "not": Function(lambda arguments: not truth(arguments[0]), 1, 1),
    "eq": Function(_equal, 1, None),
    "ne": Function(lambda arguments: not _equal(arguments), 2, 2),
    "lt": Function(lambda arguments: _less(*arguments), 2, 2),
    "le": Function(lambda arguments: _less_or_equal(*arguments), 2, 2),
    "gt": Function(lambda arguments: not _less_or_equal(*arguments), 2, 2),
    "ge": Function(lambda arguments: not _less(*arguments), 2, 2),
}
# These stop at the first argument that decides, so the renderer evaluates them itself.
SHORT_CIRCUIT: Final = frozenset({"and", "or"})
