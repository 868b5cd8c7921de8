"""YAML to nodes: what is written, and where; no scalar is given a meaning here.

Files are input that nobody has checked: their size, their depth and what their aliases multiply are bounded, and
the parser is asked for no more once a bound is passed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from vmf.spec import refusals
from vmf.spec.faults import LINE_BREAK, Place, Source, printable, shown

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 64
NODE_LIMIT = 40_000
DOCUMENT_LIMIT = 1_000

_NULLS = frozenset({"", "~", "null"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class Scalar(Struct, frozen=True, kw_only=True):
    """A text as written; `plain` if it stands without quotes and is no block text."""

    text: str
    plain: bool
    place: Place

    height: ClassVar[int] = 0
    weight: ClassVar[int] = 1

    @property
    def null(self) -> bool:
        """Whether nothing is given: the value is left empty, or says so without quotes."""
        return self.plain and self.text in _NULLS


class Sequence(Struct, frozen=True, kw_only=True):
    """A list; `height` counts its levels and `weight` its nodes, aliases spelt out."""

    items: tuple[Node, ...]
    place: Place
    height: int = 1
    weight: int = 1


class Mapping(Struct, frozen=True, kw_only=True):
    """A block of keys in the order of writing, doubles included; `height` and `weight` as for `Sequence`."""

    entries: tuple[tuple[Node, Node], ...]
    place: Place
    height: int = 1
    weight: int = 1


Node: TypeAlias = Scalar | Sequence | Mapping


def documents(path: Path) -> Iterator[Node]:
    """The documents of a file, lazily, so that those before a fault can be read; empty ones are left out.

    Raises:
        SpecError: with the fault at which the reading stopped.
    """
    source = Source(where=str(path))
    text = _decode(_read(path, source), source)
    source = Source(where=source.where, lines=tuple(LINE_BREAK.split(text)))
    found = 0
    for node in compose(text, source):
        if not (isinstance(node, Scalar) and node.null):
            found += 1
            if found > DOCUMENT_LIMIT:
                hint = "spread them over several files, or use a queue"
                raise node.place.wrong(f"more than {DOCUMENT_LIMIT} documents", hint=hint, rule=refusals.TOO_MUCH)
            yield node
    if not found:
        raise Place(source=source).wrong(
            "the file holds no document", hint="a document begins with apiVersion:, kind:", rule=refusals.EMPTY
        )


def compose(text: str, source: Source) -> Iterator[Node]:
    """The documents of a text, lazily.

    Raises:
        SpecError: with the fault at which the reading stopped.
    """
    if found := _UNPRINTABLE.search(text):
        what = f"the control character U+{ord(found[0]):04X} cannot be part of YAML"
        raise _at_index(found.start(), text, source).wrong(
            what, hint="remove it; in double quotes, write it as \\xNN", rule=refusals.NOT_TEXT
        )
    composer = _Composer(source, _events(text, source))
    return composer.documents()


def scalar(text: str, place: Place, *, plain: bool) -> Scalar:
    """A text that can be stored and sent on.

    Raises:
        SpecError: if it holds what no file, argument or script can.
    """
    if found := _UNUSABLE.search(text):
        raise place.wrong(
            f"the text holds U+{ord(found[0]):04X}, which no field can take", hint="remove it", rule=refusals.NOT_TEXT
        )
    return Scalar(text=text, plain=plain, place=place)


def find(node: Node, *keys: str) -> Node | None:
    """The node below a path of keys; None where nothing is given."""
    found: Node | None = node
    for key in keys:
        entries = found.entries if isinstance(found, Mapping) else ()
        found = next((value for name, value in entries if isinstance(name, Scalar) and name.text == key), None)
    return None if isinstance(found, Scalar) and found.null else found


_UNREADABLE = MappingProxyType({
    FileNotFoundError: ("no such file", "check the path"),
    IsADirectoryError: ("this is a folder", "name the file inside it"),
    PermissionError: ("permission denied", "make the file readable for yourself (chmod u+r)"),
})  # fmt: skip


def _read(path: Path, source: Source) -> bytes:
    try:
        with open(path, "rb", opener=_unwaiting) as file:
            os.set_blocking(file.fileno(), True)
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        what, hint = _UNREADABLE.get(type(error), (error.strerror or "it cannot be read", "check the path"))
        raise Place(source=source).wrong(what, hint=hint, rule=refusals.UNREADABLE) from None
    if len(content) > SIZE_LIMIT:
        what = f"the file is larger than {SIZE_LIMIT // 1024} kB"
        raise Place(source=source).wrong(
            what, hint="a spec is small; put data into files that it names", rule=refusals.TOO_MUCH
        )
    return content


def _unwaiting(path: str, flags: int) -> int:
    """Open without waiting: a pipe that nobody writes to is empty."""
    return os.open(path, flags | os.O_NONBLOCK)


def _decode(content: bytes, source: Source) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        source = Source(where=source.where, lines=tuple(LINE_BREAK.split(before)))
        what = f"the byte 0x{content[error.start]:02x} is not UTF-8 text"
        place = _at_index(len(before), before, source)
        raise place.wrong(what, hint="save the file as UTF-8 text", rule=refusals.NOT_TEXT) from None


def _at_index(index: int, text: str, source: Source) -> Place:
    lines = LINE_BREAK.split(text[:index])
    return Place(source=source, line=len(lines), column=len(lines[-1]) + 1)


_SYNTAX = MappingProxyType({
    "found character '\\t'": ("a tab is used for indentation", "indent with spaces"),
    "mapping values are not allowed": (
        "a key and a value where none can be",
        "check the indentation; a text that holds `: ` needs quotes",
    ),
    "could not find expected ':'": ("a key without a colon", "write it as KEY: VALUE"),
    "found unexpected end of stream": ("a quote that is never closed", "close it"),
    "expected ',' or": ("a bracket that is never closed, or a comma that is missing", "write lists as [a, b]"),
})  # fmt: skip
# Faults that are better shown where the unfinished thing begins than where the parser gave it up.
_AT_THE_START = frozenset({"could not find expected ':'", "found unexpected end of stream"})


def _events(text: str, source: Source) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        problem = error.problem or "unreadable"
        known = next((start for start in _SYNTAX if problem.startswith(start)), "")
        opened = known in _AT_THE_START or "<stream end>" in problem
        mark = error.context_mark if opened else error.problem_mark
        what, hint = _SYNTAX.get(known, (f"not YAML: {printable(problem)}", "check the indentation and the quotes"))
        raise _at_mark(mark, source).wrong(what, hint=hint, rule=refusals.NOT_YAML) from None
    except Exception as error:  # noqa: BLE001  # the parser also lets out what is not its own, such as OverflowError
        what = f"not YAML: {printable(str(error))}"
        raise Place(source=source).wrong(what, hint="write plain YAML 1.2", rule=refusals.NOT_YAML) from None


def _at_mark(mark: Any, source: Source) -> Place:  # noqa: ANN401  # the parser's mark, or None
    return Place(source=source, line=mark.line + 1, column=mark.column + 1) if mark else Place(source=source)


class _Composer:
    """Builds nodes from the parser's events, and counts as it goes."""

    def __init__(self, source: Source, events: Iterator[Any]) -> None:
        self._source = source
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events), 1)

    def _node(self, event: Any, level: int) -> Node:  # noqa: ANN401  # one of the parser's events
        place = _at_mark(event.start_mark, self._source)
        node = self._alias(event, level, place) if isinstance(event, AliasEvent) else self._new(event, level, place)
        self._count += node.weight if isinstance(event, AliasEvent) else 1
        if self._count > NODE_LIMIT:
            raise place.wrong(
                f"more than {NODE_LIMIT} values, aliases spelt out", hint="write fewer values", rule=refusals.TOO_MUCH
            )
        return node

    def _alias(self, event: Any, level: int, place: Place) -> Node:  # noqa: ANN401  # as above
        node = self._anchors.get(event.anchor)
        if node is None:
            what = f"the alias {shown(f'*{event.anchor}')} stands for nothing that is complete before it"
            raise place.wrong(what, hint="a text that starts with * needs quotes", rule=refusals.FEATURE)
        self._check_depth(level - 1 + node.height, place)
        return node

    def _new(self, event: Any, level: int, place: Place) -> Node:  # noqa: ANN401  # as above
        if event.ctag is not None:
            what = f"the tag {shown(str(event.ctag))} has no meaning here"
            raise place.wrong(what, hint="remove it; a text that starts with ! needs quotes", rule=refusals.FEATURE)
        if isinstance(event, ScalarEvent):
            node: Node = scalar(event.value, place, plain=not event.style)
        else:
            self._check_depth(level, place)
            node = (
                self._sequence(level, place) if isinstance(event, SequenceStartEvent) else self._mapping(level, place)
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _check_depth(self, level: int, place: Place) -> None:
        if level > DEPTH_LIMIT:
            raise place.wrong(
                f"nested deeper than {DEPTH_LIMIT} levels", hint="write it flatter", rule=refusals.TOO_MUCH
            )

    def _sequence(self, level: int, place: Place) -> Sequence:
        items = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, level + 1))
        return Sequence(items=tuple(items), place=place, height=_height(items), weight=_weight(items))

    def _mapping(self, level: int, place: Place) -> Mapping:
        entries = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, level + 1)
            value = self._node(next(self._events), level + 1)
            if isinstance(value, Scalar) and value.null:
                # The parser places a value that is left empty at whatever comes next.
                value = Scalar(text=value.text, plain=True, place=key.place)
            entries.append((key, value))
        below = [node for entry in entries for node in entry]
        return Mapping(entries=tuple(entries), place=place, height=_height(below), weight=_weight(below))


def _height(below: list[Node]) -> int:
    return 1 + max((node.height for node in below), default=0)


def _weight(below: list[Node]) -> int:
    return 1 + sum(node.weight for node in below)
