"""The values templates work with, each with the type Go has for it.

Go's string, int, float64, bool and complex128 are Python's own, nil is None and map[string]string a dict. What is
neither is a class here, and `times` has moments and spans.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Protocol, TypeAlias, runtime_checkable

Value: TypeAlias = object
LONGEST: Final = 64 * 1024  # characters one value or one whole text may have


class Html(str):
    """A text that says of itself to be safe HTML; no function that asks for a string takes it."""

    __slots__ = ()
    go_type: ClassVar[str] = "template.HTML"


class Byte(int):
    """One byte of a text."""

    go_type: ClassVar[str] = "uint8"


class Long(int):
    """An integer that is an int64 in Go."""

    go_type: ClassVar[str] = "int64"


class AnyMap(dict[str, Value]):
    """What `args` makes: a map of any values."""

    __slots__ = ()
    go_type: ClassVar[str] = "map[string]interface {}"


class Structure:
    """A value of named fields."""

    __slots__ = ()
    go_type: ClassVar[str]
    pointed: ClassVar[str] = ""  # the type behind the pointer; empty where the value is no pointer

    def fields(self) -> Mapping[str, Value]:
        """Every field by name, in Go's order."""
        raise NotImplementedError


class Root(Structure):
    """The dot a template starts with."""

    __slots__ = ("_fields",)
    go_type: ClassVar[str] = (
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    )

    def __init__(
        self, labels: dict[str, str], external_labels: dict[str, str], external_url: str, value: float
    ) -> None:
        self._fields = {
            "Labels": labels,
            "ExternalLabels": external_labels,
            "ExternalURL": external_url,
            "Value": value,
        }

    def fields(self) -> Mapping[str, Value]:
        """Labels, external labels and address, value."""
        return self._fields


class Series(Structure):
    """One element of a query's result. Two are equal when they are the same one."""

    __slots__ = ("labels", "value")
    go_type: ClassVar[str] = "*template.sample"
    pointed: ClassVar[str] = "template.sample"

    def __init__(self, labels: dict[str, str], value: float) -> None:
        self.labels = labels
        self.value = value

    def fields(self) -> Mapping[str, Value]:
        """Labels and value."""
        return {"Labels": self.labels, "Value": self.value}


class QueryResult(tuple[Series, ...]):
    """What a query gives."""

    __slots__ = ()
    go_type: ClassVar[str] = "template.queryResult"


@runtime_checkable
class Typed(Protocol):
    """A value that knows its type in Go."""

    @property
    def go_type(self) -> str:
        """The type's name as %T writes it."""


_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    float: "float64",
    int: "int",
    bool: "bool",
    dict: "map[string]string",
    complex: "complex128",
    type(None): "<nil>",
}
_KINDS: Final[Sequence[tuple[type, str]]] = (
    (bool, "bool"),
    (Byte, "uint"),
    (int, "int"),
    (float, "float"),
    (complex, "complex"),
    (str, "string"),
)


def go_type(value: Value) -> str:
    """The name Go has for the type of a value."""
    name = _TYPES.get(type(value))
    if name is None and isinstance(value, Typed):
        return value.go_type
    return name or type(value).__name__


def basic_kind(value: Value) -> str:
    """Which comparison a value takes part in: bool, int, uint, float, complex, string; empty for none."""
    return next((kind for shape, kind in _KINDS if isinstance(value, shape)), "")
