"""What a queue statement asks for: how many processes, and which variables have which values in each."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, repeat, takewhile
from pathlib import Path, PurePosixPath

from msgspec import Struct

from vmf.classad import ClassAdSyntaxError, evaluate, parse
from vmf.htcondor.language import Interpreter, Queue
from vmf.htcondor.macros import Macros
from vmf.htcondor.pages import Shelf
from vmf.htcondor.words import Word
from vmf.spec.faults import shown

PROCESSES_MOST = 10_000
_HOW = re.compile(r"(?<!\S)(?P<how>in|from|matching)(?=[\s(\[]|$)", re.IGNORECASE)
_WHICH = re.compile(r"(?:(?P<kind>files|dirs|any)\b\s*)?(?P<slice>\[[-:0-9\s]*\])?\s*", re.IGNORECASE)
_PARTS = re.compile(r"[\s,]+")
_FIELDS = re.compile(r"\s*,\s*|\s+")
_ITEM = "item"
_LOOK = 20
"""What looking at one name in a folder costs, in characters spelt out."""


class _Asked(Struct, frozen=True, kw_only=True):
    """A queue statement that names items."""

    word: Word
    how: str
    kind: str
    chosen: slice
    items: str
    names: tuple[str, ...]
    count: int


def processes(queue: Queue, interpreter: Interpreter) -> Iterator[Mapping[str, str]]:
    """The variables of each process that a queue statement asks for, by their names in lower case.

    Raises:
        SpecError: if it asks for something that cannot be.
    """
    word = interpreter.macros.expand(queue.word, interpreter.texts)
    found = _HOW.search(word.text)
    if not found:
        for step in range(_count(word, word.text)):
            yield {"step": str(step), "itemindex": "0", "row": "0", "item": ""}
        return
    asked = _asked(word, found)
    items = list(islice(_items(asked, queue, interpreter), PROCESSES_MOST + 1))
    for number, item in enumerate(items[asked.chosen]):
        fields = _FIELDS.split(item, maxsplit=len(asked.names) - 1) if len(asked.names) > 1 else [item]
        values = dict(zip(asked.names, chain(fields, repeat("")), strict=False))
        for step in range(asked.count):
            yield {**values, "step": str(step), "itemindex": str(number), "row": str(number)}


def _asked(word: Word, found: re.Match[str]) -> _Asked:
    before, after = word.text[: found.start()], word.text[found.end() :].lstrip()
    parts = before.replace(",", " ").split()
    names = tuple(takewhile(str.isidentifier, reversed(parts)))[::-1]
    which = _WHICH.match(after)
    kind, chosen = (which["kind"], which["slice"]) if which else (None, None)
    return _Asked(
        word=word,
        how=found["how"].lower(),
        kind=(kind or "files").lower(),
        chosen=_slice(chosen or "[:]"),
        items=after[which.end() :] if which else after,
        names=tuple(name.lower() for name in names) or (_ITEM,),
        count=_count(word, " ".join(parts[: len(parts) - len(names)])),
    )


def _count(word: Word, text: str) -> int:
    """How many processes each item has: a number, or an expression that is one."""
    try:
        value = evaluate(parse(text)) if text.strip() else 1
    except ClassAdSyntaxError:
        value = None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= PROCESSES_MOST:
        hint = f"write queue, queue N with N from 0 to {PROCESSES_MOST}, or queue VARIABLE in (a, b)"
        raise word.wrong(f"{shown(text)} is no number of processes", hint)
    return value


def _slice(text: str) -> slice:
    bounds = [int(part) if part.strip() else None for part in text.strip("[]").split(":")[:3]]
    if len(bounds) == 1 and bounds[0] is not None:
        return slice(bounds[0], bounds[0] + 1 or None)
    return slice(*bounds)


def _items(asked: _Asked, queue: Queue, interpreter: Interpreter) -> Iterator[str]:
    lines = _bracketed(asked, queue) if asked.items.startswith("(") else [asked.items]
    if asked.how == "from":
        yield from (
            lines
            if asked.items.startswith("(")
            else _rows(asked.word, asked.items.strip(), queue.folder, interpreter.shelf)
        )
        return
    items = tuple(item for line in lines for item in _PARTS.split(line) if item)
    yield from _matching(asked, items, queue.folder, interpreter.macros) if asked.how == "matching" else items


def _bracketed(asked: _Asked, queue: Queue) -> list[str]:
    """The lines between brackets, of which the first may stand on the line of the statement."""
    texts = [asked.items[1:]]
    if not texts[0].rstrip().endswith(")"):
        for line in queue.page.plain():
            texts.append(line.text)
            if line.text.endswith(")") or len(texts) > PROCESSES_MOST:
                break
    if not texts[-1].rstrip().endswith(")"):
        raise asked.word.wrong("a bracket that is never closed", "add `)`")
    texts[-1] = texts[-1].rstrip()[:-1]
    return [text.strip() for text in texts if text.strip() and not text.strip().startswith("#")]


def _rows(word: Word, name: str, folder: Path, shelf: Shelf) -> Iterator[str]:
    if name.endswith("|") or name in ("", "-"):
        raise word.wrong("items from a program or from standard input are not read", "put them into a file")
    for line in shelf.open(folder / name, word).plain():
        if line.text and not line.text.startswith("#"):
            yield line.text


def _matching(asked: _Asked, patterns: Sequence[str], folder: Path, macros: Macros) -> Iterator[str]:
    """The names in a folder that fit a pattern; a folder's own name is taken as it is."""
    for pattern in patterns:
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or any(mark in str(path.parent) for mark in "*?["):
            raise asked.word.wrong(f"{shown(pattern)} is not looked for", "give patterns for files below this folder")
        try:
            entries = sorted((folder / path.parent).iterdir())
        except OSError:
            entries = []
        macros.spend(asked.word, _LOOK * len(entries))
        for each in entries:
            wanted = {"files": each.is_file, "dirs": each.is_dir}.get(asked.kind, each.exists)
            hidden = each.name.startswith(".") and not path.name.startswith(".")
            if fnmatch.fnmatchcase(each.name, path.name) and wanted() and not hidden:
                yield str(path.parent / each.name)
