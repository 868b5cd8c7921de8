"""Host files: documents of kind Host, from files or from folders of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from os.path import exists, isfile, normpath
from pathlib import Path
from typing import Any

from msgspec import Struct, inspect

from vmf.errors import Fault
from vmf.model import Action, Folder, Host, ImageRoot
from vmf.spec.attributes import own_attributes
from vmf.spec.contradictions import ERRORS
from vmf.spec.documents import Draft, Names, Shape, draft, each_document, fields, shape
from vmf.spec.faults import Faults
from vmf.spec.files import full_path, reading
from vmf.spec.given import Given
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.read import Custom, read, type_info
from vmf.spec.versions import today

_ATTRIBUTES = own_attributes(Host)
_SUFFIXES = frozenset({".yaml", ".yml"})


def load_hosts(
    paths: Sequence[Path], *, settings: Mapping[str, type[Struct]], remark: Callable[[Fault], None]
) -> tuple[Host, ...]:
    """Read every host of every file.

    Args:
        paths: host files, or folders of them, see `host_files`.
        settings: hypervisor type to the struct that reads the block of that name.
        remark: is told what is worth knowing and keeps nobody from anything.

    Raises:
        SpecError: with all faults of all files.
    """
    faults = Faults()
    names = Names()
    hosts = []
    for path, node in each_document(host_files(paths), faults):
        document, note = today(node)
        if note:
            remark(note)
        read = host_draft(document, path, settings=settings)
        with faults:
            names.claim(read.node)
        with faults:
            hosts.append(read.settle(ERRORS))
    faults.settle()
    return tuple(hosts)


def host_draft(document: Node, path: Path, *, settings: Mapping[str, type[Struct]]) -> Draft[Host]:
    """A document of today, of a host file, as far as it can be read."""
    return draft(document, _shape(document, settings), custom=_reading(path.parent), checks=(_ATTRIBUTES,))


def host_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are named, and the specs right in the folders that are, in the order of their names."""
    for path in paths:
        try:
            found = sorted(filter(is_spec, path.iterdir()))
        except OSError:
            found = [path]  # a file, or something of which its reader will say what is wrong with it
        yield from found


def is_spec(path: Path) -> bool:
    """Whether it is read where its folder is named: `*.yaml` and `*.yml`, none that is hidden; no folder, no pipe.

    A link that leads nowhere is: its reader says so.
    """
    if path.suffix not in _SUFFIXES or path.name.startswith("."):
        return False
    return isfile(path) or not exists(path)  # noqa: PTH110, PTH113  # those of Path raise in a folder closed to us


def _reading(folder: Path) -> Custom:
    """How to read paths: those by which a host is reached begin at its spec, those of its policy are full ones."""
    return {**reading(folder), **{each: partial(_policy, each) for each in (Action, Folder, ImageRoot)}}


def _policy(struct: type[Struct], given: Given) -> Any:  # noqa: ANN401  # the struct
    return read(given, type_info(struct), {Path: _plain_path})


def _plain_path(given: Given) -> Path:
    """A full path without `..`: files are compared with it by their names."""
    return Path(normpath(full_path(given)))


def _shape(node: Node, settings: Mapping[str, type[Struct]]) -> Shape[Host]:
    """A host's shape, with the block of its type; with every type's, if it gives none that is known."""
    types = sorted(settings)
    given = find(node, "spec", "type")
    chosen = [given.text] if isinstance(given, Scalar) and given.text in settings else types
    known = {"description": f"one of {', '.join(types)}"}
    known_type = inspect.Metadata(inspect.LiteralType(tuple(types)), extra_json_schema=known)
    kind = inspect.Field(name="type", encode_name="type", type=known_type)
    plain = (field for field in fields(Host) if field.name != "type")
    return shape(Host, (kind, *plain), {name: settings[name] for name in chosen})
