"""Files to lines: continued lines are joined, comments left out; bounds for all the files of one import together."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from vmf.errors import SpecError
from vmf.htcondor.words import Word
from vmf.spec.faults import LINE_BREAK, Place, Source

SIZE_MOST = 256 * 1024
"""Bytes of one file."""
TOGETHER_MOST = 4 * SIZE_MOST
"""Bytes of all the files of one import; a file that is included twice counts twice."""
_CONTROL = re.compile("[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Line(Struct, frozen=True, kw_only=True):
    """One statement's text without what surrounds it, and where it begins."""

    text: str
    place: Place

    def word(self, name: str, text: str, *, at: int = 0) -> Word:
        """What the line says under a name; `at` is where its text begins."""
        place = Place(source=self.place.source, line=self.place.line, column=self.place.column + at)
        return Word(name=name, text=text, place=place)


class Page:
    """The lines of a file; whoever reads on from within a loop over them takes lines out of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rest = iter(enumerate(source.lines, start=1))

    def statements(self) -> Iterator[Line]:
        """Each line that says something, joined with those that continue it."""
        for number, text in self._rest:
            begin = text.lstrip()
            if not begin or begin.startswith("#"):
                continue
            place = Place(source=self._source, line=number, column=len(text) - len(begin) + 1)
            yield Line(text=self._joined(begin.rstrip()), place=place)

    def plain(self) -> Iterator[Line]:
        """Each line by itself, without what surrounds it."""
        for number, text in self._rest:
            place = Place(source=self._source, line=number, column=len(text) - len(text.lstrip()) + 1)
            yield Line(text=text.strip(), place=place)

    def _joined(self, text: str) -> str:
        parts = [text]
        while text.endswith("\\"):
            parts[-1] = parts[-1].removesuffix("\\")
            _, more = next(self._rest, (0, ""))
            text = more.strip()
            parts.append("" if text.startswith("#") else text)
        return "".join(parts).rstrip()


class Shelf:
    """Opens the files of one import."""

    def __init__(self) -> None:
        self._left = TOGETHER_MOST

    def open(self, path: Path, named: Word | None = None) -> Page:
        """The lines of a file.

        Args:
            path: the file.
            named: where another file names this one, which then has to be an ordinary file.

        Raises:
            SpecError: if it cannot be read as text.
        """
        whole = Word(name=str(path), text="", place=Place(source=Source(where=str(path))))
        try:
            content = self._read(path, named)
        except OSError as error:
            what, hint = error.strerror or "it cannot be read", "check the path"
            raise (named.wrong(f"{path}: {what}", hint) if named else SpecError((whole.fault(what, hint),))) from None
        self._left -= len(content)
        if len(content) > SIZE_MOST or self._left < 0:
            what = f"more than {SIZE_MOST // 1024} kB, or more than {TOGETHER_MOST // 1024} kB with what is included"
            raise SpecError((whole.fault(what, "a submit description is small; split it"),))
        return Page(_text(content, whole))

    def _read(self, path: Path, named: Word | None) -> bytes:
        if named and not stat.S_ISREG(path.stat().st_mode):
            raise OSError(0, "this is no ordinary file")
        with path.open("rb") as file:
            return file.read(SIZE_MOST + 1)


def _text(content: bytes, whole: Word) -> Source:
    try:
        lines = tuple(LINE_BREAK.split(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        what = f"the byte 0x{content[error.start]:02x} in line {number} is not UTF-8 text"
        raise SpecError((whole.fault(what, "save the file as UTF-8 text"),)) from None
    source = Source(where=whole.name, lines=lines)
    for above, line in enumerate(lines):
        if found := _CONTROL.search(line):
            place = Place(source=source, line=above + 1, column=found.start() + 1)
            what = f"the control character U+{ord(found[0]):04X} has no place in a submit description"
            raise SpecError((Word(name="", text="", place=place).fault(what, "remove it"),))
    return source
