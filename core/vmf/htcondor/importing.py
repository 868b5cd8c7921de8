"""A file of HTCondor's in, a spec with comments out, and a list of what could not be carried over."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import Fault, UsageError
from vmf.htcondor.commands import COMMANDS
from vmf.htcondor.config import read_configuration
from vmf.htcondor.draft import Field, Lost, Said
from vmf.htcondor.knobs import KNOBS, unspelt
from vmf.htcondor.macros import Macros
from vmf.htcondor.pages import Shelf
from vmf.htcondor.running import plain_name
from vmf.htcondor.submit import read_submission
from vmf.htcondor.table import Table
from vmf.htcondor.writing import document
from vmf.spec.faults import Faults, printable
from vmf.spec.nodes import SIZE_LIMIT
from vmf.units import format_count

ALIKE_MOST = 3
"""So many things are said of one name in a line; of others of their kind, as of many runs, the number."""
_NAME, _FOLDER = ("metadata", "name"), ("spec", "results", "folder")
_NAMED = re.compile(r"\s*([+\w.]+)\s*=")
_COMPARED = 100
"""Characters of a name that are compared with others."""
_QUEUED = re.compile(r"\s*queue\b(?!\s*=)", re.IGNORECASE)


class Kind(StrEnum):
    """What a file describes."""

    JOB = "job"
    HOST = "host"


class Import(Struct, frozen=True, kw_only=True):
    """A spec, and what it lacks."""

    text: str
    lost: tuple[Fault, ...]
    by_hand: tuple[Fault, ...]
    """What is in it only as a comment, for its reader to change."""


def import_file(path: Path, *, kind: Kind | None = None, output: Path | None = None) -> Import:
    """Make a spec of a submit description or a configuration file.

    Args:
        path: the file.
        kind: what it describes; told by what it says if not given.
        output: the spec's own file, if it is not to be where this file is; paths in it are relative to its folder.

    Raises:
        SpecError: with everything that is wrong with the file.
        UsageError: it cannot be told what the file describes.
    """
    return _IMPORTS[kind or tell(path)](path, output)


def tell(path: Path) -> Kind:
    """Whether a file describes a job or a host.

    Raises:
        UsageError: if it cannot be told.
    """
    lines = [line.text for line in Shelf().open(path).statements()]
    names = {found[1].lower() for line in lines if (found := _NAMED.match(line))}
    commands, knobs = ({name for row in rows for name in row.names} for rows in (COMMANDS, KNOBS))
    jobs, hosts = names & (commands - knobs), names & (knobs - commands)
    queued = any(_QUEUED.match(line) for line in lines)
    if queued or (jobs and not hosts):
        return Kind.JOB
    if hosts and not jobs:
        return Kind.HOST
    what = f"{path}: this may be a job's submit description or a machine's configuration"
    raise UsageError(what, hint="say --kind job or --kind host")


def _import_job(path: Path, output: Path | None) -> Import:
    macros, faults, table = Macros(), Faults(), Table(COMMANDS)
    origin = os.path.relpath(path.parent.absolute(), output.parent.absolute()) if output else ""
    read = read_submission(path, table.carries, origin="" if origin == "." else origin, macros=macros, faults=faults)
    runs = [table.said(process, faults) for process in read.processes]
    faults.settle()
    lost = [each for run in runs for each in run if isinstance(each, Lost)]
    lost += table.silent(read.others, macros)
    strange = [word for name, word in read.others.items() if not table.row(name) and name not in macros.used]
    lost += [Lost(word=word, why=f"nothing knows this name{_meant(word.name, table.names)}") for word in strange]
    named = [list(_named(run, output or path)) for run in runs]
    return _written("Job", path, _apart(named), lost, macros)


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name[:_COMPARED].lower(), known, n=1)
    return f": did you mean {close[0]}?" if close else ""


def _import_host(path: Path, output: Path | None) -> Import:
    macros, faults, table = Macros(kept=True), Faults(), Table(KNOBS)
    config = read_configuration(path, table.carries, macros=macros, faults=faults)
    said = table.said(config, faults)
    faults.settle()
    lost = [each for each in said if isinstance(each, Lost)]
    lost += [*map(unspelt, config.unspelt), *table.silent(config.others, macros)]
    strange = sum(not table.row(name) and name not in macros.used for name in config.others)
    others = f"{format_count(strange, 'other name')} of the file: about no machine, and left out." if strange else ""
    return _written("Host", path, [list(_named(said, output or path))], lost, macros, others)


def _named(said: Iterable[Said], path: Path) -> Iterator[Field]:
    fields = [each for each in said if isinstance(each, Field)]
    if not any(field.at == _NAME for field in fields):
        yield Field(at=_NAME, value=plain_name(path.stem), comment="Named after the file.")
    yield from fields


def _apart(runs: Sequence[Sequence[Field]]) -> list[list[Field]]:
    """The runs with names and results folders of their own; one name for all is left to vmf, which numbers them so."""
    names = [str(next(field.value for field in run if field.at == _NAME)) for run in runs]
    own = names if len(set(names)) == len(runs) else [f"{name}-{number}" for number, name in enumerate(names)]
    written = names if len(set(names)) == 1 else own
    return [[_of_run(field, *each) for field in run] for run, *each in zip(runs, written, own, strict=True)]


def _of_run(field: Field, name: str, own: str) -> Field:
    values = {_NAME: name, _FOLDER: str(PurePosixPath(str(field.value), f"{own}.results"))}
    return replace(field, value=values.get(field.at, field.value))


def _gathered(lost: Iterable[Lost]) -> Iterator[Lost]:
    """Each thing once, however many runs say it; of what they say differently of one name, the first few."""
    said: dict[tuple[str, int, str], dict[str, Lost]] = {}
    for each in lost:
        place = each.word.place
        said.setdefault((place.source.where, place.line, each.word.name), {}).setdefault(each.why, each)
    for whys in said.values():
        *before, last = list(whys.values())[:ALIKE_MOST]
        more = len(whys) - ALIKE_MOST
        yield from (*before, replace(last, why=f"{last.why} (and {more} more like it)") if more > 0 else last)


def _written(
    kind: str, path: Path, runs: Sequence[Sequence[Field]], lost: Iterable[Lost], macros: Macros, others: str = ""
) -> Import:
    remarks = (Lost(word=word, why=sentence) for word, sentence in macros.remarks.values())
    every = list(_gathered(chain(lost, remarks)))
    gone, by_hand = [each for each in every if not each.by_hand], [each for each in every if each.by_hand]
    notes = [f"Made of {path.name} by vmf import.", *_listed("Not carried over:", gone)]
    notes += _listed("Change by hand:", by_hand)
    text = document(kind, runs, [*notes, others])
    if len(text.encode()) > SIZE_LIMIT:
        what = f"{path}: the spec would be larger than {SIZE_LIMIT // 1024} kB"
        hint = "import it with fewer items, and name the runs in a file of rows then: queue: {file: rows.csv}"
        raise UsageError(what, hint=hint)
    return Import(text=text, lost=tuple(map(_told, gone)), by_hand=tuple(map(_told, by_hand)))


def _listed(title: str, every: Sequence[Lost]) -> Iterator[str]:
    yield from [title] if every else []
    yield from (f"- line {each.word.place.line}, {each.word.name}: {each.why}" for each in every)


def _told(lost: Lost) -> Fault:
    return lost.word.fault(printable(f"{lost.word.name}: {lost.why}"), "")


_IMPORTS: Mapping[Kind, Callable[[Path, Path | None], Import]] = {Kind.JOB: _import_job, Kind.HOST: _import_host}
