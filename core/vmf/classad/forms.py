"""The three ways in which ads are written in files: new syntax, old syntax, JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Final, NoReturn, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from vmf.classad import lexer
from vmf.classad.ad import Ad
from vmf.classad.grammar import DEPTH
from vmf.classad.lexer import ClassAdSyntaxError
from vmf.classad.parser import parse, parse_ad, parse_line
from vmf.classad.tree import ListOf, Node, Record, height
from vmf.classad.unparsing import NEW, Style, quoted, unparse
from vmf.classad.values import UNDEFINED, Undefined
from vmf.errors import Fault, UsageError

T = TypeVar("T")
_Json: TypeAlias = str | int | float | Record | list["_Json"] | None

_SKIPPED = re.compile(r"(?:\s++|\#[^\n]*+|//[^\n]*+|/\*.*?\*/)*+", re.ASCII | re.DOTALL)
_JSON = re.compile(r"\{|\[\s*\{")
_BLANK = re.compile(r"\s*+(?:\#.*|//.*)?", re.ASCII)
_STRING = re.compile(r'("(?:[^"\\]|\\.)*+"?+)(\s*+:)?+', re.DOTALL)
"""With the colon, if it is a name: then it is no expression, however it looks."""
_LITERAL = re.compile(rf"{_STRING.pattern}|[-+.\w]++", re.DOTALL)
_NUL = re.compile(r'"(?:[^\\]|\\(?!u0000).)*+\\u0000', re.DOTALL)
_EXPRESSION = re.compile(r'"\\/Expr\((.*\)\\/")', re.DOTALL | re.IGNORECASE)
_MARKED = re.compile(r"\0\((.*)\)/", re.DOTALL)
"""A string of JSON that stands for an expression: no other can have a NUL."""
_WRITTEN = re.compile(r'"\\u0000((?:[^"\\]|\\.)*+)"')
_BYTE_ORDER_MARK: Final = "\ufeff"
_DEEPEST: Final = DEPTH // 3
"""So deep may brackets nest that are read as new syntax, where each counts three levels."""
_TOO_DEEP: Final = f"it nests more than {_DEEPEST} levels"


class Form(Struct, frozen=True, kw_only=True):
    """A way of writing ads, both ways."""

    #: All ads of a text. Raises: ClassAdSyntaxError.
    read: Callable[[str], tuple[Ad, ...]]
    #: The text of ads. Raises: UsageError, if they cannot be said so.
    write: Callable[[Iterable[Ad]], str]


def read(text: str) -> tuple[Ad, ...]:
    """All ads of a text in any of the three forms, told apart by how it begins.

    Raises:
        ClassAdSyntaxError: it is not what its beginning promises.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    begin = _start(text)
    if _JSON.match(text, begin):
        return read_json(text)
    return read_new(text) if text.startswith("[", begin) else read_old(text)


def read_new(text: str) -> tuple[Ad, ...]:
    """`[ a = 1; b = 2 ]`, as many as there are.

    Raises:
        ClassAdSyntaxError: something else is there.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    ads = list[Ad]()
    lines = before = 0
    for begin, end in _records(text):
        lines += text.count("\n", before, begin)
        before = begin
        ads.append(_moved(parse_ad, text[begin:end], lines))
    return tuple(ads)


def write_new(ads: Iterable[Ad]) -> str:
    """An ad is a record over several lines, an attribute on each."""
    return "".join("".join(("[\n", ";\n".join(_lines(ad, NEW, "    ")), "\n]\n")) for ad in ads)


def read_old(text: str) -> tuple[Ad, ...]:
    """`a = 1` on each line, a blank line between ads; lines that begin with `#` are comments.

    Raises:
        ClassAdSyntaxError: a line is no attribute.
    """
    ads: list[list[tuple[str, Node]]] = [[]]
    for number, line in enumerate(text.removeprefix(_BYTE_ORDER_MARK).split("\n")):
        if _BLANK.fullmatch(line):
            ads += [[]] if ads[-1] and not line.strip() else []
        else:
            ads[-1].append(_moved(parse_line, line.removesuffix("\r"), number))
    return tuple(Ad(pairs) for pairs in ads if pairs)


def write_old(ads: Iterable[Ad]) -> str:
    r"""The opposite of `read_old`.

    Raises:
        UsageError: an ad is empty, or a string has a line break, or ends with a backslash inside a larger expression.
    """
    return "\n".join("".join(f"{line}\n" for line in _old_lines(ad)) for ad in ads)


def read_json(text: str) -> tuple[Ad, ...]:
    r"""An object for an ad, or an array of them; `null` is UNDEFINED, `"\/Expr(a + 1)\/"` an expression.

    The slashes of an expression are escaped, which tells it from the string that looks the same.

    Raises:
        ClassAdSyntaxError: it is no JSON, or none of ads.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = _decoded(_STRING.sub(_marked, text))
        nodes = [_node(each) for each in (value if isinstance(value, list) else [value])]
    except json.JSONDecodeError as error:
        raise lexer.failure(text, error.pos, f"no JSON: {error.msg}", where="json") from None
    except ClassAdSyntaxError as error:
        raise _placed(text, error.fault) from None
    except RecursionError:
        _refuse(_TOO_DEEP)
    records = [node for node in nodes if isinstance(node, Record)]
    if len(records) < len(nodes):
        _refuse("an ad is an object of JSON")
    if max(map(height, records), default=0) > _DEEPEST:
        _refuse(_TOO_DEEP)
    return tuple(Ad(record.fields) for record in records)


