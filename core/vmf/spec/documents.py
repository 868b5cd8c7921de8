"""A document: the envelope, which is the same for every kind, around one value of the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct, inspect

from vmf.errors import Fault
from vmf.model import API_VERSION
from vmf.spec.faults import Faults, Place, shown, suggestion
from vmf.spec.nodes import Node, Scalar, documents, find
from vmf.spec.read import Custom, Given, entries, read

T = TypeVar("T", bound=Struct)
Fields: TypeAlias = tuple[inspect.Field, ...]
Check: TypeAlias = Callable[[Node], Iterable[Fault]]
"""What no single field's type can tell; it sees the nodes, so that its faults come together with all others."""

_ANY_VERSION = re.compile(r"vmf/v[1-9][0-9]*")
_ELSEWHERE = MappingProxyType({
    ("Job", "Host"): "hosts are read from --hosts or the configuration folder only",
    ("Job", "Image"): "keep it in a file of its own, NAME.image.yaml, and name that by the `image:` of a job",
    ("Host", "Job"): "jobs are given to `vmf run`; hosts have kind: Host",
    ("Image", "Job"): "name it to `vmf run`; an image has kind: Image",
})  # fmt: skip


class Shape(Struct, Generic[T], frozen=True, kw_only=True):
    """How a document of one kind is built: the model's class, which also names the kind, and the blocks to read."""

    kind: type[T]
    blocks: inspect.TypedDictType


def fields(struct: type[Struct]) -> Fields:
    """The fields of a struct."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return info.fields


def shape(kind: type[T], given: Fields = ()) -> Shape[T]:
    """The shape of a kind's documents: the metadata tell the name, the `spec` tells every other field.

    Args:
        kind: the model's class.
        given: fields to read in place of the model's own.
    """
    every = given or fields(kind)
    blocks = _block(
        _required("apiVersion", inspect.StrType()),
        _required("kind", inspect.StrType()),
        _required("metadata", _block(*(field for field in every if field.name == "name"))),
        _required("spec", _block(*(field for field in every if field.name != "name"))),
    )
    return Shape(kind=kind, blocks=blocks)


def read_document(node: Node, wanted: Shape[T], *, custom: Custom, checks: Iterable[Check] = ()) -> T:
    """Read the value of a document.

    Raises:
        SpecError: with everything that is wrong with it.
    """
    given = Given(node=node)
    _check_envelope(given, wanted.kind.__name__)
    faults = Faults()
    parts = {}
    with faults:
        parts = read(given, wanted.blocks, custom)
    for check in checks:
        for fault in check(node):
            faults.add(fault)
    faults.settle()
    return wanted.kind(**parts["metadata"], **parts["spec"])


def each_document(paths: Iterable[Path], faults: Faults) -> Iterator[tuple[Path, Node]]:
    """Every document of every file, with its file; what cannot be read goes to `faults`."""
    for path in paths:
        with faults:
            for node in documents(path):
                yield path, node


class Names:
    """The names of one call's documents: no two share one."""

    def __init__(self) -> None:
        self._first: dict[str, Place] = {}

    def claim(self, node: Node) -> None:
        """Take the name that a document gives itself.

        Raises:
            SpecError: if an earlier document has it.
        """
        name = find(node, "metadata", "name")
        if not isinstance(name, Scalar):
            return
        if first := self._first.get(name.text):
            what = f"metadata.name: {shown(name.text)} is already the name of the one in {first}"
            raise name.place.wrong(what, hint="give each a name of its own")
        self._first[name.text] = name.place


def _check_envelope(given: Given, kind: str) -> None:
    """Refuse what is no document of this kind and version, so that its contents are not judged by the wrong words."""
    faults = Faults()
    parts = {key.text: below for key, below in entries(given, Faults())}
    for key, check, wanted in (("apiVersion", _check_version, API_VERSION), ("kind", _check_kind, kind)):
        if key in parts:
            with faults:
                check(parts[key], wanted)
    faults.settle()


def _check_version(given: Given, wanted: str) -> None:
    text = given.text(wanted)
    if text != wanted:
        newer = _ANY_VERSION.fullmatch(text)
        hint = f"upgrade vmf, or write {wanted}" if newer else f"write apiVersion: {wanted}"
        raise given.wrong(f"{shown(text)} is {'newer than this vmf' if newer else 'no version of vmf'}", hint=hint)


def _check_kind(given: Given, wanted: str) -> None:
    text = given.text(wanted)
    if text != wanted:
        hint = _ELSEWHERE.get((wanted, text)) or suggestion(text, [wanted])
        raise given.wrong(f"{shown(text)} is not read here, only {wanted}", hint=hint)


def _block(*parts: inspect.Field) -> inspect.TypedDictType:
    return inspect.TypedDictType(cls=dict, fields=parts)


def _required(name: str, wanted: inspect.Type) -> inspect.Field:
    return inspect.Field(name=name, encode_name=name, type=wanted)
