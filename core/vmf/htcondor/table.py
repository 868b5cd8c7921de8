"""What a file gives under its names, and the rows of a table that say what becomes of each."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, field

from vmf.htcondor.draft import Lost, Said, Saying
from vmf.htcondor.macros import Macros
from vmf.htcondor.words import Word
from vmf.spec.faults import Faults

_IDLE = "it means nothing beside what else the file says"


class Given(Struct, frozen=True, kw_only=True):
    """What a file says of one thing, by names in lower case."""

    words: Mapping[str, Word]
    """What is carried over, spelt out."""
    taken: set[str] = field(default_factory=set)
    """The names that something was made of."""

    def get(self, *names: str) -> Word | None:
        """The first of these that is given and not empty; something is made of it."""
        name = next((name for name in names if name in self.words and self.words[name].text), "")
        self.taken.add(name)
        return self.words.get(name)

    def true(self, name: str) -> bool:
        """Whether something is given, and true."""
        word = self.get(name)
        return word is not None and word.boolean


G = TypeVar("G", bound=Given)


class Row(Struct, Generic[G], frozen=True, kw_only=True):
    """A command or a knob, with the others of its meaning."""

    names: tuple[str, ...]
    """In lower case; `*` stands for anything."""
    becomes: str = ""
    """The fields that it is here."""
    sentence: str
    """What there is to know of the field; or why it has no meaning here, and what to use instead."""
    say: Callable[[G], Saying] | None = None
    """Makes the fields of all names that it knows; without it the name is not carried over."""
    removed: str = ""
    """The version of HTCondor that no longer knew it."""


class Table(Generic[G]):
    """Rows, by their names."""

    def __init__(self, rows: Sequence[Row[G]]) -> None:
        self._says = tuple(dict.fromkeys(row.say for row in rows if row.say))
        self._plain = {name: row for row in rows for name in row.names if "*" not in name}
        self._patterns = [
            (re.compile(fnmatch.translate(name)), row) for row in rows for name in row.names if "*" in name
        ]

    @property
    def names(self) -> Iterable[str]:
        """The names that stand for themselves."""
        return self._plain

    def row(self, name: str) -> Row[G] | None:
        """The row that has a name."""
        return self._plain.get(name) or next((row for pattern, row in self._patterns if pattern.match(name)), None)

    def carries(self, name: str) -> bool:
        """Whether a row has a name, and a field for it."""
        row = self.row(name)
        return row is not None and row.say is not None

    def silent(self, words: Mapping[str, Word], macros: Macros) -> Iterator[Lost]:
        """Those of the words that a row knows, unless they are there for others to name."""
        for name, word in words.items():
            row = self.row(name)
            if row and name not in macros.used:
                yield Lost(word=word, why=row.sentence)

    def said(self, given: G, faults: Faults) -> list[Said]:
        """What all rows have to say, and what none has made anything of; what is wrong goes to `faults`."""
        said: list[Said] = []
        for say in self._says:
            with faults:
                said.extend(say(given))
        idle = (word for name, word in given.words.items() if word.text and name not in given.taken)
        return [*said, *(Lost(word=word, why=_IDLE) for word in idle)]
