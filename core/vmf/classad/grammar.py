"""The grammar of new syntax, as a recursive descent over tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from vmf.classad import lexer, literals
from vmf.classad.ad import LONGEST_SHARED, fold
from vmf.classad.cursor import Cursor
from vmf.classad.lexer import IDENTITY, NAMES, WORDS, leaf, scoped
from vmf.classad.tree import (
    Binary,
    Call,
    Conditional,
    ListOf,
    Node,
    Parentheses,
    Record,
    Reference,
    Selection,
    Subscript,
    Unary,
    height,
)
from vmf.classad.values import AbsTime, RelTime

N = TypeVar("N", bound=Node)

DEPTH = 500
"""How deep a text may nest: an expression counts one level, an operand two, an operator before it one."""

_PREFIXES: Final = frozenset("-+!~")
_BINARY: Final = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!=", "=?=", "=!="),
    ("<", "<=", ">", ">="),
    ("<<", ">>", ">>>"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""From those that bind loosest; all group from the left."""
_ENDS: Final = ("", ")", "]", "}", ",", ";", ":", "?")
_LEVELS: Final = {operator: level for level, operators in enumerate((_ENDS, *_BINARY)) for operator in operators}

MEANT: Final = {"=": "==", "and": "&&", "or": "||"}
"""What other languages write between two operands, and what is meant here."""
_PREFIXED: Final = "`?:` binds tighter than `- + ! ~`: use parentheses"


class Parser(Cursor):
    """Recursive descent over the tokens of a text."""

    def __init__(self, text: str, where: str, syntax: lexer.Syntax = lexer.NEW) -> None:
        super().__init__(text, where, syntax)
        self.depth = 0

    def whole(self, rule: Callable[[Parser], N]) -> N:
        """What a rule makes of all the tokens."""
        node = rule(self)
        if token := self.tokens[self.at]:
            hint = f"write {MEANT[fold(token)]}" if fold(token) in MEANT else ""
            self.fail("it should have ended before this", hint=hint)
        if len(self.tokens) > DEPTH and height(node) > DEPTH:
            self.fail(f"it nests more than {DEPTH} levels")
        return node

    def expression(self) -> Node:
        """Operands and the operators between them, by the operators' levels; maybe a condition."""
        self.descend(1)
        tokens = self.tokens
        waiting: list[tuple[int, str, Node]] = []
        while True:
            node = self.plain()
            if node is None:
                node = self.operand()
            operator = tokens[self.at]
            if operator not in _LEVELS:
                operator = self.operator()
            level = _LEVELS.get(operator, 0)
            while waiting and waiting[-1][0] >= level:
                _, before, left = waiting.pop()
                node = Binary(before, left, node)
            if not level:
                break
            waiting.append((level, operator, node))
            self.at += 1
        if operator == "?":
            self.at += 1
            then = self.expression()
            self.take(":")
            node = Conditional(node, then, self.expression())
        self.depth -= 1
        return node

    def operator(self) -> str:
        """The token that is next, which is no operator as it is, as what it is after an operand."""
        token = self.tokens[self.at]
        if token[:1] == "-":
            # `a -1` has an operator and a number: take them apart, to be read one after the other.
            self.tokens[self.at] = token[1:]
            self.at -= 1
            return "-"
        return IDENTITY.get(token.lower(), token)

    def plain(self) -> Node | None:
        """An operand that is a literal, a name or `scope.name`, as almost all are; None if it is more."""
        tokens, at = self.tokens, self.at
        token, after = tokens[at], at + 1
        node = leaf(token) if len(token) <= LONGEST_SHARED else None
        if node is not None and tokens[after] == "." and len(tokens[at + 2]) <= LONGEST_SHARED:
            node, after = scoped(token, tokens[at + 2]), at + 3
        if node is None or tokens[after][:1] in _BINDING or self.depth > DEPTH - 2:
            return None
        self.at = after
        return node

    def operand(self) -> Node:
        """A primary with what stands before it (`- + ! ~`) and after it (`.name`, `[index]`, `?: operand`).

        What follows `?:` is an operand without a prefix, and binds to the right; here without recursion, for it is
        the longest of all chains that the depth allows.
        """
        tokens = self.tokens
        first = self.at
        while tokens[self.at] in _PREFIXES:
            self.at += 1
        prefixes = tokens[first : self.at] if self.at > first else ()
        lefts: tuple[Node, ...] = ()
        depth = self.depth
        self.descend(2 + len(prefixes))
        while True:
            rule = _RULES.get(tokens[self.at][:1])
            node = rule(self) if rule else self.fail("an expression is missing", hint=_PREFIXED if lefts else "")
            while (token := tokens[self.at]) in _SUFFIXES:
                self.at += 1
                node = _SUFFIXES[token](self, node)
            if token[:1] != "?" or len(token) == 1:
                break
            self.at += 1
            self.descend(1)
            lefts = (*lefts, node)
        self.depth = depth
        for left in reversed(lefts):
            node = Binary("?:", left, node)
        for prefix in reversed(prefixes):
            node = Unary(prefix, node)
        return node

    def attribute(self) -> tuple[str, Node]:
        """`name = expression`."""
        name = self.name() or self.fail("an attribute needs a name", back=1)
        self.take("=")
        return name, self.expression()

    def descend(self, levels: int) -> None:
        """Go deeper, if it is not too deep."""
        self.depth += levels
        if self.depth > DEPTH:
            self.fail(f"it nests more than {DEPTH} levels")

    def items(self, end: str, separators: str) -> tuple[Node, ...]:
        """Expressions up to the closing bracket; the opening one has been passed."""
        found = list[Node]()
        while self.tokens[self.at] != end or found:  # what follows a separator is an expression, never the end
            found.append(self.expression())
            if self.tokens[self.at] == end:
                break
            if self.tokens[self.at] not in separators or not self.tokens[self.at]:
                self.fail(f"`{separators[0]}` or `{end}` is missing")
            self.at += 1
        self.at += 1
        return tuple(found)


