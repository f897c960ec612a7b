"""Reads the tokens of a template into its tree.

The subset: text, pipelines, fields, the variables Prometheus defines, literals, functions, parentheses and
if/else/end. What Go knows and this does not is an error that names it.
Source of the rules: text/template/parse/parse.go.
"""

from collections.abc import Collection, Iterator
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.lex import Token, lex
from alerting.rules.template.printf import unsupported_verb
from alerting.rules.template.tree import (
    Action,
    Command,
    Field,
    FunctionName,
    Group,
    If,
    Literal,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
)  # fmt: skip
from alerting.rules.template.values import read_number, read_string

VARIABLES: Final = frozenset({"$", "$labels", "$value", "$externalLabels", "$externalURL"})
_LATER_WORDS: Final = frozenset({"range", "with", "define", "template", "block", "break", "continue"})
_LATER_FUNCTIONS: Final = frozenset(
    {
        "query",
        "first",
        "label",
        "value",
        "strvalue",
        "args",
        "safeHtml",
        "graphLink",
        "tableLink",
        "sortByLabel",
        "stripPort",
        "stripDomain",
        "toTime",
        "toDuration",
        "now",
        "pathPrefix",
        "externalURL",
        "parseDuration",
        "urlQueryEscape",
        "len",
        "index",
        "print",
        "println",
        "html",
        "js",
        "urlquery",
        "slice",
        "call",
    }
)
_DEEPEST: Final = 100


def parse(source: str, functions: Collection[str]) -> tuple[Node, ...]:
    """The tree of a template that may call `functions`; raises TemplateError as `line: message`."""
    parser = _Parser(source, functions)
    nodes, ending = parser.nodes(depth=0)
    if ending != "":
        raise TemplateError(f"{parser.line}: unexpected {{{{{ending}}}}}")
    return nodes


