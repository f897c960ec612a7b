"""How a function or a method of templates is called: the types of its parameters, and what fits them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerting.rules.template.times import Moment, Span
from alerting.rules.template.values import QueryResult, Series, Value


class Param(StrEnum):
    """The type a parameter asks for, by its name in Go."""

    STRING = "string"
    ANY = "interface {}"
    VALUE = "reflect.Value"
    RESULT = "template.queryResult"
    SAMPLE = "*template.sample"
    INT = "int"
    DURATION = "time.Duration"
    TIME = "time.Time"


ANYTHING: Final = frozenset({Param.ANY, Param.VALUE})
NILABLE: Final = ANYTHING | {Param.RESULT, Param.SAMPLE}
SHAPES: Final[dict[Param, type]] = {
    Param.STRING: str,
    Param.RESULT: QueryResult,
    Param.SAMPLE: Series,
    Param.INT: int,
    Param.DURATION: Span,
    Param.TIME: Moment,
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its parameters, and `rest` when any number more of one type may follow.

    One that `sees_run` gets the rendering as its first argument. It raises TemplateError for what it cannot do.
    """

    call: Callable[..., Value]
    params: tuple[Param, ...] = ()
    rest: Param | None = None
    sees_run: bool = False

    def wrong_count(self, name: str, written: int, *, piped: bool) -> str | None:
        """What is wrong with calling it with so many written arguments, and perhaps one from a pipeline."""
        count = written + piped
        if self.rest is None and count != len(self.params):
            return f"wrong number of args for {name}: want {len(self.params)} got {count}"
        if count < len(self.params):
            return f"wrong number of args for {name}: want at least {len(self.params)} got {written}"
        return None

    def param(self, index: int) -> Param:
        """The type of the argument at an index from 0."""
        return self.params[index] if self.rest is None or index < len(self.params) else self.rest
