"""Reads the tokens of a template into its trees, with the errors Go has for what cannot be read.

Source of the rules: text/template/parse/parse.go of Go 1.26.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from alerting.rules.template.lex import Kind
from alerting.rules.template.literals import quoted
from alerting.rules.template.operands import PipelineReader
from alerting.rules.template.queries import certain_queries
from alerting.rules.template.reader import Scope
from alerting.rules.template.tree import (
    Action,
    If,
    Invocation,
    Leave,
    Node,
    Nodes,
    Pipeline,
    Range,
    Text,
    Tree,
    With,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Before:
    """What stands on the first line before every source: actions that only declare `variables`, and are not read."""

    text: str
    variables: tuple[str, ...]


def parse(name: str, before: Before, source: str, functions: Collection[str]) -> Tree:
    """Every template of a source that may call `functions`; raises TemplateError as `line: message`."""
    parser = _Parser(name, before.text + source, len(before.text), functions)
    parser.scope.variables += before.variables
    parser.main()
    called = frozenset(parser.called)
    queries = certain_queries(parser.templates[name]) if "query" in called else ()
    return Tree(before.text + source, name, parser.templates, parser.deepest, called, queries)


@dataclass(frozen=True, slots=True)
class _Ending:
    """What ended a list of nodes: `{{end}}` or `{{else}}`, the latter perhaps with `if` or `with` still to be read."""

    text: str
    word: str = ""


class _Parser(PipelineReader):
    def __init__(self, name: str, source: str, start: int, functions: Collection[str]) -> None:
        super().__init__(name, source, start, functions)
        self.templates: dict[str, Nodes] = {}

    def main(self) -> None:
        """Read the whole source."""
        nodes: list[Node] = []
        while self.peek().kind is not Kind.END:
            before = self.mark
            if self.take().kind is Kind.OPEN and self._keyword() == "define":
                self.take_word()
                self._define()
                continue
            self.mark = before
            node = self._text_or_action()
            if isinstance(node, _Ending):
                raise self.fault(f"unexpected {node.text}")
            nodes.append(node)
        # What stands before the source makes the main template one that is not empty.
        self._add(self.name, tuple(nodes), is_empty=False)

    def _keyword(self) -> str:
        token = self.peek_word()
        return token.text if token.kind is Kind.KEYWORD else ""

    def _define(self) -> None:
        outer, self.scope = self.scope, Scope()
        name = self.string(self.take_word(), "define clause")
        self.expect(Kind.CLOSE, "define clause")
        nodes = self._whole("define clause")
        self._add(name, nodes, is_empty=_is_empty(nodes))
        self.scope = outer

    def _whole(self, context: str) -> Nodes:
        nodes, ending = self._list()
        if ending.text != "{{end}}":
            raise self.fault(f"unexpected {ending.text} in {context}")
        return nodes

    def _add(self, name: str, nodes: Nodes, *, is_empty: bool) -> None:
        if _is_empty(self.templates.get(name, ())):
            self.templates[name] = nodes
        elif not is_empty:
            raise self.fault(f"template: multiple definition of template {quoted(name)}")

    def _list(self) -> tuple[Nodes, _Ending]:
        nodes: list[Node] = []
        self.enter()
        while self.peek_word().kind is not Kind.END:
            node = self._text_or_action()
            if isinstance(node, _Ending):
                self.depth -= 1
                return tuple(nodes), node
            nodes.append(node)
        raise self.fault("unexpected EOF")

    def _text_or_action(self) -> Node | _Ending:
        token = self.take_word()
        if token.kind is Kind.TEXT:
            return Text(token.text)
        if token.kind is not Kind.OPEN:
            raise self.unexpected(token, "input")
        self.scope.action_line = token.line
        node = self._action()
        self.scope.action_line = 0
        return node

    def _action(self) -> Node | _Ending:
        word = self._keyword()
        if word in {"", "nil", "define"}:
            return Action(self.pipeline("command", Kind.CLOSE))
        self.take_word()
        return _WORDS[word](self, word)

    def read_end(self, _: str) -> _Ending:
        """What follows `end`."""
        self.expect(Kind.CLOSE, "end")
        return _Ending("{{end}}")

    def read_leave(self, word: str) -> Leave:
        """What follows `break` or `continue`."""
        self.expect(Kind.CLOSE, f"{{{{{word}}}}}")
        if not self.scope.ranges:
            raise self.fault(f"{{{{{word}}}}} outside {{{{range}}}}")
        return Leave(turn_only=word == "continue")

    def read_else(self, _: str) -> _Ending:
        """What follows `else`, up to an `if` or `with`."""
        if (word := self._keyword()) in {"if", "with"}:
            return _Ending("{{else}}", word)
        self.expect(Kind.CLOSE, "else")
        return _Ending("{{else}}")

    def read_control(self, word: str) -> Node:
        """A block of `if`, `with` or `range`, behind that word."""
        known = len(self.scope.variables)
        pipeline = self.pipeline(word, Kind.CLOSE)
        self.scope.ranges += word == "range"
        nodes, ending = self._list()
        self.scope.ranges -= word == "range"
        otherwise = self._otherwise(word, ending) if ending.text == "{{else}}" else ()
        del self.scope.variables[known:]
        return _BRANCHES[word](pipeline, nodes, otherwise)

    def _otherwise(self, word: str, ending: _Ending) -> Nodes:
        if ending.word == word:
            self.take_word()
            self.enter()
            chained = self.read_control(word)
            self.depth -= 1
            return (chained,)
        nodes, ending = self._list()
        if ending.text != "{{end}}":
            raise self.fault(f"expected end; found {ending.text}")
        return nodes

    def read_block(self, _: str) -> Invocation:
        """A template defined and invoked where it stands."""
        token = self.take_word()
        name = self.string(token, "block clause")
        pipeline = self.pipeline("block clause", Kind.CLOSE)
        outer, self.scope = self.scope, Scope()
        nodes = self._whole("block clause")
        self._add(name, nodes, is_empty=_is_empty(nodes))
        self.scope = outer
        return Invocation(token.at, name, pipeline)

    def read_invocation(self, _: str) -> Invocation:
        """What follows `template`."""
        token = self.take_word()
        name = self.string(token, "template clause")
        if self.peek_word().kind is Kind.CLOSE:
            self.take()
            return Invocation(token.at, name, None)
        return Invocation(token.at, name, self.pipeline("template clause", Kind.CLOSE))


_BRANCHES: Final[dict[str, Callable[[Pipeline, Nodes, Nodes], Node]]] = {"if": If, "with": With, "range": Range}
_WORDS: Final[dict[str, Callable[[_Parser, str], Node | _Ending]]] = {
    "block": _Parser.read_block,
    "template": _Parser.read_invocation,
    "break": _Parser.read_leave,
    "continue": _Parser.read_leave,
    "end": _Parser.read_end,
    "else": _Parser.read_else,
    "if": _Parser.read_control,
    "with": _Parser.read_control,
    "range": _Parser.read_control,
}


def _is_empty(nodes: Nodes) -> bool:
    """Whether a template is nothing but space, so that another definition may take its name."""
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
