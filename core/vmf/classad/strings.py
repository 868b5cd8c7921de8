"""Functions of strings: join, cut, compare, and take apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import as_text, decoded, encoded, short
from vmf.classad.scope import Function, ListValue, Scope, Value
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined

_SPACE: Final = b" \t\n\v\f\r"


def _strcat(scope: Scope, arguments: tuple[Value, ...]) -> Value:
    parts = []
    for argument in arguments:
        part = as_text(argument)
        if not isinstance(part, str):
            return part
        scope.spend(len(part))
        parts.append(part)
    return "".join(parts)


def _join(scope: Scope, arguments: tuple[Value, ...]) -> Value:
    """The texts after the first, with the first between them; a list as the last of at most two is its elements."""
    if not arguments:
        return ""
    separator, *rest = arguments
    match arguments:
        case (ListValue() as items,):
            return _joined(scope, "", items.values(scope))
        case (_, ListValue() as items):
            return _joined(scope, separator, items.values(scope))
        case _:
            return _joined(scope, separator, rest)


def _joined(scope: Scope, separator: Value, values: Iterable[Value]) -> Value:
    between = as_text(separator)
    if isinstance(between, Error):
        return ERROR
    gap = between if isinstance(between, str) else ""
    joined, defined, undefined = "", False, between is UNDEFINED
    for value in values:
        part = as_text(value)
        if isinstance(part, Error):
            return ERROR
        if isinstance(part, Undefined):
            undefined = True
            continue
        defined = True
        scope.spend(len(gap) + len(part))
        joined += gap + part if joined else part
    return UNDEFINED if undefined and not defined else joined


def _cased(change: Callable[[bytes], bytes]) -> Function:
    @takes(1, 1)
    def function(_scope: Scope, value: Value) -> Value:
        text = as_text(value)
        return decoded(change(encoded(text))) if isinstance(text, str) else text

    return function


@takes(2, 3)
def _substr(_scope: Scope, text: Value, offset: Value, length: Value | None = None) -> Value:
    """A piece, in bytes; an offset below 0 counts from the end, as does a length below 0."""
    if any(isinstance(argument, Undefined) for argument in (text, offset, length)):
        return UNDEFINED
    if not isinstance(text, str) or type(offset) is not int or (length is not None and type(length) is not int):
        return ERROR
    if isinstance(short(offset), Error) or isinstance(short(length or 0), Error):
        return ERROR
    raw = encoded(text)
    start = min(offset, len(raw)) if offset >= 0 else max(len(raw) + offset, 0)
    end = len(raw) if length is None else start + length if length >= 0 else max(len(raw) + length, start)
    return decoded(raw[start:end])


def _compared(key: Callable[[bytes], bytes]) -> Function:
    """-1, 0 or 1: how two texts' bytes are ordered."""

    @takes(2, 2)
    def function(_scope: Scope, left: Value, right: Value) -> Value:
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            return UNDEFINED
        texts = as_text(left), as_text(right)
        match texts:
            case (str() as one, str() as other):
                first, second = key(encoded(one)), key(encoded(other))
                return (first > second) - (first < second)
            case _:
                return ERROR

    return function


@takes(1, 2)
def _split(scope: Scope, text: Value, separators: Value = ", \t") -> Value:
    """The pieces between separators; two of the same that is no space have an empty piece between them."""
    if not isinstance(text, str) or not isinstance(separators, str):
        return ERROR
    raw, cuts = encoded(text), frozenset(encoded(separators))
    pieces, start, previous = [], 0, -1
    for place, byte in enumerate(raw):
        if byte not in cuts:
            continue
        if place > start or byte == previous:
            pieces.append(decoded(raw[start:place]))
        if byte not in _SPACE:
            previous = byte
        start = place + 1
    if start < len(raw):
        pieces.append(decoded(raw[start:]))
    scope.spend(len(pieces))
    return ListValue(tuple(pieces), scope)


def _split_at(*, whole_is_first: bool) -> Function:
    """What stands before and after the first `@`; without one, all is the first or the second."""

    @takes(1, 1)
    def function(scope: Scope, text: Value) -> Value:
        if not isinstance(text, str):
            return ERROR
        before, at, after = text.partition("@")
        halves = (before, after) if at or whole_is_first else (after, before)
        return ListValue(halves, scope)

    return function


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "strcat": _strcat,
        "join": _join,
        "toupper": _cased(bytes.upper),
        "tolower": _cased(bytes.lower),
        "substr": _substr,
        "strcmp": _compared(bytes),
        "stricmp": _compared(bytes.lower),
        "split": _split,
        "splitusername": _split_at(whole_is_first=True),
        "splitslotname": _split_at(whole_is_first=False),
    }
)
