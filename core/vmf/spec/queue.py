"""Several runs of one job: what `spec.queue` makes of a document."""

from __future__ import annotations

import errno
import io
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from vmf.errors import SpecError
from vmf.spec import nodes, refusals
from vmf.spec.changes import Change, apply_change, keys_of
from vmf.spec.faults import Faults, Place, Source, shown, suggestion
from vmf.spec.given import Given
from vmf.spec.nodes import Node, Scalar, find, scalar
from vmf.units import format_count

RUNS_MOST = 10_000
ROWS_MOST = 4 * 2**20
"""Bytes of a file of rows."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_NAME = ("metadata", "name")
_REASONS: Mapping[type[Exception], str] = MappingProxyType({UnicodeDecodeError: "it is not UTF-8 text"})
_EXAMPLE = "write a list of runs, {product: {…}}, {file: rows.csv} or {count: 5}"


def runs(document: Node, folder: Path, faults: Faults) -> Iterator[Node]:
    """The documents of the runs that a document asks for: itself, if it gives none.

    Args:
        document: of kind Job.
        folder: what a file of rows is relative to.
        faults: takes what is wrong with the queue.
    """
    queue = find(document, "spec", "queue")
    if queue is None:
        yield _without_queue(document)
        return
    try:
        rows = _rows(Given(keys=("spec", "queue"), node=queue), folder)
    except SpecError as error:
        faults.add(*error.faults)
        rows = [()]  # so that the rest of the document is judged as well
    single = _without_queue(document)
    for number, changes in enumerate(rows):
        with faults:
            yield _changed(single, changes, number)


def _rows(given: Given, folder: Path) -> list[tuple[Change, ...]]:
    if isinstance(given.node, nodes.Sequence):
        _check_number(given, len(given.node.items))
        return [_row(given.below(number, item)) for number, item in enumerate(given.node.items)]
    if not isinstance(given.node, nodes.Mapping) or len(given.node.entries) != 1:
        raise given.wrong("this is no queue", hint=_EXAMPLE, rule=refusals.BAD_QUEUE)
    ((key, value),) = given.node.entries
    if not isinstance(key, Scalar) or key.text not in _WAYS:
        what = f"{shown(key.text if isinstance(key, Scalar) else 'a list')} makes no queue"
        hint = suggestion(key.text, _WAYS) if isinstance(key, Scalar) else _EXAMPLE
        raise given.wrong(what, hint=hint, rule=refusals.BAD_QUEUE)
    return _WAYS[key.text](given.below(key.text, value), folder)


def _check_number(given: Given, runs: int) -> None:
    if not 1 <= runs <= RUNS_MOST:
        raise given.wrong(f"{runs} runs", hint=f"ask for 1 to {RUNS_MOST} runs", rule=refusals.BAD_QUEUE)


def _row(given: Given) -> tuple[Change, ...]:
    if not isinstance(given.node, nodes.Mapping):
        hint = "write {results.folder: out1, env.SEED: 1}"
        raise given.wrong("a run is a block of fields with their values", hint=hint, rule=refusals.BAD_QUEUE)
    return _once(tuple(_change(given, key, value) for key, value in given.node.entries))


def _change(given: Given, key: Node, value: Node) -> Change:
    if not isinstance(key, Scalar):
        raise given.wrong("a field's name is wanted, this is no text", hint=_EXAMPLE, rule=refusals.BAD_QUEUE)
    return Change(keys=keys_of(key.text, key.place), value=value, place=key.place)


def _product(given: Given, _: Path) -> list[tuple[Change, ...]]:
    """Every combination of the values, the last field's changing fastest."""
    if not isinstance(given.node, nodes.Mapping):
        hint = "write {memory: [1GiB, 2GiB], env.SEED: [1, 2]}"
        raise given.wrong("a product is a block of fields with lists of values", hint=hint, rule=refusals.BAD_QUEUE)
    columns = []
    for key, values in given.node.entries:
        if not isinstance(values, nodes.Sequence):
            below = given.below(key.text if isinstance(key, Scalar) else "", values)
            raise below.wrong("a list of values is wanted", hint="write it as [a, b]", rule=refusals.BAD_QUEUE)
        columns.append([_change(given, key, value) for value in values.items])
    _once(tuple(column[0] for column in columns if column))
    _check_number(given, math.prod(map(len, columns)) if columns else 0)
    return list(itertools.product(*columns))