def _named(parser: Parser) -> Node:
    """A word that is a literal, a name, or a call."""
    word = WORDS.get(parser.tokens[parser.at].lower())
    if word is not None:
        parser.at += 1
        return word
    name = parser.name()
    if parser.tokens[parser.at] != "(":
        return Reference(name)
    parser.at += 1
    arguments = parser.items(")", ",;")
    time = _TIMES.get(fold(name))
    if time and len(arguments) == 1 and isinstance(text := arguments[0], str):
        value = time(text)
        return value or parser.fail("this is no time", back=2)
    return Call(name, arguments)


def _moment(text: str) -> Node | None:
    """A moment; where its text names no zone, the local one is meant, which only evaluation knows."""
    found = literals.read_moment(text)
    if found is None:
        return None
    seconds, offset = found
    return Call("absTime", (text,)) if offset is None else AbsTime(seconds - offset, offset)


def _span(text: str) -> Node | None:
    seconds = literals.read_span(text)
    return None if seconds is None else RelTime(seconds)


def _string(parser: Parser) -> Node:
    parser.at += 1
    return parser.string(parser.tokens[parser.at - 1])


def _number(parser: Parser) -> Node:
    token = parser.tokens[parser.at]
    try:
        value = lexer.number(token)
    except OverflowError:
        parser.fail("an integer must fit into 64 bits", hint="write it as a real, with a point")
    if value is None:
        parser.fail("this is no number", hint="no octal, no hexadecimal, no scale; a real has digits around its point")
    parser.at += 1
    return value


def _dot(parser: Parser) -> Node:
    if parser.tokens[parser.at] != ".":
        return _number(parser)
    parser.at += 1
    return Reference(parser.name(), absolute=True)


def _parentheses(parser: Parser) -> Node:
    parser.at += 1
    inner = parser.expression()
    parser.take(")")
    return Parentheses(inner)


def _list(parser: Parser) -> Node:
    parser.at += 1
    return ListOf(parser.items("}", ","))


def record(parser: Parser) -> Record:
    """`[name = expression; …]`; of a name given twice the last expression counts."""
    parser.take("[")
    tokens = parser.tokens
    fields: dict[str, tuple[str, Node]] = {}
    while tokens[parser.at] != "]":
        while tokens[parser.at] == ";":
            parser.at += 1
        name, node = parser.attribute()
        spelt, _ = fields.get(fold(name), (name, node))
        fields[fold(name)] = spelt, node
        if tokens[parser.at] not in {";", "]"}:
            parser.fail("`;` or `]` is missing")
        while tokens[parser.at] == ";":
            parser.at += 1
    parser.at += 1
    return Record(tuple(fields.values()))


def line(parser: Parser) -> Record:
    """`name = expression`, as a record of its own."""
    return Record((parser.attribute(),))


def _selection(parser: Parser, of: Node) -> Node:
    return Selection(of, parser.name())


def _subscript(parser: Parser, of: Node) -> Node:
    index = parser.expression()
    parser.take("]")
    return Subscript(of, index)


_BINDING: Final = frozenset(".[?(")
"""What makes more of a primary that it stands behind, by its first character; a `?` may."""
_RULES: Final[dict[str, Callable[[Parser], Node]]] = {
    **dict.fromkeys(NAMES, _named),
    **dict.fromkeys("0123456789-", _number),
    ".": _dot,
    '"': _string,
    "(": _parentheses,
    "{": _list,
    "[": record,
}
"""What begins an operand, by its first character."""
_SUFFIXES: Final[dict[str, Callable[[Parser, Node], Node]]] = {".": _selection, "[": _subscript}
_TIMES: Final[dict[str, Callable[[str], Node | None]]] = {"abstime": _moment, "reltime": _span}
