"""A document: the envelope, which is the same for every kind, around one value of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct, inspect

from vmf.ads import needs
from vmf.errors import Fault, SpecError
from vmf.model import API_VERSION, MEBIBYTE, File, Host, Image, Job, Steps
from vmf.rules import Check, Rule
from vmf.spec import nodes, refusals
from vmf.spec.faults import Faults, Place, shown, suggestion
from vmf.spec.given import Given
from vmf.spec.nodes import Node, Scalar, documents, find
from vmf.spec.read import LOST, Custom, Reader, entries, type_info
from vmf.spec.versions import VERSIONS

T = TypeVar("T", bound=Struct)
Fields: TypeAlias = tuple[inspect.Field, ...]
NodeCheck: TypeAlias = Callable[[Node], Iterable[Fault]]
"""What neither a field's type nor the value that was read can tell, such as two spellings of one key."""

KINDS: Mapping[str, type[Struct]] = MappingProxyType({each.__name__: each for each in (Job, Host, Image, Steps)})
"""What a document can be of."""
_ELSEWHERE = MappingProxyType({
    ("Job", "Host"): "hosts are read from --hosts or the configuration folder only",
    ("Job", "Image"): "keep it in a file of its own, NAME.image.yaml, and name that by the `image:` of a job",
    ("Host", "Job"): "jobs are given to `vmf run`; hosts have kind: Host",
    ("Job", "Steps"): "`vmf configure JOB FILE` has them done on a machine that runs",
    ("Steps", "Job"): "give it to `vmf run`; steps for a machine that runs have kind: Steps",
    ("Image", "Job"): "name it to `vmf run`; an image has kind: Image",
})  # fmt: skip
_NUMBER = 1
"""Of today's version."""
_METADATA = frozenset({"name", "labels"})
_SETTINGS, _NEEDS, _FILES = "settings", "block_needs", "block_files"
"""What is made of the blocks of hypervisor types; no block has these names."""
_STAND_INS: Mapping[str, Any] = MappingProxyType(
    {"name": "nameless", "memory": MEBIBYTE, "type": "unknown", "steps": ()}
)
"""For what a document has to give and does not, so that all else that it gives can be judged."""


class Shape(Struct, Generic[T], frozen=True, kw_only=True):
    """How a document of one kind is built: the model's class, which also names the kind, and the blocks to read."""

    kind: type[T]
    blocks: inspect.TypedDictType
    types: frozenset[str] = frozenset()
    """The hypervisor types that have a block of their own."""


class Draft(Struct, Generic[T], frozen=True, kw_only=True):
    """A document as far as it can be read."""

    node: Node
    value: T | None = None
    """What was read, with stand-ins for what was not; None if it is no document of its kind at all."""
    faults: tuple[Fault, ...] = ()
    spoilt: frozenset[tuple[str | int, ...]] = frozenset()
    """The fields, two keys deep, of which the value tells less than the document."""

    def settle(self, checks: Iterable[Check[Any]] = ()) -> T:
        """The value.

        Raises:
            SpecError: with everything that is wrong with it, and all that the checks have against it.
        """
        faults = dict.fromkeys((*self.faults, *(fault for _, fault in self.judged(checks))))
        if self.value is None or faults:
            raise SpecError(tuple(faults))
        return self.value

    def place(self, *at: str | int) -> Place:
        """Where a field stands, or the nearest block that does."""
        return locate(self.node, at)

    def judged(self, checks: Iterable[Check[Any]]) -> Iterator[tuple[Rule, Fault]]:
        """What checks have against the value, except where the document could not be read."""
        for check in checks:
            for found in check.judge(self.value) if isinstance(self.value, check.kind) else ():
                at = found.at if found.at[:1] == ("metadata",) else ("spec", *found.at)
                if self.spoilt.isdisjoint({at[:2], *(("spec", field) for field in found.given)}):
                    what = Given(keys=at, node=self.node).told(found.what)
                    yield check.rule, locate(self.node, at).fault(what, hint=found.hint, rule=check.rule)


def fields(struct: type[Struct]) -> Fields:
    """The fields of a struct."""
    info = type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return info.fields


def shape(kind: type[T], given: Fields = (), types: Mapping[str, type[Struct]] = MappingProxyType({})) -> Shape[T]:
    """The shape of a kind's documents: the metadata tell name and labels, the `spec` tells every other field.

    Args:
        kind: the model's class.
        given: fields to read in place of the model's own.
        types: hypervisor type to the struct of its block.
    """
    every = given or fields(kind)
    about = tuple(field for field in every if field.name in _METADATA)
    spec = tuple(field for field in every if field.name not in {*_METADATA, _SETTINGS, _NEEDS, _FILES})
    blocks = _block(
        _required("apiVersion", inspect.StrType()),
        _required("kind", inspect.StrType()),
        _required("metadata", _block(*about)),
        _required("spec", _block(*spec, *(_typed(name, struct) for name, struct in types.items()))),
    )
    return Shape(kind=kind, blocks=blocks, types=frozenset(types))


