"""Turns operands, commands and pipelines into functions that give their values.

Every function sets the run's node where Go's does, since an error tells the node that was looked at last.
Source of the rules: text/template/exec.go of Go 1.26.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from alerting.rules.template.access import Evaluate, call, fitting, follow
from alerting.rules.template.functions import FUNCTIONS, SHORT_CIRCUIT
from alerting.rules.template.run import UNSET, Run
from alerting.rules.template.signature import ANYTHING, NILABLE, Param
from alerting.rules.template.times import Span
from alerting.rules.template.tree import (
    Bool,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Nil,
    Number,
    Operand,
    Pipeline,
    String,
    Variable,
)  # fmt: skip
from alerting.rules.template.values import QueryResult, Value, go_type

Stage: TypeAlias = Callable[[Run, Value, tuple[Value, ...]], Value]  # with what the stage before hands on


def pipeline(node: Pipeline) -> Evaluate:
    """The value that comes out of a pipeline, which its variables then have."""
    stages = [_stage(command, node) for command in node.commands]
    if len(stages) == 1 and not node.variables:
        return partial(_alone, stages[0])

    def run_stages(run: Run, dot: Value) -> Value:
        handed: tuple[Value, ...] = ()
        for stage in stages:
            handed = (stage(run, dot, handed),)
        for name in node.variables:
            (run.assign if node.assigns else run.declare)(name, handed[0])
        return handed[0]

    return run_stages


def _alone(stage: Stage, run: Run, dot: Value) -> Value:
    return stage(run, dot, ())


def _stage(command: Command, around: Pipeline) -> Stage:
    first, *rest = command.operands
    match first:
        case Identifier():
            return _function(first, command, rest)
        case Field() | Chain():
            return _path(first, rest)
        case Variable():
            return _path(first, rest) if first.path else _alone_variable(first, rest)
        case Pipeline():
            return _group(first, rest, around)
        case _:
            return _value(first, rest)


def _value(first: Operand, rest: Sequence[Operand]) -> Stage:
    """A value that cannot be called."""
    evaluate = _nil_command(first) if isinstance(first, Nil) else operand(first, Param.ANY)

    def run_value(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        if rest or end:
            run.node = first
            raise run.fault(f"can't give argument to non-function {first}")
        return evaluate(run, dot)

    return run_value


def _alone_variable(first: Variable, rest: Sequence[Operand]) -> Stage:
    evaluate = _variable(first)

    def run_variable(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        value = evaluate(run, dot)
        if rest or end:
            raise run.fault(f"can't give argument to non-function {first}")
        return value

    return run_variable


def _nil_command(node: Nil) -> Evaluate:
    return _failing(node, "nil is not a command")


def _group(first: Pipeline, rest: Sequence[Operand], around: Pipeline) -> Stage:
    evaluate = pipeline(first)

    def run_group(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        if not end:
            run.node = around
        if rest or end:
            raise run.fault(f"can't give argument to non-function {first}")
        run.node = first
        return evaluate(run, dot)

    return run_group


def _path(first: Field | Chain | Variable, rest: Sequence[Operand]) -> Stage:
    base, names = _base(first), first.path
    given = [partial(operand, node) for node in rest]
    simple = len(names) == 1 and not rest

    def run_path(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        run.node = first
        value = base(run, dot)
        if simple and type(value) is dict and not end:
            return value.get(names[0], "")
        return follow(run, dot, value, names, given, end, first)

    return run_path


def _base(node: Field | Chain | Variable) -> Evaluate:
    match node:
        case Field():
            return lambda _, dot: dot
        case Chain():
            return operand(node.base, Param.ANY)
        case Variable():
            return _variable(node)


def _variable(node: Variable) -> Evaluate:
    name = node.name

    def run_variable(run: Run, _: Value) -> Value:
        run.node = node
        value = run.variables.get(name, UNSET)
        if value is UNSET:
            raise run.fault(f"undefined variable: {name}")
        return value

    return run_variable


def _function(first: Identifier, command: Command | Identifier, rest: Sequence[Operand]) -> Stage:
    if first.name in SHORT_CIRCUIT:
        return _deciding(first, rest)
    if first.name == "call":
        return _calling(first, command, rest)
    function, name = FUNCTIONS[first.name], first.name
    wrong = [function.wrong_count(name, len(rest), piped=piped) for piped in (False, True)]
    given = [operand(node, function.param(at)) for at, node in enumerate(rest)] if not all(wrong) else []

    def run_function(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        run.node = first
        if (told := wrong[len(end)]) is not None:
            raise run.fault(told)
        return call(run, dot, function, name, given, end, command)

    return run_function


def _deciding(first: Identifier, rest: Sequence[Operand]) -> Stage:
    """`and` gives the first false argument, `or` the first true one, both else the last."""
    decisive = first.name == "or"
    given = [operand(node, Param.VALUE) for node in rest]

    def run_deciding(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        run.node = first
        run.spend(1)
        if not given and not end:
            raise run.fault(f"wrong number of args for {first.name}: want at least 1 got 0")
        value: Value = None
        for evaluate in given:
            value = evaluate(run, dot)
            if bool(value) == decisive:
                return value
        return end[0] if end else value

    return run_deciding


def _calling(first: Identifier, command: Command | Identifier, rest: Sequence[Operand]) -> Stage:
    """`call` finds no function among the values that Prometheus gives a template."""
    given = [operand(node, Param.VALUE) for node in rest]

    def run_calling(run: Run, dot: Value, end: tuple[Value, ...]) -> Value:
        run.node = first
        if not given and not end:
            raise run.fault("wrong number of args for call: want at least 1 got 0")
        values = [*(evaluate(run, dot) for evaluate in given), *end]
        run.node = command
        if values[0] is None:
            raise run.fault("error calling call: call of nil")
        name = str(rest[0]) if rest else _reflected(values[0])
        raise run.fault(f"error calling call: non-function {name} of type {go_type(values[0])}")

    return run_calling


def _reflected(value: Value) -> str:
    """How Go names a value it only knows by reflection."""
    return value if isinstance(value, str) else f"<{go_type(value)} Value>"


def operand(node: Operand, param: Param) -> Evaluate:
    """The value of an operand as an argument of a type."""
    match node:
        case Dot() | Field() | Variable() | Chain() | Identifier() | Pipeline():
            return _checked(_evaluated(node), param)
        case Nil():
            return _nil(node, param)
        case Bool() | Number() | String():
            return _literal(node, param)


def _evaluated(node: Dot | Field | Variable | Chain | Identifier | Pipeline) -> Evaluate:
    match node:
        case Dot():
            return partial(_dot, node)
        case Variable(path=()):
            return _variable(node)
        case Field() | Variable() | Chain():
            return partial(_alone, _path(node, ()))
        case Identifier():
            return partial(_alone, _function(node, node, ()))
        case Pipeline():
            return pipeline(node)


def _dot(node: Dot, run: Run, dot: Value) -> Value:
    run.node = node
    return dot


def _checked(evaluate: Evaluate, param: Param) -> Evaluate:
    if param in ANYTHING:
        return evaluate
    return lambda run, dot: fitting(run, evaluate(run, dot), param)


def _nil(node: Nil, param: Param) -> Evaluate:
    if param not in NILABLE:
        return _failing(node, f"cannot assign nil to {param}")
    return _constant(node, QueryResult() if param is Param.RESULT else None)


def _constant(node: Operand, value: Value) -> Evaluate:
    def run_constant(run: Run, _: Value) -> Value:
        run.node = node
        return value

    return run_constant


def _failing(node: Operand, message: str) -> Evaluate:
    def run_failing(run: Run, _: Value) -> Value:
        run.node = node
        raise run.fault(message)

    return run_failing


def _literal(node: Bool | Number | String, param: Param) -> Evaluate:
    match param:
        case Param.ANY | Param.VALUE:
            value = node.numeral.value if isinstance(node, Number) else node.value
            return _failing(node, f"{node} overflows int") if value is None else _constant(node, value)
        case Param.STRING:
            return _constant(node, node.value) if isinstance(node, String) else _unexpected("string", node)
        case Param.INT | Param.DURATION:
            whole = node.numeral.integer if isinstance(node, Number) else None
            if whole is None:
                return _unexpected("integer", node)
            return _constant(node, whole if param is Param.INT else Span(whole))
        case _:
            return _failing(node, f"can't handle {node} for arg of type {param}")


def _unexpected(wanted: str, node: Operand) -> Evaluate:
    return _failing(node, f"expected {wanted}; found {node}")
