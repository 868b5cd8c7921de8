"""What is wrong and where: places, the gathering of faults, and words that are safe to print."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from msgspec import Struct

from vmf.errors import Fault, SpecError
from vmf.rules import Rule
from vmf.spec import refusals

LINE_BREAK = re.compile(r"\r\n|\r|\n")
"""What ends a line, for all that counts lines or cuts a text into them."""
_SHOWN = 60
PATH_SHOWN = 1000
"""Characters of a path that are shown: its end says more than that of other words."""
_EXCERPT = 120
_COMPARED = 64
_SURE = 0.75
_LIKELY = 0.7
_LISTED = 20


class Source(Struct, frozen=True, kw_only=True):
    """Where YAML came from; `lines` is empty for what has no lines to point into, such as an option."""

    where: str
    lines: tuple[str, ...] = ()


class Place(Struct, frozen=True, kw_only=True):
    """A spot in a source; line and column count from 1."""

    source: Source
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        where = printable(self.source.where)
        return f"{where}:{self.line}" if self.source.lines else where

    def fault(
        self, what: str, *, hint: str = "", rule: Rule = refusals.WRONG_VALUE, fix: tuple[str, str] | None = None
    ) -> Fault:
        """Say what is wrong here."""
        where = printable(self.source.where)
        if not self.source.lines:
            return Fault(what=what, where=where, hint=hint, rule=rule.id, file=self.source.where)
        excerpt, caret = self._excerpt()
        return Fault(
            what=what,
            where=where,
            line=self.line,
            column=self.column,
            source=excerpt,
            caret=caret,
            hint=hint,
            rule=rule.id,
            fix=fix,
            file=self.source.where,
        )

    def wrong(
        self, what: str, *, hint: str = "", rule: Rule = refusals.WRONG_VALUE, fix: tuple[str, str] | None = None
    ) -> SpecError:
        """Say what is wrong here, to be raised."""
        return SpecError((self.fault(what, hint=hint, rule=rule, fix=fix),))

    def _excerpt(self) -> tuple[str, int]:
        """The line, or as much of a long one as is worth seeing, and the column of that if it is another one."""
        if self.line > len(self.source.lines):
            return "", 0
        line = self.source.lines[self.line - 1].rstrip()
        cut = 0 if self.column <= _EXCERPT else self.column - _EXCERPT // 2
        rest = f"{line[cut : cut + _EXCERPT]}{'…' if len(line) > cut + _EXCERPT else ''}"
        return printable(f"…{rest}" if cut else rest), self.column - cut + 1 if cut else 0


class Faults:
    """Gathers what is wrong: `with faults:` keeps the faults of a `SpecError` and goes on after the block."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, SpecError):
            self._faults.extend(error.faults)
            return True
        return False

    def add(self, *faults: Fault) -> None:
        """Keep more."""
        self._faults.extend(faults)

    def __len__(self) -> int:
        return len(self._faults)

    @property
    def each(self) -> tuple[Fault, ...]:
        """What is kept: each fault once, in the order of finding."""
        return tuple(dict.fromkeys(self._faults))

    def settle(self) -> None:
        """Raise `SpecError` with each fault once, in the order of finding, if there is any."""
        if self._faults:
            raise SpecError(self.each)


def printable(text: str) -> str:
    """The text, character for character, without any that could move a cursor or control a terminal."""
    return "".join(
        each if each.isprintable() else " " if each == "\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def shown(text: object, *, width: int = _SHOWN) -> str:
    """The text, or a path, quoted, escaped and cut: safe and short enough for a message, whatever it holds."""
    quoted = repr(str(text))
    return quoted if len(quoted) <= width else f"{quoted[: width - 1]}…"


def meant(word: str, known: Iterable[str]) -> str:
    """The one known word that a misspelt one surely stands for; nothing if that is in doubt."""
    folded = {each.lower(): each for each in known}
    if word.lower() in folded:
        return folded[word.lower()]
    close = _close(word[:_COMPARED].lower(), folded, most=2, cutoff=_SURE)
    return folded[close[0]] if len(close) == 1 else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """What may have been meant; else what is known."""
    folded = {each.lower(): printable(each) for each in known}
    plain = word[:_COMPARED].lower()
    close = _close(plain, folded, most=1, cutoff=_LIKELY)
    if close := close or [each for each in folded if sorted(each) == sorted(plain)]:  # a turn makes short words unlike
        return f"did you mean {folded[close[0]]}?"
    return listed(folded.values())


def listed(known: Iterable[str]) -> str:
    """What is known, as much of it as is worth reading."""
    words = [*known]
    rest = len(words) - _LISTED
    more = [f"and {rest} more"] if rest > 0 else []
    return f"known here: {', '.join((*words[:_LISTED], *more)) or 'none'}"


def _close(word: str, known: Iterable[str], *, most: int, cutoff: float) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415  # slow to import, and most specs have no slip

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)