def _count(given: Given, _: Path) -> list[tuple[Change, ...]]:
    text = given.text("a number of runs")
    if not _NUMBER.fullmatch(text) or int(text) > RUNS_MOST:
        hint = f"ask for 1 to {RUNS_MOST} runs"
        raise given.wrong(f"{shown(text)} is no number of runs", hint=hint, rule=refusals.BAD_QUEUE)
    return [()] * int(text)


def _file(given: Given, folder: Path) -> list[tuple[Change, ...]]:
    """The rows of a file of comma-separated values; its first line names the fields."""
    import csv  # noqa: PLC0415  # slow to import, and few queues are files

    path = folder / given.text("a file of rows")
    if not path.resolve().is_relative_to(folder.resolve()):
        what = f"{shown(path)} lies outside the spec's folder"
        raise given.wrong(what, hint="keep the rows beside the spec, or below", rule=refusals.BAD_QUEUE)
    try:
        if not path.is_file():  # a pipe would wait
            raise FileNotFoundError(errno.ENOENT, "no such file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(ROWS_MOST + 1)
        if len(text) > ROWS_MOST:
            raise given.wrong(f"the file is larger than {ROWS_MOST} bytes", hint="split it", rule=refusals.TOO_MUCH)
        first, *rows = _numbered(text) or [(1, [])]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or _REASONS.get(type(error)) or str(error)
        hint = "name a file of comma-separated values whose first line names the fields, in UTF-8"
        raise given.wrong(f"{shown(path)}: {reason}", hint=hint, rule=refusals.BAD_QUEUE) from None
    source = Source(where=str(path), lines=tuple(text.split("\n")))
    _check_number(given, len(rows))
    return [_line(first[1], row, Place(source=source, line=number)) for number, row in rows]


def _numbered(text: str) -> list[tuple[int, list[str]]]:
    """The rows that hold something, each with the line in which it begins: a value in quotes may have several lines."""
    import csv  # noqa: PLC0415  # as above

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, begins = [], 1
    for row in reader:
        if row:
            rows.append((begins, row))
        begins = reader.line_num + 1
    return rows


def _line(names: list[str], row: list[str], place: Place) -> tuple[Change, ...]:
    if len(row) != len(names):
        what = f"{format_count(len(row), 'value')} for {format_count(len(names), 'field')}"
        raise place.wrong(what, hint="give each field of the first line a value", rule=refusals.BAD_QUEUE)
    pairs = zip(names, row, strict=True)
    return _once(
        tuple(
            Change(keys=keys_of(name.strip(), place), value=scalar(text, place, plain=False), place=place)
            for name, text in pairs
        )
    )


def _once(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes, of which no two are of one field."""
    first: set[tuple[str, ...]] = set()
    for change in changes:
        if change.keys in first:
            what = f"spec.queue: {'.'.join(change.keys)} is given twice"
            raise change.place.wrong(what, hint="keep one of them", rule=refusals.DOUBLE_KEY)
        first.add(change.keys)
    return changes


def _without_queue(document: Node) -> Node:
    spec = find(document, "spec")
    if not isinstance(document, nodes.Mapping) or not isinstance(spec, nodes.Mapping):
        return document
    kept = tuple((key, value) for key, value in spec.entries if not _named(key, "queue"))
    single = nodes.Mapping(entries=kept, place=spec.place)
    entries = tuple((key, single if _named(key, "spec") else value) for key, value in document.entries)
    return nodes.Mapping(entries=entries, place=document.place)


def _named(key: Node, name: str) -> bool:
    return isinstance(key, Scalar) and key.text == name


def _changed(document: Node, changes: tuple[Change, ...], number: int) -> Node:
    """One run; its name is the job's with its number, unless the run gives itself one."""
    name = find(document, *_NAME)
    if isinstance(name, Scalar) and not any(change.keys == _NAME for change in changes):
        numbered = Scalar(text=f"{name.text}-{number}", plain=False, place=name.place)
        changes = (*changes, Change(keys=_NAME, value=numbered, place=name.place))
    for change in changes:
        document = apply_change(document, change)
    return document


_WAYS: Mapping[str, Callable[[Given, Path], list[tuple[Change, ...]]]] = MappingProxyType({
    "product": _product,
    "file": _file,
    "count": _count,
})  # fmt: skip
