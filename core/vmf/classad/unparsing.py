"""From trees to text.

Nothing here recurses: what stands between nodes waits with them on one stack, so that no tree is too high.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from msgspec import Struct

from vmf.classad import literals
from vmf.classad.ad import fold
from vmf.classad.lexer import RESERVED
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
)
from vmf.classad.values import AbsTime, Error, RelTime, Undefined


class Style(Struct, frozen=True, kw_only=True):
    """How text is to look."""

    #: How a real is written.
    real: Callable[[float], str] = literals.show_exact
    #: How a string or a name is written between quotes, and which.
    quote: Callable[[str, str], str] = literals.show_string
    #: How the operators of identity are written, where not as in trees.
    operators: Mapping[str, str] = MappingProxyType({"=?=": "is", "=!=": "isnt"})
    #: Whether the text is read as the very tree it was; otherwise it is the reference's text, which may not be.
    exact: bool = True
    #: Whether lists and records have a line for each of their elements.
    indented: bool = False


NEW: Final = Style()
"""For files: `[ a = 1; b = a + 1 ]`; it is read as the very tree that was written."""
COMPACT: Final = Style(real=literals.show_real, exact=False)
"""What the language's `string()` makes of lists and records."""
INDENTED: Final = Style(real=literals.show_real, exact=False, indented=True)
"""What the language's `unparse()` shows."""


class _Text(str):
    """What stands between nodes; a plain `str` is a string of the language."""

    __slots__ = ()


class _Indent(int):
    """From here on lines begin so many columns further right."""

    __slots__ = ()


_NEW_LINE = _Text("\n")
_Part: TypeAlias = Node | _Text | _Indent
_Writer: TypeAlias = Callable[[Any, "Style"], Iterable[_Part]]
_Elements: TypeAlias = Iterable[tuple[_Part, ...]]
_NAME = re.compile(r"[A-Za-z_]\w*+", re.ASCII)
_QUOTED_WORDS = RESERVED | {"parent"}


def unparse(node: Node, style: Style = NEW) -> str:
    """The text of a tree."""
    written = [""]
    pending: list[_Part] = [node]
    column = 0
    while pending:
        part = pending.pop()
        if isinstance(part, _Indent):
            column += part
        elif isinstance(part, _Text):
            if style.exact and _apart(written[-1], part):
                written.append(" ")
            written.append(part + " " * (column if part is _NEW_LINE else 0))
        else:
            pending.extend(reversed(tuple(_WRITERS[type(part)](part, style))))
    return "".join(written)


def quoted(name: str, style: Style = NEW) -> str:
    """A name, in quotes if it would otherwise not be read as one."""
    if _NAME.fullmatch(name) and fold(name) not in _QUOTED_WORDS:
        return name
    return style.quote(name, "'")


def _apart(before: str, after: str) -> bool:
    """Whether two pieces of text would be read as one number: a minus or a point next to digits."""
    return (before == " -" and after[:1].isdigit()) or (after[:1] == "." and before.lstrip("-").isdigit())


def _literal(show: Callable[[Any], str]) -> _Writer:
    return lambda node, _style: (_Text(show(node)),)


def _reference(node: Reference, style: Style) -> Iterator[_Part]:
    yield _Text(f"{'.' * node.absolute}{quoted(node.name, style)}")


def _selection(node: Selection, style: Style) -> Iterator[_Part]:
    yield node.of
    yield _Text(f".{quoted(node.name, style) if style.exact else node.name}")


def _unary(node: Unary, _style: Style) -> Iterator[_Part]:
    yield _Text(f" {node.operator}")
    yield node.operand


def _binary(node: Binary, style: Style) -> Iterator[_Part]:
    yield node.left
    yield _Text(f" {style.operators.get(node.operator, node.operator)} ")
    yield node.right


def _conditional(node: Conditional, _style: Style) -> Iterator[_Part]:
    yield node.test
    yield _Text(" ? ")
    yield node.then
    yield _Text(" : ")
    yield node.otherwise


def _subscript(node: Subscript, _style: Style) -> Iterator[_Part]:
    yield node.of
    yield _Text("[")
    yield node.index
    yield _Text("]")


def _parentheses(node: Parentheses, _style: Style) -> Iterator[_Part]:
    yield _Text("(")
    yield node.inner
    yield _Text(")")


def _call(node: Call, style: Style) -> Iterator[_Part]:
    yield _Text(f"{quoted(node.function, style) if style.exact else node.function}(")
    for index, argument in enumerate(node.arguments):
        yield _Text("," * (index > 0))
        yield argument
    yield _Text(")")


def _list(node: ListOf, style: Style) -> Iterator[_Part]:
    elements = ((_Text(), each) for each in node.items)
    return (_lines if style.indented else _line)("{}", elements, ",", 3)


def _record(node: Record, style: Style) -> Iterator[_Part]:
    fields = node.fields if style.exact else sorted(node.fields, key=_reference_order)
    elements = ((_Text(f"{quoted(name, style)} = "), each) for name, each in fields)
    return (_lines if style.indented else _line)("[]", elements, "; ", 4)


def _reference_order(field: tuple[str, Node]) -> tuple[int, bytes]:
    name = fold(field[0]).encode("utf-8", "surrogateescape")
    return len(name), name


def _line(brackets: str, elements: _Elements, comma: str, _indent: int) -> Iterator[_Part]:
    yield _Text(f"{brackets[0]} ")
    for index, element in enumerate(elements):
        yield _Text(comma * (index > 0))
        yield from element
    yield _Text(f" {brackets[1]}")


def _lines(brackets: str, elements: _Elements, comma: str, indent: int) -> Iterator[_Part]:
    yield from (_Indent(indent), _NEW_LINE, _Text(brackets[0]), _Indent(indent))
    for index, element in enumerate(elements):
        yield from (_Text(comma * (index > 0)), _NEW_LINE)
        yield from element
    yield from (_Indent(-indent), _NEW_LINE, _Text(brackets[1]), _Indent(-indent))


_WRITERS: Final[Mapping[type, _Writer]] = {
    bool: _literal(lambda value: str(value).lower()),
    int: _literal(str),
    float: lambda node, style: (_Text(style.real(node)),),
    str: lambda node, style: (_Text(style.quote(node, '"')),),
    Undefined: _literal(lambda _value: "undefined"),
    Error: _literal(lambda _value: "error"),
    AbsTime: _literal(lambda moment: f'absTime("{literals.show_moment(moment)}")'),
    RelTime: _literal(lambda span: f'relTime("{literals.show_span(span)}")'),
    Reference: _reference,
    Selection: _selection,
    Subscript: _subscript,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    Parentheses: _parentheses,
    Call: _call,
    ListOf: _list,
    Record: _record,
}
