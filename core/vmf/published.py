"""What a guest publishes: attributes for its job's ad, a line for each. Nothing that it says is believed. Pure.

A line says `NAME = LITERAL`. On a console, among all else that is said there, it is marked; in a text that has nothing
else it stands by itself. The last line of a name counts: if its literal is refused, the name is not published, whatever
was said before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads import SCOPES, plain, reserved
from vmf.classad import FORMS, Ad, ClassAdSyntaxError, fold, parse
from vmf.classad.lexer import RESERVED
from vmf.classad.tree import is_literal
from vmf.errors import UsageError
from vmf.model import Host, Job
from vmf.model.terms import ATTRIBUTE

MARK: Final = b"vmf: publish "
"""What a line on a console begins with that publishes something."""
LINE_MOST: Final = 2**10
"""Bytes of a line, its mark included and its end not; a longer one publishes nothing."""
NAMES_MOST: Final = 100
SIZE_MOST: Final = 2**14
"""Bytes of all names and literals together, and of a text that has nothing else."""

_MARKED: Final = re.compile(rb"[\r\n]" + MARK + rb"([^\r\n]*)")
_LINE_END: Final = re.compile(rb"[\r\n]+")
_NAME: Final = re.compile(ATTRIBUTE.encode())


class Reason(StrEnum):
    """Why something is refused."""

    LONG = f"the line is longer than {LINE_MOST} bytes"
    FORM = "it is not of the form NAME = LITERAL"
    TAKEN = "vmf, the job or the language itself has that name"
    VALUE = "that is no literal: a number, true, false, undefined, a string of one line, or a list or record of those"
    NAMES = f"more than {NAMES_MOST} names are published"
    SIZE = f"it would make more than {SIZE_MOST} bytes in all"
    TEXT = f"the file has more than {SIZE_MOST} bytes"


class Refused(Struct, frozen=True, kw_only=True):
    """The first thing that was refused for a reason."""

    what: str
    """A name, or as much of a line as there is room for; a stranger's, not to be shown unescaped."""
    reason: Reason


class Published:
    """What was published so far. However much is said, little is kept; and it takes no more than to look for lines."""

    def __init__(self, *, taken: Collection[str], known: Mapping[str, str]) -> None:
        """Begin with what is known already, name to literal; names of `taken`, which are folded, are refused."""
        self._taken = taken
        self._lines = {fold(name): (name, text.encode()) for name, text in known.items() if fold(name) not in taken}
        self._size = sum(map(_size, self._lines.values()))
        self._begun = b""
        self._refused: dict[Reason, str] = {}
        self._told: set[Reason] = set()

    @property
    def attributes(self) -> dict[str, str]:
        """Name to literal, in the order in which the names came first."""
        found = {name: _literal(raw) for name, raw in self._lines.values()}
        for name, text in found.items():
            if text is None:
                self._refuse(name, Reason.VALUE)
        return {name: text for name, text in found.items() if text is not None}

    def refusals(self) -> Iterator[Refused]:
        """What was refused, once for each reason."""
        for reason, what in tuple(self._refused.items()):
            if reason not in self._told:
                self._told.add(reason)
                yield Refused(what=what, reason=reason)

    def hear(self, piece: bytes) -> None:
        """Take the next piece of a console; lines may end with CR, LF or both, and pieces anywhere."""
        said = self._begun + piece
        end = max(said.rfind(b"\n"), said.rfind(b"\r")) + 1
        for found in _MARKED.finditer(b"\n" + said[:end]):
            self._take(found[1], LINE_MOST - len(MARK))
        self._begun = said[end:][: LINE_MOST + 1]  # of a line that is too long so much tells it

    def read(self, text: bytes) -> None:
        """Take a text that publishes on every line; its last line may lack its end."""
        if len(text) > SIZE_MOST:
            self._refuse("", Reason.TEXT)
            return
        for line in _LINE_END.split(text):
            if line.strip():
                self._take(line, LINE_MOST)

    def _take(self, line: bytes, most: int) -> None:
        left, _, right = line.partition(b"=")
        written, raw = left.strip(), right.strip()
        name = written.decode("ascii", "replace")
        if len(line) > most:
            self._refuse(name, Reason.LONG)
        elif not (raw and _NAME.fullmatch(written)):
            self._refuse(name, Reason.FORM)
        elif fold(name) in self._taken:
            self._refuse(name, Reason.TAKEN)
        else:
            self._keep(name, raw)

    def _keep(self, name: str, raw: bytes) -> None:
        folded = fold(name)
        before = self._lines.get(folded)
        if before is None and len(self._lines) == NAMES_MOST:
            self._refuse(name, Reason.NAMES)
            return
        size = self._size + _size((name, raw)) - (_size(before) if before else 0)
        if size > SIZE_MOST:
            self._refuse(name, Reason.SIZE)
            if before:
                del self._lines[folded]
                self._size -= _size(before)
            return
        self._lines[folded], self._size = (name, raw), size

    def _refuse(self, what: str, reason: Reason) -> None:
        self._refused.setdefault(reason, what)


def taken(job: Job) -> frozenset[str]:
    """The folded names that a guest of this job cannot publish: they mean something else, or would hide something."""
    return _ours() | {fold(name) for name in job.attributes}


def believable(job: Job, said: Mapping[str, str]) -> dict[str, str]:
    """What the guest of a job might have published of attributes that a file says were."""
    published = Published(taken=taken(job), known={})
    for name, text in said.items():
        published.read(f"{name} = {text}".encode(errors="replace"))
    return published.attributes


def joined(job: Job, published: Mapping[str, str]) -> Job:
    """The job as expressions see it: what its guests have published is among its attributes, in place of none."""
    if not published:
        return job
    ours = taken(job)
    new = {name: text for name, text in published.items() if fold(name) not in ours}
    return replace(job, attributes={**new, **job.attributes})


def values(published: Mapping[str, str]) -> dict[str, Any]:
    """What was published as values of JSON; undefined is null."""
    return plain(Ad((name, parse(text)) for name, text in published.items()))


@cache
def _ours() -> frozenset[str]:
    return reserved(Job) | reserved(Host) | SCOPES | RESERVED


def _size(line: tuple[str, bytes]) -> int:
    name, raw = line
    return len(name) + len(raw)


@lru_cache(maxsize=4 * NAMES_MOST)
def _literal(raw: bytes) -> str | None:
    """The text of a literal; None if it is none, or one that ads in old syntax, a line for each, could not have."""
    try:
        text = raw.decode()
        node = parse(text)
        FORMS["old"].write([Ad({"value": node})])
    except (UnicodeDecodeError, ClassAdSyntaxError, UsageError):
        return None
    return text if is_literal(node) else None
