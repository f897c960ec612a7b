"""Turns the nodes of a template into functions that write it.

Source of the rules: text/template/exec.go of Go 1.26, with Prometheus' option missingkey=zero.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from alerting.rules.template.evaluate import pipeline
from alerting.rules.template.literals import quoted, to_bytes
from alerting.rules.template.printf import shown
from alerting.rules.template.reader import DEEPEST
from alerting.rules.template.run import Run
from alerting.rules.template.tree import Action, If, Invocation, Leave, Node, Nodes, Range, Text, Tree, With
from alerting.rules.template.values import QueryResult, Value

Step: TypeAlias = Callable[[Run, Value], Leave | None]  # gives what leaves the range around it
Templates: TypeAlias = dict[str, Step]


def compile_tree(tree: Tree) -> Step:
    """The function that writes the template a tree is named for."""
    templates: Templates = {}
    for name, nodes in tree.templates.items():
        templates[name] = _Compiler(templates, tree.depth).block(nodes)
    return templates[tree.name]


class _Compiler:
    def __init__(self, templates: Templates, depth: int) -> None:
        self._templates = templates
        self._depth = depth

    def block(self, nodes: Nodes) -> Step:
        steps = [self._step(node) for node in nodes]
        count = len(steps)

        def run_block(run: Run, dot: Value) -> Leave | None:
            run.spend(count)
            for step in steps:
                if (leave := step(run, dot)) is not None:
                    return leave
            return None

        return run_block

    def _step(self, node: Node) -> Step:
        match node:
            case Text(text):
                return lambda run, _: run.write(text)
            case Action():
                return _action(node)
            case If() | With():
                return self._branch(node)
            case Range():
                return self._range(node)
            case Invocation():
                return self._invocation(node)
            case Leave():
                return lambda _run, _dot: node

    def _branch(self, node: If | With) -> Step:
        condition, then, otherwise = pipeline(node.condition), self.block(node.then), self.block(node.otherwise)
        moves_dot = isinstance(node, With)

        def run_branch(run: Run, dot: Value) -> Leave | None:
            mark = len(run.undo)
            value = condition(run, dot)
            leave = then(run, value if moves_dot else dot) if value else otherwise(run, dot)
            run.forget(mark)
            return leave

        return run_branch

    def _range(self, node: Range) -> Step:
        elements, body, otherwise = pipeline(node.elements), self.block(node.body), self.block(node.otherwise)
        setting = partial(_set_variables, node)

        def run_range(run: Run, dot: Value) -> Leave | None:
            mark = len(run.undo)
            turns = _turns(run, node, elements(run, dot))
            inner, leave, empty = len(run.undo), None, True
            for index, element in turns:
                empty = False
                setting(run, index, element)
                leave = body(run, element)
                run.forget(inner)
                run.spend(1)
                if leave is not None and not leave.turn_only:
                    break
            leave = otherwise(run, dot) if empty else None
            run.forget(mark)
            return leave

        return run_range

    def _invocation(self, node: Invocation) -> Step:
        value = pipeline(node.pipeline) if node.pipeline else None
        templates, depth = self._templates, self._depth + 1

        def run_invocation(run: Run, dot: Value) -> None:
            run.node = node
            template = templates.get(node.name)
            if template is None:
                raise run.fault(f"template {quoted(node.name)} not defined")
            if run.depth + depth > DEEPEST:
                raise run.fault(f"exceeded maximum template depth ({DEEPEST // depth})")
            _invoke(run, node.name, template, value(run, dot) if value else None, depth)

        return run_invocation


def _invoke(run: Run, name: str, template: Step, dot: Value, depth: int) -> None:
    """Write another template, which sees no variable but its own dot."""
    before = run.variables, run.undo, run.template
    run.variables, run.undo, run.template = {"$": dot}, [], name
    run.depth += depth
    template(run, dot)
    run.depth -= depth
    run.variables, run.undo, run.template = before


def _action(node: Action) -> Step:
    evaluate = pipeline(node.pipeline)
    if node.pipeline.variables:
        return lambda run, dot: _nothing(evaluate(run, dot))

    def run_action(run: Run, dot: Value) -> None:
        value = evaluate(run, dot)
        run.write(value if type(value) is str else shown(value))

    return run_action


def _nothing(_: Value) -> None:
    """A value that is not written."""


def _set_variables(node: Range, run: Run, index: Value, element: Value) -> None:
    names = node.elements.variables
    if len(names) > 1:
        run.variables[names[0]] = index
    if names:
        run.variables[names[-1]] = element


def _turns(run: Run, node: Range, value: Value) -> Iterator[tuple[Value, Value]]:
    match value:
        case None:
            return iter(())
        case bool():
            pass
        case int():
            if len(node.elements.variables) > 1:
                raise run.fault(f"can't use {shown(value)} to iterate over more than one variable")
            return ((None, type(value)(at)) for at in range(value))
        case QueryResult():
            return iter(enumerate(value))
        case dict():
            return iter([(name, value[name]) for name in sorted(value, key=to_bytes)])
    raise run.fault(f"range can't iterate over {shown(value)}")