def write_json(ads: Iterable[Ad]) -> str:
    """An array with an object for each ad."""
    objects = [{name: _plain(node) for name, node in ad.items()} for ad in ads]
    text = json.dumps(objects, indent=2, ensure_ascii=False)
    return _WRITTEN.sub(lambda found: rf'"\/Expr({found[1]})\/"', text) + "\n"


FORMS: Final = MappingProxyType(
    {
        "new": Form(read=read_new, write=write_new),
        "old": Form(read=read_old, write=write_old),
        "json": Form(read=read_json, write=write_json),
    }
)
"""The forms, by the names under which a user asks for them."""


def _start(text: str) -> int:
    found = _SKIPPED.match(text)
    return found.end() if found else 0


def _moved(parse_piece: Callable[[str], T], text: str, lines: int) -> T:
    """What is parsed of a text that has so many lines before it."""
    try:
        return parse_piece(text)
    except ClassAdSyntaxError as error:
        raise ClassAdSyntaxError(replace(error.fault, line=error.fault.line + lines)) from None


def _records(text: str) -> Iterator[tuple[int, int]]:
    """Where each record of a text begins and ends, and whatever else is there by itself."""
    begin = depth = 0
    for found in lexer.NEW.token.finditer(text):
        if not depth:
            begin = found.start(1)
        depth += (found[1] == "[") - (found[1] == "]")
        if depth <= 0 and begin < len(text):
            depth = 0
            yield begin, found.end()
    if depth:
        yield begin, len(text)


def _lines(ad: Ad, style: Style, indent: str) -> Iterator[str]:
    return (f"{indent}{quoted(name, style)} = {unparse(node, style)}" for name, node in ad.items())


def _old_lines(ad: Ad) -> Iterator[str]:
    if not ad:
        raise UsageError("old syntax has no way to write an ad without attributes", hint="use new syntax or JSON")
    for name, node in ad.items():
        # A string that is all of a line may end with a backslash.
        yield f"{quoted(name, _OLD)} = {_old_string(node, chr(34)) if isinstance(node, str) else unparse(node, _OLD)}"


def _old_string(value: str, quote: str) -> str:
    if "\n" in value:
        raise UsageError("old syntax has no way to write a line break in a string", hint="use new syntax or JSON")
    return f"{quote}{value.replace(quote, f'{chr(92)}{quote}')}{quote}"


def _old_inner(value: str, quote: str) -> str:
    if value.endswith("\\"):
        what = "old syntax has no way to write a string that ends with a backslash, except at the end of a line"
        raise UsageError(what, hint="use new syntax or JSON")
    return _old_string(value, quote)


_OLD: Final = Style(quote=_old_inner, operators=MappingProxyType({}))


def _marked(found: re.Match[str]) -> str:
    """A literal as it is; one that is an expression with a mark, which takes the room of what it replaces."""
    if found[1] and _NUL.match(found[1]):
        _refuse("a string has a NUL")
    expression = _EXPRESSION.fullmatch(found[0])
    return rf'"\u0000({expression[1]}' if expression else found[0]


def _decoded(text: str) -> _Json:
    value: _Json = json.loads(text, object_pairs_hook=_record, parse_int=_integer, parse_constant=_no_number)
    return value


def _placed(text: str, fault: Fault) -> ClassAdSyntaxError:
    """The first literal that is at fault, with its place; if none is, the fault as it is."""
    for found in _LITERAL.finditer(text):
        try:
            _checked(found)
        except json.JSONDecodeError as error:
            return lexer.failure(text, found.start() + error.pos, f"no JSON: {error.msg}", where="json")
        except ClassAdSyntaxError as error:
            return lexer.failure(text, found.start(), error.fault.what, where="json", hint=error.fault.hint)
    return ClassAdSyntaxError(fault)


def _checked(found: re.Match[str]) -> None:
    marked = _marked(found)
    if found[2]:
        _name(json.loads(found[1]))
    else:
        _node(_decoded(marked))


def _record(pairs: list[tuple[str, _Json]]) -> Node:
    return Record(tuple(Ad([(_name(name), _node(value)) for name, value in pairs]).items()))


def _name(text: str) -> str:
    return lexer.fit(text, "json") or _refuse("an attribute needs a name")


def _node(value: _Json) -> Node:
    """The tree for a value of JSON; its objects are trees already."""
    match value:
        case None:
            return UNDEFINED
        case str():
            marked = _MARKED.fullmatch(value)
            return parse(marked[1]) if marked else lexer.fit(value, "json")
        case list():
            return ListOf(tuple(map(_node, value)))
    return value


def _plain(node: Node) -> object:
    """The value of JSON for a tree; an expression is a string that begins with a NUL, which no other can."""
    match node:
        case Undefined():
            return None
        case ListOf():
            return [_plain(item) for item in node.items]
        case Record():
            return {name: _plain(item) for name, item in node.fields}
        case bool() | int() | str():
            return node
        case float() if math.isfinite(node):
            return node
    return f"\0{unparse(node)}"


def _integer(digits: str) -> int | float | None:
    try:
        return lexer.number(digits)
    except OverflowError:
        _refuse("an integer must fit into 64 bits")


def _no_number(constant: str) -> NoReturn:
    _refuse(f"`{constant}` is no number of JSON")


def _refuse(what: str) -> NoReturn:
    raise ClassAdSyntaxError(Fault(what=what, where="json"))
