"""Host files: documents of kind Host, from files or from folders of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, inspect

from vmf.model import Host
from vmf.spec.attributes import own_attributes
from vmf.spec.documents import Names, Shape, each_document, fields, read_document, shape
from vmf.spec.faults import Faults
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.read import Custom, Given, read, read_path

_ATTRIBUTES = own_attributes(Host)
_SUFFIXES = frozenset({".yaml", ".yml"})


def load_hosts(paths: Sequence[Path], *, settings: Mapping[str, type[Struct]]) -> tuple[Host, ...]:
    """Read every host of every file.

    Args:
        paths: host files, or folders whose `*.yaml` and `*.yml` are read in the order of their names.
        settings: hypervisor type to the struct that reads the block of that name.

    Raises:
        SpecError: with all faults of all files.
    """
    faults = Faults()
    names = Names()
    hosts = []
    for path, node in each_document(_files(paths), faults):
        below: Custom = {Path: partial(read_path, path.parent)}
        custom: Custom = {**below, **{each: partial(_builtins, each, below) for each in settings.values()}}
        with faults:
            names.claim(node)
        with faults:
            hosts.append(read_document(node, _shape(node, settings), custom=custom, checks=(_ATTRIBUTES,)))
    faults.settle()
    return tuple(hosts)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            found = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
        except OSError:
            found = [path]  # a file, or something of which its reader will say what is wrong with it
        yield from found


def _shape(node: Node, settings: Mapping[str, type[Struct]]) -> Shape[Host]:
    """A host's shape, the settings under the name of its type; of every type, if it gives none that is known."""
    types = sorted(settings)
    given = find(node, "spec", "type")
    chosen = [given.text] if isinstance(given, Scalar) and given.text in settings else types
    known = {"description": f"one of {', '.join(types)}"}
    known_type = inspect.Metadata(inspect.LiteralType(tuple(types)), extra_json_schema=known)
    kind = inspect.Field(name="type", encode_name="type", type=known_type)
    plain = tuple(field for field in fields(Host) if field.name not in {"type", "settings"})
    return shape(Host, (kind, *plain, *(_block(name, settings[name]) for name in chosen)))


def _block(name: str, struct: type[Struct]) -> inspect.Field:
    needed = any(field.required for field in fields(struct))
    return inspect.Field(name="settings", encode_name=name, type=inspect.type_info(struct), required=needed)


def _builtins(struct: type[Struct], custom: Custom, given: Given) -> Any:  # noqa: ANN401  # whatever the struct holds
    return msgspec.to_builtins(read(given, inspect.type_info(struct), custom), enc_hook=str)
