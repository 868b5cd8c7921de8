"""A file of HTCondor's in, a spec with comments out, and a list of what could not be carried over."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from vmf.errors import Fault, UsageError
from vmf.htcondor.commands import COMMANDS, Command
from vmf.htcondor.config import read_configuration
from vmf.htcondor.draft import Field, Lost, Said, Saying
from vmf.htcondor.knobs import KNOBS, Knob, unspelt
from vmf.htcondor.macros import Macros
from vmf.htcondor.pages import Shelf
from vmf.htcondor.running import plain_name
from vmf.htcondor.submit import read_submission
from vmf.htcondor.words import Word
from vmf.htcondor.writing import document
from vmf.spec.faults import Faults, printable, suggestion
from vmf.spec.nodes import SIZE_LIMIT
from vmf.units import format_count

T = TypeVar("T")

_NAMED = re.compile(r"\s*([+\w.]+)\s*=")
_QUEUED = re.compile(r"\s*queue\b(?!\s*=)", re.IGNORECASE)


class Kind(StrEnum):
    """What a file describes."""

    JOB = "job"
    HOST = "host"


class Import(Struct, frozen=True, kw_only=True):
    """A spec, and what it lacks."""

    text: str
    lost: tuple[Fault, ...]


def import_file(path: Path, *, kind: Kind | None = None, folder: Path | None = None) -> Import:
    """Make a spec of a submit description or a configuration file.

    Args:
        path: the file.
        kind: what it describes; told by what it says if not given.
        folder: where the spec is to be, if it is not where the file is; paths in it are relative to that.

    Raises:
        SpecError: with everything that is wrong with the file.
        UsageError: it cannot be told what the file describes.
    """
    return _IMPORTS[kind or tell(path)](path, folder)


def tell(path: Path) -> Kind:
    """Whether a file describes a job or a host.

    Raises:
        UsageError: if it cannot be told.
    """
    lines = [line.text for line in Shelf().open(path).statements()]
    names = {found[1].lower() for line in lines if (found := _NAMED.match(line))}
    jobs = names & (_names(COMMANDS) - _names(KNOBS))
    hosts = names & (_names(KNOBS) - _names(COMMANDS))
    queued = any(_QUEUED.match(line) for line in lines)
    if queued or (jobs and not hosts):
        return Kind.JOB
    if hosts and not jobs:
        return Kind.HOST
    what = f"{path}: this may be a job's submit description or a machine's configuration"
    raise UsageError(what, hint="say --kind job or --kind host")


def _names(rows: Iterable[Command | Knob]) -> frozenset[str]:
    return frozenset(name for row in rows for name in row.names)


def _import_job(path: Path, folder: Path | None) -> Import:
    macros, faults, table = Macros(), Faults(), _Table(COMMANDS)
    origin = os.path.relpath(path.parent.absolute(), folder.absolute()) if folder else ""
    read = read_submission(path, table.carries, origin="" if origin == "." else origin, macros=macros, faults=faults)
    runs = [_said((row.say for row in COMMANDS), process, faults) for process in read.processes]
    faults.settle()
    lost = [each for run in runs for each in run if isinstance(each, Lost)]
    lost += table.silent(read.others, macros)
    strange = [word for name, word in read.others.items() if not table.row(name) and name not in macros.used]
    lost += [Lost(word=word, why=f"nothing knows this name: {suggestion(word.name, table.names)}") for word in strange]
    named = [list(_named(run, path)) for run in runs]
    return _written("Job", path, _apart(named), lost, macros)


def _import_host(path: Path, _: Path | None) -> Import:
    macros, faults, table = Macros(kept=True), Faults(), _Table(KNOBS)
    config = read_configuration(path, table.carries, macros=macros, faults=faults)
    said = _said((row.say for row in KNOBS), config, faults)
    faults.settle()
    lost = [each for each in said if isinstance(each, Lost)]
    lost += [*map(unspelt, config.unspelt), *table.silent(config.others, macros)]
    strange = sum(not table.row(name) and name not in macros.used for name in config.others)
    others = f"{format_count(strange, 'other name')} of the file: about no machine, and left out." if strange else ""
    return _written("Host", path, [list(_named(said, path))], lost, macros, others)


class _Table:
    """The rows of one table, by their names."""

    def __init__(self, rows: Sequence[Command | Knob]) -> None:
        self._plain = {name: row for row in rows for name in row.names if "*" not in name}
        self._patterns = [
            (re.compile(fnmatch.translate(name)), row) for row in rows for name in row.names if "*" in name
        ]

    @property
    def names(self) -> Iterable[str]:
        """The names that stand for themselves."""
        return self._plain

    def row(self, name: str) -> Command | Knob | None:
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


def _said(says: Iterable[Callable[[T], Saying] | None], given: T, faults: Faults) -> list[Said]:
    """What all rows have to say, each function once; what is wrong goes to `faults`."""
    said: list[Said] = []
    for say in dict.fromkeys(says):
        with faults:
            said.extend(say(given) if say else ())
    return said


def _named(said: Iterable[Said], path: Path) -> Iterator[Field]:
    fields = [each for each in said if isinstance(each, Field)]
    if not any(field.at == ("metadata", "name") for field in fields):
        yield Field(at=("metadata", "name"), value=plain_name(path.stem), comment="Named after the file.")
    yield from fields


def _apart(runs: Sequence[Sequence[Field]]) -> list[list[Field]]:
    """The runs; names that differ, but not all, get numbers, as vmf itself numbers only runs of one name."""
    names = {field.value for run in runs for field in run if field.at == ("metadata", "name")}
    if len(names) in {1, len(runs)}:
        return [list(run) for run in runs]
    return [[_numbered(field, number) for field in run] for number, run in enumerate(runs)]


def _numbered(field: Field, number: int) -> Field:
    if field.at != ("metadata", "name"):
        return field
    return Field(at=field.at, value=f"{field.value}-{number}", comment=field.comment)


def _written(
    kind: str, path: Path, runs: Sequence[Sequence[Field]], lost: Iterable[Lost], macros: Macros, others: str = ""
) -> Import:
    remarks = (Lost(word=word, why=sentence) for word, sentence in macros.remarks.values())
    every = list(dict.fromkeys(chain(lost, remarks)))
    told = [each.word.fault(printable(f"{each.word.name}: {each.why}"), "") for each in every]
    notes = [f"Made of {path.name} by vmf import."]
    if every:
        notes.append("Not carried over:")
        notes += [f"- line {each.word.place.line}, {each.word.name}: {each.why}" for each in every]
    text = document(kind, runs, [*notes, others])
    if len(text.encode()) > SIZE_LIMIT:
        what = f"{path}: the spec would be larger than {SIZE_LIMIT // 1024} kB"
        raise UsageError(what, hint="split the file, or keep the values in a file of rows: queue: {file: rows.csv}")
    return Import(text=text, lost=tuple(told))


_IMPORTS: Mapping[Kind, Callable[[Path, Path | None], Import]] = {Kind.JOB: _import_job, Kind.HOST: _import_host}
