"""Older versions of the spec: what they called things, and how a document of theirs becomes one of today's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from vmf.errors import Fault
from vmf.model import API_VERSION
from vmf.spec import nodes, refusals
from vmf.spec.faults import shown
from vmf.spec.nodes import Node, Scalar, find

VERSIONS: Final = re.compile(r"vmf/v(?P<number>[1-9][0-9]*)((alpha|beta)[1-9][0-9]*)?")
"""What a version of vmf's looks like."""

RENAMED: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "vmf/v1beta1": MappingProxyType({"disk": "disk_space"}),
})  # fmt: skip
"""Each older version, with the keys of `spec` that have another name today."""
_SPEC = "spec."


class Renamed(Struct, frozen=True, kw_only=True):
    """A word of an older version, and what it is called today."""

    word: Scalar
    new: str


def today(document: Node) -> tuple[Node, Fault | None]:
    """A document in today's words, and what there is to note of it if it was not written in them."""
    converted, changes = convert(document)
    if not changes:
        return document, None
    version = changes[0].word
    what = f"apiVersion: {shown(version.text)} is older than {API_VERSION}; it is read as if it were written in that"
    hint = "`vmf migrate` rewrites the file and keeps its comments"
    return converted, version.place.fault(what, hint=hint, rule=refusals.OLDER)


def convert(document: Node) -> tuple[Node, tuple[Renamed, ...]]:
    """A document in today's words, and the words that were others, the version first; none if it is of today."""
    version, spec = find(document, "apiVersion"), find(document, "spec")
    if not isinstance(version, Scalar) or version.text not in RENAMED:
        return document, ()
    names, changes = RENAMED[version.text], [Renamed(word=version, new=API_VERSION)]

    def key(word: Scalar) -> Scalar:
        prefix = _SPEC if word.text.startswith(_SPEC) else ""
        first, dot, rest = word.text.removeprefix(prefix).partition(".")
        if first not in names:
            return word
        changes.append(Renamed(word=word, new=f"{prefix}{names[first]}{dot}{rest}"))
        return _respelt(word, changes[-1].new)

    document = _with(document, "apiVersion", _respelt(version, API_VERSION))
    queue = find(document, "spec", "queue")
    if isinstance(spec, nodes.Mapping):
        queued = _with(spec, "queue", _queued(queue, key)) if queue else spec
        document = _with(document, "spec", _keys(queued, key))
    return document, tuple(changes)


def _queued(queue: Node, key: Callable[[Scalar], Scalar]) -> Node:
    """A queue in whose runs each field is what `key` makes of it."""
    if isinstance(queue, nodes.Sequence):
        items = tuple(_keys(item, key) for item in queue.items)
        return nodes.Sequence(items=items, place=queue.place, height=queue.height, weight=queue.weight)
    product = find(queue, "product")
    return queue if product is None else _with(queue, "product", _keys(product, key))


def _keys(block: Node, key: Callable[[Scalar], Scalar]) -> Node:
    if not isinstance(block, nodes.Mapping):
        return block
    entries = ((key(name) if isinstance(name, Scalar) else name, value) for name, value in block.entries)
    return nodes.Mapping(entries=tuple(entries), place=block.place, height=block.height, weight=block.weight)


def _with(block: Node, key: str, value: Node) -> Node:
    """A block with another value for a key that it has."""
    if not isinstance(block, nodes.Mapping):
        return block
    entries = ((name, value if isinstance(name, Scalar) and name.text == key else old) for name, old in block.entries)
    return nodes.Mapping(entries=tuple(entries), place=block.place, height=block.height, weight=block.weight)


def _respelt(word: Scalar, text: str) -> Scalar:
    return Scalar(text=text, plain=word.plain, place=word.place)
