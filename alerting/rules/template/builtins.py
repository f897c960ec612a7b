"""The functions that every Go template has, but for `and` and `or`, which decide what they evaluate.

Source of the rules: text/template/funcs.go of Go.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

from alerting.errors import TemplateError
from alerting.rules.template.compare import equal, less, less_or_equal
from alerting.rules.template.literals import from_bytes, to_bytes
from alerting.rules.template.printf import shown, sprint, sprintf, sprintln
from alerting.rules.template.signature import Function, Param
from alerting.rules.template.values import Byte, QueryResult, Value, go_type

_HTML: Final = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\x00": "\ufffd"})
_SCRIPT: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


def _text(values: tuple[Value, ...]) -> str:
    """The text that the escaping functions see: as print gives it, with pointers followed."""
    text, after_text = "", True
    for value in values:
        is_text = isinstance(value, str) or value is None
        text += ("" if is_text or after_text else " ") + shown(value)
        after_text = is_text
    return text


def html(*values: Value) -> str:
    """The values with the signs of HTML escaped."""
    return _text(values).translate(_HTML)


def script(*values: Value) -> str:
    """The values as the inside of a JavaScript string."""
    return "".join(_script_sign(sign) for sign in _text(values))


def _script_sign(sign: str) -> str:
    if sign in _SCRIPT:
        return _SCRIPT[sign]
    if sign < " " or sign in "<>&=":
        return f"\\u{ord(sign):04X}"
    # A byte that is no UTF-8 stays, since Go takes it for the sign that stands for such.
    printable = sign.isascii() or sign.isprintable() or "\udc80" <= sign <= "\udcff"
    return sign if printable else f"\\u{ord(sign):04X}"


def query_escape(text: str) -> str:
    """A text for the query of an address."""
    return quote_plus(to_bytes(text))


def length(value: Value) -> int:
    """How many bytes a text has, or elements a collection."""
    if value is None:
        # Go asks a value that is none for its type and panics.
        raise TemplateError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(value, str):
        return len(to_bytes(value))
    if isinstance(value, dict | QueryResult):
        return len(value)
    raise TemplateError(f"len of type {_behind(value)}")


def _behind(value: Value) -> str:
    """The type of a value, or of what it points to."""
    return go_type(value).removeprefix("*")


def index(value: Value, *keys: Value) -> Value:
    """The element at a key or position, and so on within it."""
    if value is None:
        raise TemplateError("index of untyped nil")
    for key in keys:
        value = _element(value, key)
    return value


def _element(value: Value, key: Value) -> Value:
    match value:
        case None:
            raise TemplateError("index of nil pointer")
        case dict():
            return value.get(_map_key(key), "" if type(value) is dict else None)
        case str():
            raw = to_bytes(value)
            return Byte(raw[_inside(key, len(raw), "string")])
        case QueryResult():
            return value[_inside(key, len(value), "slice")]
        case _:
            raise TemplateError(f"can't index item of type {_behind(value)}")


def _map_key(key: Value) -> str:
    if key is None:
        raise TemplateError("value is nil; should be of type string")
    if type(key) is not str:
        raise TemplateError(f"value has type {go_type(key)}; should be string")
    return key


def _inside(key: Value, size: int, what: str) -> int:
    at = _position(key, size)
    if at == size:
        raise TemplateError(f"reflect: {what} index out of range")
    return at


def _position(key: Value, most: int) -> int:
    """A position from 0 to `most`, as a slice may have."""
    if key is None:
        raise TemplateError("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise TemplateError(f"cannot index slice/array with type {go_type(key)}")
    if not 0 <= key <= most:
        raise TemplateError(f"index out of range: {int(key)}")
    return int(key)


def cut(value: Value, *positions: Value) -> Value:
    """The part of a text or a query's result between two positions."""
    if value is None:
        raise TemplateError("slice of untyped nil")
    if len(positions) > 3:
        raise TemplateError(f"too many slice indexes: {len(positions)}")
    if isinstance(value, str):
        if len(positions) == 3:
            raise TemplateError("cannot 3-index slice a string")
        raw = to_bytes(value)
        start, end = _span(positions, len(raw))
        return type(value)(from_bytes(raw[start:end]))
    if not isinstance(value, QueryResult):
        raise TemplateError(f"can't slice item of type {_behind(value)}")
    start, end = _span(positions, len(value))
    return QueryResult(value[start:end])


def _span(positions: tuple[Value, ...], size: int) -> tuple[int, int]:
    given = [_position(position, size) for position in positions]
    start, end, most = (*given, *(0, size, size)[len(given) :])
    if start > end:
        raise TemplateError(f"invalid slice index: {start} > {end}")
    if end > most:
        raise TemplateError(f"invalid slice index: {end} > {most}")
    return start, end


_ANY, _VALUE = Param.ANY, Param.VALUE
BUILTINS: Final[Mapping[str, Function]] = {
    "eq": Function(equal, (_VALUE,), _VALUE),
    "ne": Function(lambda left, right: not equal(left, right), (_VALUE, _VALUE)),
    "lt": Function(less, (_VALUE, _VALUE)),
    "le": Function(less_or_equal, (_VALUE, _VALUE)),
    "gt": Function(lambda left, right: not less_or_equal(left, right), (_VALUE, _VALUE)),
    "ge": Function(lambda left, right: not less(left, right), (_VALUE, _VALUE)),
    "not": Function(lambda value: not value, (_VALUE,)),
    "len": Function(length, (_VALUE,)),
    "index": Function(index, (_VALUE,), _VALUE),
    "slice": Function(cut, (_VALUE,), _VALUE),
    "print": Function(lambda *values: sprint(values), (), _ANY),
    "println": Function(lambda *values: sprintln(values), (), _ANY),
    "printf": Function(lambda text, *values: sprintf(text, values), (Param.STRING,), _ANY),
    "html": Function(html, (), _ANY),
    "js": Function(script, (), _ANY),
    "urlquery": Function(lambda *values: query_escape(_text(values)), (), _ANY),
}