class _Parser:
    def __init__(self, source: str, functions: Collection[str]) -> None:
        self._tokens: Iterator[Token] = lex(source)
        self._functions = functions
        self._token = next(self._tokens)

    @property
    def line(self) -> int:
        return self._token.line

    def nodes(self, depth: int) -> tuple[tuple[Node, ...], str]:
        """Nodes up to a closing word, and that word: `""` (end of text), `end`, `else`, `else if`."""
        found: list[Node] = []
        while self._token.kind != "end":
            if self._token.kind == "text":
                text = self._take().text
                found += [Text(text)] if text else []
                continue
            self._take()
            node = self._action(depth)
            if isinstance(node, str):
                return tuple(found), node
            found.append(node)
        return tuple(found), ""

    def _action(self, depth: int) -> Node | str:
        word = self._token.text if self._token.kind == "word" else ""
        if word in _LATER_WORDS:
            raise self._fault(f"{{{{{word}}}}} is not supported here")
        if word == "if":
            self._take()
            return self._if(depth + 1)
        if word in {"end", "else"}:
            return self._closing_word(self._take().text)
        pipeline = self._pipeline("close", "command", depth)
        return Action(pipeline)

    def _closing_word(self, word: str) -> str:
        if word == "else" and self._token.kind == "word" and self._token.text == "if":
            self._take()
            return "else if"
        if self._token.kind != "close":
            raise self._fault(f"unexpected {self._token.text!r} in {word}")
        self._take()
        return word

    def _if(self, depth: int) -> If:
        self._check_depth(depth)
        condition = self._pipeline("close", "if", depth)
        then, ending = self.nodes(depth)
        if ending == "end":
            return If(condition, then, ())
        if ending == "else if":
            return If(condition, then, (self._if(depth + 1),))
        if ending == "":
            raise self._fault("unexpected EOF")
        otherwise, ending = self.nodes(depth)
        if ending == "":
            raise self._fault("unexpected EOF")
        if ending != "end":
            raise self._fault(f"expected end; found {{{{{ending}}}}}")
        return If(condition, then, otherwise)

    def _pipeline(self, closing: str, context: str, depth: int) -> Pipeline:
        commands: list[Command] = []
        source: list[str] = []
        while True:
            operands = self._operands(source, depth)
            if operands:
                self._check_stage(operands, stage=len(commands) + 1)
                commands.append(Command(operands))
            if not self._more(source, empty=not operands):
                break
        self._close(closing)
        if not commands:
            raise self._fault(f"missing value for {context}")
        return Pipeline(tuple(commands), " ".join(source))

    def _more(self, source: list[str], *, empty: bool) -> bool:
        if self._token.text != "|" or self._token.kind != "sign":
            return False
        if empty:
            raise self._fault('unexpected "|" in command')
        source.append(self._take().text)
        return True

    def _close(self, closing: str) -> None:
        token = self._token
        if token.kind == "close" and closing == ")":
            raise self._fault("unclosed left paren")
        if token.text == ")" and closing == "close":
            raise self._fault("unexpected right paren")
        if closing not in {token.kind, token.text}:
            raise self._fault(self._unsupported_sign(token))
        self._take()

    def _unsupported_sign(self, token: Token) -> str:
        if token.text in {":=", "=", ","}:
            return "declaring a variable is not supported here"
        return f'unexpected "{token.text}" in command'

    def _check_stage(self, operands: tuple[Operand, ...], stage: int) -> None:
        if stage > 1 and isinstance(operands[0], Literal):
            raise self._fault(f"non executable command in pipeline stage {stage}")
        match operands:
            case (FunctionName("printf"), Literal(str() as text), *_):
                if (verb := unsupported_verb(text)) is not None:
                    raise self._fault(f'printf does not support "{verb}" here')

    def _operands(self, source: list[str], depth: int) -> tuple[Operand, ...]:
        found: list[Operand] = []
        while self._token.kind != "close" and self._token.text not in {"|", ")", ":=", "=", ","}:
            if found and self._token.glued:
                raise self._fault(f'unexpected "{self._token.text}" in operand')
            found.append(self._operand(source, depth))
        return tuple(found)

    def _operand(self, source: list[str], depth: int) -> Operand:
        token = self._take()
        source.append(token.text)
        match token.kind:
            case "field":
                return Field((token.text[1:], *self._path(source)))
            case "variable":
                return self._variable(token, source)
            case "word":
                return self._word(token)
            case "string" | "raw" | "char" | "number":
                return Literal(_literal(token))
            case "sign":
                return self._group(source, depth + 1)
            case _:
                raise TemplateError(f'{token.line}: printing "." is not supported here')

    def _variable(self, token: Token, source: list[str]) -> Variable:
        if token.text not in VARIABLES:
            raise TemplateError(f'{token.line}: undefined variable "{token.text}"')
        path = self._path(source)
        if token.text == "$" and not path:
            raise TemplateError(f'{token.line}: printing "$" is not supported here')
        return Variable(token.text, path)

    def _group(self, source: list[str], depth: int) -> Group:
        self._check_depth(depth)
        pipeline = self._pipeline(")", "parenthesized pipeline", depth)
        source += [pipeline.source, ")"]
        return Group(pipeline, self._path(source))

    def _path(self, source: list[str]) -> tuple[str, ...]:
        path: list[str] = []
        while self._token.kind == "field" and self._token.glued:
            name = self._take().text
            source[-1] += name
            path.append(name[1:])
        return tuple(path)

    def _word(self, token: Token) -> Literal | FunctionName:
        if token.text in {"true", "false"}:
            return Literal(token.text == "true")
        if token.text == "nil" or token.text in _LATER_FUNCTIONS:
            raise TemplateError(f'{token.line}: function "{token.text}" is not supported here')
        if token.text not in self._functions:
            raise TemplateError(f'{token.line}: function "{token.text}" not defined')
        return FunctionName(token.text)

    def _check_depth(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise self._fault(f"nested deeper than {_DEEPEST} levels")

    def _take(self) -> Token:
        token = self._token
        self._token = next(self._tokens)
        return token

    def _fault(self, message: str) -> TemplateError:
        return TemplateError(f"{self.line}: {message}")


def _literal(token: Token) -> str | int | float:
    try:
        if token.kind in {"string", "raw"}:
            return read_string(token.text)
        if token.kind == "char":
            return ord(read_string(token.text))
        return read_number(token.text)
    except (ValueError, TypeError, OverflowError) as wrong:
        what = {"char": "malformed character constant", "number": "bad number syntax"}.get(token.kind)
        told = f"{what}: {token.text}" if what else "invalid syntax"
        raise TemplateError(f"{token.line}: {told}") from wrong
