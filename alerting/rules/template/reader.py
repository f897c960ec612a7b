"""The tokens of a template as its parser takes them, looks ahead at them and complains about them.

Source of the rules: text/template/parse/parse.go of Go 1.26.
"""

from collections.abc import Collection
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.lex import Kind, Token, lex
from alerting.rules.template.literals import unquote

DEEPEST: Final = 100  # how deep blocks and parentheses together may be nested


class Scope:
    """What is known while the nodes of one template are read."""

    def __init__(self) -> None:
        self.variables = ["$"]
        self.ranges = 0
        self.action_line = 0


class Reader:
    """Tokens of one source; every complaint is a TemplateError as `line: message`."""

    def __init__(self, name: str, source: str, start: int, functions: Collection[str]) -> None:
        self.name = name
        self.functions = functions
        self.scope = Scope()
        self.depth = 0
        self.deepest = 0
        self.called: set[str] = set()  # the functions that were named
        self._lexed = lex(source, start)
        self._tokens: list[Token] = []
        self.mark = 0  # of the next token; set it back to read tokens again

    def peek(self) -> Token:
        """The next token, space included."""
        if self.mark == len(self._tokens):
            self._tokens.append(next(self._lexed))
        return self._tokens[self.mark]

    def take(self) -> Token:
        """The next token, space included, which is then read."""
        token = self.peek()
        self.mark += 1
        return token

    def peek_word(self) -> Token:
        """The next token that is no space."""
        while (token := self.peek()).kind is Kind.SPACE:
            self.mark += 1
        return token

    def take_word(self) -> Token:
        """The next token that is no space, which is then read."""
        token = self.peek_word()
        self.mark += 1
        return token

    def fault(self, message: str) -> TemplateError:
        """The error of what has just been read."""
        # Go tells the line of the token it has read last, however far it has looked ahead.
        return TemplateError(f"{self._tokens[-1].line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        """The error of a token that may not stand here, or of the text that is no token."""
        if token.kind is not Kind.ERROR:
            return self.fault(f"unexpected {token} in {context}")
        started = self.scope.action_line
        if started in {0, token.line}:
            return self.fault(token.text)
        extra = f" started at {self.name}:{started}"
        return self.fault(token.text + (extra if token.text.endswith(" action") else f" in action{extra}"))

    def expect(self, kind: Kind, context: str) -> Token:
        """Read the next token that is no space, which must be of a kind."""
        token = self.take_word()
        if token.kind is not kind:
            raise self.unexpected(token, context)
        return token

    def enter(self) -> None:
        """One level deeper; whoever leaves it takes one off `depth`."""
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if self.depth > DEEPEST:
            raise self.fault(f"nested deeper than {DEEPEST} levels")

    def string(self, token: Token, context: str) -> str:
        """The text of a token that must be a string."""
        if token.kind is not Kind.STRING:
            raise self.unexpected(token, context)
        return self.unquoted(token)

    def unquoted(self, token: Token) -> str:
        """The text a string literal stands for."""
        try:
            return unquote(token.text)
        except ValueError as wrong:
            raise self.fault(str(wrong)) from wrong
