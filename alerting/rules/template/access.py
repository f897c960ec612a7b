"""Fields, methods and arguments while a template is rendered.

Source of the rules: evalField, evalCall and validateType in text/template/exec.go of Go 1.26.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from alerting.errors import TemplateError
from alerting.rules.template.methods import METHODS
from alerting.rules.template.run import Located, Run
from alerting.rules.template.signature import ANYTHING, NILABLE, SHAPES, Function, Param
from alerting.rules.template.tree import Placed
from alerting.rules.template.values import LONGEST, AnyMap, QueryResult, Structure, Value, go_type

Evaluate: TypeAlias = Callable[[Run, Value], Value]
Given: TypeAlias = Callable[[Param], Evaluate]  # an argument as written, for the type that asks for it


def fitting(run: Run, value: Value, param: Param) -> Value:
    """A value as an argument of a type; raises TemplateError when it is none."""
    if param in ANYTHING:
        return value
    if value is None:
        if param in NILABLE:
            return QueryResult() if param is Param.RESULT else None
        raise run.fault(f"invalid value; expected {param}")
    wanted = SHAPES[param]
    if type(value) is wanted:
        return value
    raise run.fault(f"wrong type for value; expected {param}; got {go_type(value)}")


def call(
    run: Run,
    dot: Value,
    function: Function,
    name: str,
    given: Sequence[Evaluate],
    end: tuple[Value, ...],
    place: Placed,
    receiver: tuple[Value, ...] = (),
) -> Value:
    """Call a function with its arguments and, at the `end`, what a pipeline hands on; errors are those of `place`."""
    arguments = [argument(run, dot) for argument in given]
    if end:
        arguments.append(fitting(run, end[0], function.param(len(given))))
    run.spend(1 + sum(len(one) // 16 for one in arguments if type(one) is str and len(one) > 500))
    try:
        result = function.call(run, *arguments) if function.sees_run else function.call(*receiver, *arguments)
    except Located:
        raise
    except TemplateError as wrong:
        run.node = place
        raise run.fault(f"error calling {name}: {wrong.reason}") from wrong
    if isinstance(result, str | QueryResult):
        size = len(result)
        run.spend(size // 16)
        if size > LONGEST:
            raise run.fault(f"{name} makes a text of more than {LONGEST} characters")
    return result


def follow(
    run: Run, dot: Value, value: Value, path: Sequence[str], given: Sequence[Given], end: tuple[Value, ...],
    node: Placed,
) -> Value:  # fmt: skip
    """What a path of fields and methods leads to; arguments go to the last name, which must then be a method."""
    inside_any = False
    for name in path[:-1]:
        before = value
        value = _field(run, dot, value, name, (), (), node, inside_any=inside_any)
        inside_any = _gives_any(before, name)
    return _field(run, dot, value, path[-1], given, end, node, inside_any=inside_any)


def _gives_any(owner: Value, name: str) -> bool:
    """Whether Go knows what a field holds only as a value of any type."""
    return type(owner) is AnyMap or (isinstance(owner, Structure) and name == "Value")


def _field(
    run: Run, dot: Value, owner: Value, name: str, given: Sequence[Given], end: tuple[Value, ...], node: Placed,
    *, inside_any: bool,
) -> Value:  # fmt: skip
    method = METHODS.get(type(owner), {}).get(name)
    if method is not None:
        return _call_method(run, dot, owner, method, name, given, end, node)
    if isinstance(owner, dict):
        if given or end:
            raise run.fault(f"{name} is not a method but has arguments")
        return owner.get(name, None if type(owner) is AnyMap else "")
    if isinstance(owner, Structure) and name in owner.fields():
        if given or end:
            raise run.fault(f"{name} has arguments but cannot be invoked as function")
        return owner.fields()[name]
    if owner is None:
        if inside_any:
            raise run.fault(f"nil pointer evaluating interface {{}}.{name}")
        return None
    told = "interface {}" if inside_any else go_type(owner)
    raise run.fault(f"can't evaluate field {name} in type {told}")


def _call_method(
    run: Run, dot: Value, owner: Value, method: Function, name: str, given: Sequence[Given], end: tuple[Value, ...],
    node: Placed,
) -> Value:  # fmt: skip
    if (wrong := method.wrong_count(name, len(given), piped=bool(end))) is not None:
        raise run.fault(wrong)
    arguments = [argument(method.param(index)) for index, argument in enumerate(given)]
    return call(run, dot, method, name, arguments, end, node, (owner,))
