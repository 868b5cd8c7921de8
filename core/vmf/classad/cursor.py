"""A place in a text's tokens: what must be there, and what is at fault."""

from __future__ import annotations

from sys import intern
from typing import NoReturn

from vmf.classad import lexer
from vmf.classad.ad import fold
from vmf.classad.lexer import NAMES, RESERVED


class Cursor:
    """Goes over the tokens of a text; `at` is the token that is next."""

    def __init__(self, text: str, where: str, syntax: lexer.Syntax = lexer.NEW) -> None:
        self.text = text
        self.where = where
        self.syntax = syntax
        self.tokens = lexer.tokens(text, syntax)
        self.at = 0

    def take(self, token: str) -> None:
        """Pass a token that must be there."""
        if self.tokens[self.at] != token:
            self.fail(f"`{token}` is missing")
        self.at += 1

    def name(self) -> str:
        """Pass a name, quoted or not."""
        token = self.tokens[self.at]
        if token[:1] not in NAMES or fold(token) in RESERVED:
            self.fail("a name is missing", hint=f"`{token}` is a name in quotes: '{token}'" if token.isalpha() else "")
        self.at += 1
        return intern(token) if token[0] != "'" else self.string(token)

    def string(self, token: str) -> str:
        """The value of the string or quoted name that was just passed."""
        value = lexer.string(token, self.syntax)
        if value is None:
            self.fail("the quotes are not closed, or there is a NUL between them", back=1)
        return value

    def fail(self, what: str, *, hint: str = "", back: int = 0) -> NoReturn:
        """The token that is next is at fault, or the one `back` before it."""
        start = lexer.start(self.text, self.at - back, self.syntax)
        token = self.tokens[self.at - back]
        found = "" if start == len(self.text) else f", found `{token[:20]}`"
        raise lexer.failure(self.text, start, what + found, where=self.where, hint=hint)
