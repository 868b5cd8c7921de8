"""The language that submit descriptions and configuration files share: assignments, conditions, includes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from vmf.errors import SpecError
from vmf.htcondor.macros import LENGTH_MOST, Macros
from vmf.htcondor.pages import Line, Page, Shelf
from vmf.htcondor.words import Word
from vmf.spec.faults import Faults, shown

FAULTS_MOST = 100
"""After so many nothing more is read."""
DEPTH_MOST = 8
"""Levels of files that include each other."""
LEVELS_MOST = 64
"""Conditions within each other."""
VERSION = (25, 14, 0)
"""The version of HTCondor that a file is told it is read by."""
_ASSIGNMENT = re.compile(r"(?P<name>\+?[A-Za-z0-9_][A-Za-z0-9_.]*)\s*(?P<here>@?)=\s*(?P<text>.*)")
_CONDITION = re.compile(r"(?P<verb>if|elif|else|endif)\b\s*(?P<text>.*)", re.IGNORECASE)
_INCLUDE = re.compile(r"@?include\b(?P<how>[^:=]*):\s*(?P<text>.*)", re.IGNORECASE)
_QUEUE = re.compile(r"queue(?![\w.])(?!\s*=)\s*(?P<text>.*)", re.IGNORECASE)
_USE = re.compile(r"use\s+(?P<text>\w+\s*:.*)", re.IGNORECASE)
_DEFINED = re.compile(r"defined\b\s*(?P<name>\S*)", re.IGNORECASE)
_COMPARED = re.compile(r"version\s*(?P<how>[<>=!]=|[<>])\s*(?P<version>[0-9]{1,4}(?:\.[0-9]{1,4}){0,2})", re.IGNORECASE)
_TRUTHS = {"true": True, "yes": True, "t": True, "false": False, "no": False, "f": False, "": False}
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{0,18})?(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)


class Queue(Struct, frozen=True, kw_only=True):
    """A queue statement, and the page whose following lines may hold its items."""

    word: Word
    page: Page
    folder: Path


class Level(Struct, kw_only=True):
    """One `if` that is open: whether its present branch counts, and whether one has."""

    word: Word
    counts: bool
    done: bool


class Interpreter:
    """Reads a file with all that it includes; `words` is what is assigned by then, by the names in lower case."""

    def __init__(self, macros: Macros, faults: Faults) -> None:
        self.words: dict[str, Word] = {}
        self.macros = macros
        self.shelf = Shelf()
        self._faults = faults
        self._patience = FAULTS_MOST

    @property
    def texts(self) -> dict[str, str]:
        """What is assigned, as texts."""
        return {name: word.text for name, word in self.words.items()}

    def run(self, path: Path, named: Word | None = None, depth: int = 0) -> Iterator[Queue]:
        """Read a file up to its next queue statement, and on from there."""
        levels: list[Level] = []
        with self._faults:
            page = self.shelf.open(path, named)
            for line in page.statements():
                try:
                    yield from self._statement(line, page, path, levels, depth)
                except SpecError as error:
                    self._faults.add(*error.faults)
                    self._patience -= 1
                if not self._patience:
                    return
        if levels:
            self._faults.add(levels[-1].word.fault("an `if` that is never ended", "add `endif`"))

    def _statement(self, line: Line, page: Page, path: Path, levels: list[Level], depth: int) -> Iterator[Queue]:
        if found := _CONDITION.fullmatch(line.text):
            self._condition(line.word(found["verb"], found["text"], at=found.start("text")), levels)
        elif not all(level.counts for level in levels):
            if (found := _ASSIGNMENT.fullmatch(line.text)) and found["here"]:
                _here(page, found["text"])
        elif found := _INCLUDE.fullmatch(line.text):
            word = line.word("include", found["text"], at=found.start("text"))
            yield from self._include(word, found["how"].strip().lower(), path.parent, depth)
        elif found := _QUEUE.fullmatch(line.text):
            word = line.word("queue", found["text"], at=found.start("text"))
            yield Queue(word=word, page=page, folder=path.parent)
        elif found := _ASSIGNMENT.fullmatch(line.text):
            text = _here(page, found["text"]) if found["here"] else found["text"]
            self._assign(line.word(found["name"], text, at=found.start("text")))
        elif found := _USE.fullmatch(line.text):
            self.macros.remark(line.word("use", found["text"]), "what a `use` stands for is not read")
        else:
            what = f"{shown(line.text)} is no statement"
            raise SpecError((line.word("", line.text).fault(what, "write NAME = VALUE, or queue"),))

    def _assign(self, word: Word) -> None:
        """A macro that names itself means what it was worth before; any other is spelt out when it is used."""
        name = "my." + word.name[1:].lower() if word.name.startswith("+") else word.name.lower()
        before = self.words.get(name)
        itself = re.compile(rf"\$\({re.escape(name)}\)", re.IGNORECASE)
        self.macros.spend(word, len(itself.findall(word.text)) * len(before.text) if before else 0)
        text = itself.sub(lambda _: before.text if before else "", word.text)
        if len(text) > LENGTH_MOST:
            self._patience = 1  # nothing after it can be judged, as it would be said to be missing
            raise word.wrong("the text has become too long", "write it shorter")
        self.words[name] = Word(name=word.name, text=text, place=word.place)

    def _include(self, word: Word, how: str, folder: Path, depth: int) -> Iterator[Queue]:
        if how not in ("", "ifexist") or word.text.rstrip().endswith("|"):
            raise word.wrong("this runs a program, which an import never does", "put what it prints into a file")
        if depth >= DEPTH_MOST:
            raise word.wrong(f"files included deeper than {DEPTH_MOST} levels", "does one of them include itself?")
        file = folder / self.macros.expand(word, self.texts).text.strip()
        if not (how and not file.exists()):
            yield from self.run(file, word, depth + 1)

    def _condition(self, word: Word, levels: list[Level]) -> None:
        verb = word.name.lower()
        if verb == "if" and len(levels) == LEVELS_MOST:
            raise word.wrong(f"more than {LEVELS_MOST} conditions within each other", "write it flatter")
        if verb == "if":
            levels.append(Level(word=word, counts=False, done=False))
        if not levels:
            raise word.wrong("there is no `if` for it", "remove it, or add the `if`")
        if verb == "endif":
            levels.pop()
            return
        last = levels[-1]
        outer = all(level.counts for level in levels[:-1])
        last.counts = outer and not last.done and (verb == "else" or self._holds(word))
        last.done = last.done or last.counts

    def _holds(self, word: Word) -> bool:
        """Whether a condition holds; one that HTCondor would not take either is told, and does not."""
        text = self.macros.expand(word, self.texts).text.strip()
        negated, text = text.startswith("!"), text.removeprefix("!").strip()
        if found := _DEFINED.fullmatch(text):
            name = found["name"].lower()
            self.macros.used.add(name)
            value = name in self.words and bool(self.words[name].text)
        elif found := _COMPARED.fullmatch(text):
            value = _compare(found["how"], tuple(map(int, found["version"].split("."))))
        elif text.lower() in _TRUTHS:
            value = _TRUTHS[text.lower()]
        elif _NUMBER.fullmatch(text):
            value = float(text) != 0
        else:
            raise word.wrong(
                f"{shown(text)} is no simple condition", "write true, false, `defined NAME`, `version >= N`"
            )
        return value is not negated


def _compare(how: str, version: tuple[int, ...]) -> bool:
    ours = VERSION[: len(version)]
    order = (ours > version) - (ours < version)
    return order in {">": (1,), "<": (-1,), ">=": (0, 1), "<=": (-1, 0), "==": (0,), "!=": (-1, 1)}[how]


def _here(page: Page, tag: str) -> str:
    """The lines up to the one that ends a text of several."""
    lines = []
    for line in page.plain():
        if line.text == f"@{tag.strip()}":
            break
        lines.append(line.text)
    return "\n".join(lines)
