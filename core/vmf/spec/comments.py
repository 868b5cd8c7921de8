"""The comments of a spec that match a pattern; a `#` inside a text is no comment."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.tokens import (
    BlockEndToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
    Token,
)

from vmf.spec.faults import LINE_BREAK, Place, Source
from vmf.spec.nodes import DEPTH_LIMIT

TOKEN_LIMIT = 20_000
"""Behind so many of YAML's tokens, which are some 5,000 lines, no comment is looked for."""

_BLANKS = re.compile(r"[ \t]*")
_BLOCK = frozenset("|>")


class Comment(Struct, frozen=True, kw_only=True):
    """A comment that was looked for."""

    found: re.Match[str]
    place: Place
    alone: bool
    """Whether nothing else stands on its line."""


def comments(text: str, where: str, pattern: re.Pattern[str]) -> Iterator[Comment]:
    """The comments that match, `#` included, as far as the text is YAML and within bounds.

    A text without a match costs next to nothing; any other is scanned.
    """
    candidates = [each for each in pattern.finditer(text) if text[each.start() - 1 : each.start()] in _BEFORE]
    if not candidates:
        return
    source = Source(where=where, lines=tuple(LINE_BREAK.split(text)))
    lines = [0, *(each.end() for each in LINE_BREAK.finditer(text))]
    spans, known = _texts(text)
    for found in candidates:
        index = found.start()
        before = bisect_right(spans, index, key=lambda span: span[0]) - 1
        if index < known and (before < 0 or not _within(text, index, spans[before])):
            line = bisect_right(lines, index)
            place = Place(source=source, line=line, column=index - lines[line - 1] + 1)
            yield Comment(found=found, place=place, alone=_indented(text, lines[line - 1], index))


_BEFORE = frozenset({"", " ", "\t", "\n", "\r"})
"""What can stand before a comment; the empty text is the file's start."""


def _texts(text: str) -> tuple[list[tuple[int, int]], int]:
    """Where texts begin and end, and up to where that is known."""
    spans: list[tuple[int, int]] = []
    known = 0
    try:
        for token in _bounded(YAML(typ="safe", pure=True).scan(text)):
            known = token.end_mark.index
            if isinstance(token, ScalarToken):
                spans.append((token.start_mark.index, known))
    except Exception:  # noqa: BLE001  # whatever is wrong with the text, its reader has said so
        return spans, known
    return spans, len(text)


_STEPS: Mapping[type[Token], int] = MappingProxyType({
    **dict.fromkeys((BlockMappingStartToken, BlockSequenceStartToken), 1),
    **dict.fromkeys((FlowMappingStartToken, FlowSequenceStartToken), 1),
    **dict.fromkeys((BlockEndToken, FlowMappingEndToken, FlowSequenceEndToken), -1),
})  # fmt: skip


def _bounded(tokens: Iterator[Token]) -> Iterator[Token]:
    """The tokens of what a spec may be: the scanner takes minutes for a file that is nothing but brackets.

    Raises:
        OverflowError: where it is more than that.
    """
    level = 0
    for number, token in enumerate(tokens):
        level += _STEPS.get(type(token), 0)
        if level > DEPTH_LIMIT or number > TOKEN_LIMIT:
            raise OverflowError
        yield token


def _indented(text: str, begin: int, end: int) -> bool:
    """Whether nothing but blanks is between two places."""
    found = _BLANKS.match(text, begin, end)
    return found is not None and found.end() == end


def _within(text: str, index: int, span: tuple[int, int]) -> bool:
    """Whether a place lies inside a text; the first line of a block text, `run: |`, may end in a comment."""
    begin, end = span
    if text[begin] in _BLOCK and not LINE_BREAK.search(text, begin, index):
        return False
    return index < end
