"""Fields to YAML with comments, read back by `vmf.spec` as they were meant."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import fields

from vmf.htcondor.draft import Field, Value
from vmf.model import API_VERSION, Host, Job
from vmf.spec.faults import printable

Tree: TypeAlias = "dict[str, Tree | Field]"

_WIDTH = 116
_ROW_MOST = 100
"""Characters of a run that is written in one line."""
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.+=@%-]*(?: [A-Za-z0-9_/.+=@%-]+)*|[0-9]{1,18}[A-Za-z]{1,3}")
_OTHERWISE = re.compile(r"(?i)true|false|yes|no|on|off|y|n|null|\.inf|\.nan|~|[0-9.]+e[0-9]+|\.[0-9_]+|0[ob].*")
"""Texts that a YAML reader may take for something else."""
_HIDDEN = re.compile("[^\x20-\x7e\xa0-\u2027\u202f-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_KINDS: Final[Mapping[str, type[Struct]]] = {"Job": Job, "Host": Host}


def document(kind: str, runs: Sequence[Iterable[Field]], notes: Iterable[str]) -> str:
    """A spec.

    Args:
        kind: Job or Host.
        runs: the fields of each run; of several, what they do not share goes to `queue`.
        notes: sentences for its beginning.
    """
    said = [{field.at: field for field in run if not field.aside} for run in runs]
    shared = {at: field for at, field in said[0].items() if all(_same(field, run.get(at)) for run in said[1:])}
    rows = [{at: field for at, field in run.items() if at not in shared} for run in said]
    lines = [*_comment(notes, ""), f"apiVersion: {API_VERSION}", f"kind: {kind}"]
    name = [field for at, field in said[0].items() if at not in shared and at[0] == "metadata"]
    tree = _tree(kind, (*shared.values(), *name))
    lines += [*_block("metadata", tree["metadata"], ""), "spec:", *_entries(tree["spec"], "  ")]
    lines += _queue(rows) if len(runs) > 1 else []
    lines += _asides([{field.at: field for field in run if field.aside} for run in runs])
    return "\n".join(lines) + "\n"


def _same(field: Field, other: Field | None) -> bool:
    return other is not None and other.value == field.value


def _tree(kind: str, shared: Iterable[Field]) -> dict[str, Tree]:
    """The fields as blocks within blocks, in the order of the model."""
    order = {field.encode_name: number for number, field in enumerate(fields(_KINDS[kind]))}
    root: dict[str, Tree] = {"metadata": {}, "spec": {}}
    for field in sorted(shared, key=lambda field: order.get(field.at[1], len(order))):
        block: Tree = root[field.at[0]]
        for key in field.at[1:-1]:
            below = block.setdefault(key, {})
            block = below if isinstance(below, dict) else {}
        block[field.at[-1]] = field
    return root


def _entries(tree: Tree, indent: str) -> Iterator[str]:
    for key, each in tree.items():
        if isinstance(each, dict):
            yield from _block(key, each, indent)
        else:
            yield from _comment([each.comment], indent)
            yield from _field(key, each.value, indent)


def _block(key: str, tree: Tree, indent: str) -> Iterator[str]:
    yield f"{indent}{key}:"
    yield from _entries(tree, f"{indent}  ")


def _field(key: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, tuple) and any(isinstance(item, Mapping) and "on_host" not in item for item in value):
        yield f"{indent}{key}:"
        for item in value:
            yield from _item(item, indent)
    else:
        yield f"{indent}{key}: {_flow(value)}"


def _item(item: Value, indent: str) -> Iterator[str]:
    entries = item.items() if isinstance(item, Mapping) else ()
    for number, (key, value) in enumerate(entries):
        yield f"{indent}  {' ' if number else '-'} {key}: {_flow(value)}"


def _queue(rows: Sequence[Mapping[tuple[str, ...], Field]]) -> Iterator[str]:
    """The runs, each with what it has of its own; a number, if none has anything. Of each field one comment will do."""
    comments: dict[tuple[str, ...], str] = {}
    for field in (field for row in rows for field in row.values() if field.comment):
        comments.setdefault(field.at, field.comment)
    if not any(rows):
        yield from ("  queue:", f"    count: {len(rows)}")
        return
    yield from _comment(dict.fromkeys(comments.values()), "  ")
    yield "  queue:"
    for row in rows:
        yield from _row({".".join(at[1:] if at[0] == "spec" else at): field.value for at, field in row.items()})


def _row(values: Mapping[str, Value]) -> Iterator[str]:
    flow = f"    - {_flow(values)}"
    if len(flow) <= _ROW_MOST:
        yield flow
        return
    first, *rest = (line for key, value in values.items() for line in _field(quoted(key), value, "      "))
    yield from (f"    - {first.lstrip()}", *rest)


def _asides(runs: Sequence[Mapping[tuple[str, ...], Field]]) -> Iterator[str]:
    """Fields that are only comments: one, if all runs say the same, else a row for each."""
    for at in dict.fromkeys(chain.from_iterable(runs)):
        said = [run.get(at) for run in runs]
        first = next(field for field in said if field)
        key = ".".join(at[1:])
        yield from _comment([first.comment], "  ")
        if all(_same(first, field) for field in said):
            yield f"  # {key}: {_flow(first.value)}"
        else:
            yield "  # It differs from run to run; these are the rows of `queue`:"
            yield from (f"  # - {_flow({key: field.value} if field else {})}" for field in said)


def _comment(sentences: Iterable[str], indent: str) -> Iterator[str]:
    for sentence in sentences:
        hanging = "  " if sentence.startswith("- ") else ""
        width = _WIDTH - len(indent)
        for line in textwrap.wrap(printable(sentence), width, subsequent_indent=hanging, break_long_words=False):
            yield f"{indent}# {line}"


def _flow(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{quoted(key)}: {_flow(each)}' for key, each in value.items())}}}"
    return f"[{', '.join(map(_flow, value))}]"


def quoted(text: str) -> str:
    """A text as YAML that every reader takes for a text."""
    if _PLAIN.fullmatch(text) and not _OTHERWISE.fullmatch(text):
        return text
    if ('"' in text or "\\" in text) and not _HIDDEN.search(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _HIDDEN.sub(_escaped, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escaped(found: re.Match[str]) -> str:
    return f"\\U{ord(found[0]):08x}"