def draft(node: Node, wanted: Shape[T], *, custom: Custom, checks: Iterable[NodeCheck] = ()) -> Draft[T]:
    """Read a document as far as that can be done."""
    given = Given(node=node)
    try:
        _check_envelope(given, wanted.kind.__name__)
    except SpecError as error:
        return Draft(node=node, faults=error.faults)
    reader = Reader(custom)
    parts = reader.read(given, wanted.blocks)
    for check in checks:
        reader.faults.add(*check(node))
    value = _built(wanted, {} if parts is LOST else parts)
    return Draft(node=node, value=value, faults=reader.faults.each, spoilt=frozenset(reader.spoilt))


def each_document(paths: Iterable[Path], faults: Faults) -> Iterator[tuple[Path, Node]]:
    """Every document of every file, with its file; what cannot be read goes to `faults`."""
    for path in paths:
        with faults:
            for node in documents(path):
                yield path, node


def locate(node: Node, at: Iterable[str | int]) -> Place:
    """Where the value that a path of keys leads to stands, or the last thing on the way; of a block, its key."""
    place = node.place
    for key in at:
        found = next((each for each in _children(node) if each[0] == key), None)
        if found is None:
            break
        _, node, place = found
    return place


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
            raise name.place.wrong(what, hint="give each a name of its own", rule=refusals.NAME_TWICE)
        self._first[name.text] = name.place


def _children(node: Node) -> Iterator[tuple[str | int, Node, Place]]:
    """What lies below a node: its key, itself, and where to point."""
    if isinstance(node, nodes.Sequence):
        yield from ((number, item, item.place) for number, item in enumerate(node.items))
    elif isinstance(node, nodes.Mapping):
        for key, value in node.entries:
            if isinstance(key, Scalar):
                yield key.text, value, key.place if isinstance(value, nodes.Mapping) else value.place


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
        newer = (found := VERSIONS.fullmatch(text)) and int(found["number"][:9]) > _NUMBER
        hint = f"upgrade vmf, or write {wanted}" if newer else f"write apiVersion: {wanted}"
        what = f"{shown(text)} is {'newer than this vmf' if newer else 'no version that vmf reads'}"
        raise given.wrong(what, hint=hint, rule=refusals.VERSION)


def _check_kind(given: Given, wanted: str) -> None:
    text = given.text(wanted)
    if text != wanted:
        hint = _ELSEWHERE.get((wanted, text)) or suggestion(text, [wanted])
        raise given.wrong(f"{shown(text)} is not read here, only {wanted}", hint=hint, rule=refusals.KIND)


def _built(wanted: Shape[T], parts: Mapping[str, Mapping[str, Any]]) -> T:
    given = {**parts.get("metadata", {}), **parts.get("spec", {})}
    if wanted.types:
        blocks = {name: given.pop(name) for name in sorted(wanted.types & given.keys())}
        given[_SETTINGS] = msgspec.to_builtins(blocks, enc_hook=str)
        if _NEEDS in wanted.kind.__struct_fields__:
            asked = {name: {need.ability: need.at for need in needs(block)} for name, block in blocks.items()}
            given[_NEEDS] = {name: found for name, found in asked.items() if found}
            named = {name: tuple(_files(block)) for name, block in blocks.items()}
            given[_FILES] = {name: found for name, found in named.items() if found}
    missing = (field.name for field in fields(wanted.kind) if field.required and field.name not in given)
    return wanted.kind(**given, **{name: _STAND_INS[name] for name in missing})


def _files(value: object) -> Iterator[File]:
    """The files in a block, however deep."""
    match value:
        case File():
            yield value
        case Struct():
            for name in value.__struct_fields__:
                yield from _files(getattr(value, name))
        case Mapping():
            for each in value.values():
                yield from _files(each)
        case tuple():
            for each in value:
                yield from _files(each)


def _typed(name: str, struct: type[Struct]) -> inspect.Field:
    """The block of a hypervisor type."""
    needed = any(field.required for field in fields(struct))
    return inspect.Field(name=name, encode_name=name, type=type_info(struct), required=needed)


def _block(*parts: inspect.Field) -> inspect.TypedDictType:
    return inspect.TypedDictType(cls=dict, fields=parts)


def _required(name: str, wanted: inspect.Type) -> inspect.Field:
    return inspect.Field(name=name, encode_name=name, type=wanted)
