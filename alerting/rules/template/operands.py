"""Reads pipelines: commands, their operands, and the variables they set.

Source of the rules: text/template/parse/parse.go of Go 1.26.
"""

from collections.abc import Callable, Sequence
from typing import Final

from alerting.rules.template.lex import Kind, Token
from alerting.rules.template.literals import Numeral, quoted, read_character, read_complex, read_number
from alerting.rules.template.reader import Reader
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


def _starts_operand(token: Token) -> bool:
    return token.kind in _TERMS and (token.kind is not Kind.KEYWORD or token.text == "nil")


class PipelineReader(Reader):
    """Takes pipelines from the tokens."""

    def pipeline(self, context: str, end: Kind) -> Pipeline:
        """A pipeline and the token that ends it; `context` names it in errors."""
        at = self.peek_word().at
        variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while (token := self.peek_word()).kind is not end:
            if not _starts_operand(token):
                self.take()
                raise self.unexpected(token, context)
            commands.append(self._command())
        self.take()
        self._check(commands, context)
        return Pipeline(at, tuple(commands), variables, assigns)

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        names: list[str] = []
        while self.peek_word().kind is Kind.VARIABLE:
            before, name = self.mark, self.take().text
            sign = self.peek_word()
            if sign.kind not in {Kind.DECLARE, Kind.ASSIGN} and sign.text != ",":
                self.mark = before
                break
            self.take()
            names.append(name)
            self.scope.variables.append(name)
            if sign.text != ",":
                return tuple(names), sign.kind is Kind.ASSIGN
            self._check_comma(context, len(names))
        return tuple(names), False

    def _check_comma(self, context: str, names: int) -> None:
        if context != "range" or names > 1:
            raise self.fault(f"too many declarations in {context}")
        if self.peek_word().kind not in {Kind.VARIABLE, Kind.CLOSE, Kind.RIGHT_PAREN}:
            raise self.fault("range can only initialize variables")

    def _check(self, commands: Sequence[Command], context: str) -> None:
        if not commands:
            raise self.fault(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.operands[0], Bool | Dot | Nil | Number | String):
                raise self.fault(f"non executable command in pipeline stage {stage}")

    def _command(self) -> Command:
        at = self.peek_word().at
        operands: list[Operand] = []
        while True:
            self.peek_word()
            operand = self._operand()
            operands += [] if operand is None else [operand]
            token = self.take()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in {Kind.CLOSE, Kind.RIGHT_PAREN}:
                self.mark -= 1
            elif token.kind is not Kind.PIPE:
                raise self.unexpected(token, "operand")
            break
        if not operands:
            raise self.fault("empty command")
        return Command(at, tuple(operands))

    def _operand(self) -> Operand | None:
        term = self._term()
        if term is None or self.peek().kind is not Kind.FIELD:
            return term
        at = self.peek().at
        path: list[str] = []
        while self.peek().kind is Kind.FIELD:
            path.append(self.take().text[1:])
        match term:
            case Field():
                return Field(at, (*term.path, *path))
            case Variable():
                return Variable(at, term.name, (*term.path, *path))
            case Pipeline() | Identifier():
                return Chain(at, term, tuple(path))
            case _:
                raise self.fault(f"unexpected . after term {quoted(str(term))}")

    def _term(self) -> Operand | None:
        token = self.peek_word()
        if not _starts_operand(token):
            return None
        self.take()
        return _TERMS[token.kind](self, token)

    def read_identifier(self, token: Token) -> Identifier:
        """A function's name, which must be known."""
        if token.text not in self.functions:
            raise self.fault(f"function {quoted(token.text)} not defined")
        self.called.add(token.text)
        return Identifier(token.at, token.text)

    def read_variable(self, token: Token) -> Variable:
        """A variable's name, which must be known."""
        if token.text not in self.scope.variables:
            raise self.fault(f"undefined variable {quoted(token.text)}")
        return Variable(token.at, token.text)

    def read_group(self, _: Token) -> Pipeline:
        """A pipeline in parentheses, behind the left one."""
        self.enter()
        pipeline = self.pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
        self.depth -= 1
        return pipeline

    def read_number(self, token: Token) -> Number:
        """A number or a character constant."""
        try:
            return Number(token.at, token.text, _NUMERALS[token.kind](token.text))
        except ValueError as wrong:
            raise self.fault(str(wrong)) from wrong

    def read_string(self, token: Token) -> String:
        """A string literal."""
        return String(token.at, token.text, self.unquoted(token))


_NUMERALS: Final[dict[Kind, Callable[[str], Numeral]]] = {
    Kind.CHARACTER: read_character,
    Kind.COMPLEX: read_complex,
    Kind.NUMBER: read_number,
}
_TERMS: Final[dict[Kind, Callable[[PipelineReader, Token], Operand]]] = {
    Kind.WORD: PipelineReader.read_identifier,
    Kind.VARIABLE: PipelineReader.read_variable,
    Kind.LEFT_PAREN: PipelineReader.read_group,
    Kind.STRING: PipelineReader.read_string,
    Kind.CHARACTER: PipelineReader.read_number,
    Kind.COMPLEX: PipelineReader.read_number,
    Kind.NUMBER: PipelineReader.read_number,
    Kind.FIELD: lambda _, token: Field(token.at, (token.text[1:],)),
    Kind.BOOL: lambda _, token: Bool(token.at, token.text == "true"),
    Kind.DOT: lambda _, token: Dot(token.at),
    Kind.KEYWORD: lambda _, token: Nil(token.at),
}
