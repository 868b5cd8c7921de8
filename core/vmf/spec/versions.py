"""Older versions of the spec: what they called things, and how a document of theirs becomes one of today's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

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


def today(document: Node) -> tuple[Node, Fault | None]:
    """A document in today's words, and what there is to note of it if it was not written in them."""
    changes = {id(word): new for word, new in renamings(document)}
    if not changes:
        return document, None
    version = find(document, "apiVersion") or document
    text = version.text if isinstance(version, Scalar) else ""
    what = f"apiVersion: {shown(text)} is older than {API_VERSION}; it is read as if it were written in that"
    hint = "`vmf migrate` rewrites the file and keeps its comments"
    return _rewritten(document, changes), version.place.fault(what, hint=hint, rule=refusals.OLDER)


def renamings(document: Node) -> Iterator[tuple[Scalar, str]]:
    """The words of an older version that are others today, each with that; none in a document of today."""
    version, spec = find(document, "apiVersion"), find(document, "spec")
    if not isinstance(version, Scalar) or version.text not in RENAMED:
        return
    yield version, API_VERSION
    names = RENAMED[version.text]
    yield from ((key, names[key.text]) for key in _keys(spec) if key.text in names)
    for key in _queued(find(document, "spec", "queue")):
        prefix = _SPEC if key.text.startswith(_SPEC) else ""
        first, dot, rest = key.text.removeprefix(prefix).partition(".")
        if first in names:
            yield key, f"{prefix}{names[first]}{dot}{rest}"


def _keys(block: Node | None) -> Iterator[Scalar]:
    entries = block.entries if isinstance(block, nodes.Mapping) else ()
    return (key for key, _ in entries if isinstance(key, Scalar))


def _queued(queue: Node | None) -> Iterator[Scalar]:
    """The fields that the runs of a queue give."""
    for row in queue.items if isinstance(queue, nodes.Sequence) else ():
        yield from _keys(row)
    if queue is not None:
        yield from _keys(find(queue, "product"))


def _rewritten(node: Node, changes: Mapping[int, str]) -> Node:
    match node:
        case Scalar():
            return Scalar(text=changes[id(node)], plain=node.plain, place=node.place) if id(node) in changes else node
        case nodes.Sequence():
            items = tuple(_rewritten(item, changes) for item in node.items)
            return nodes.Sequence(items=items, place=node.place, height=node.height, weight=node.weight)
        case nodes.Mapping():
            entries = tuple((_rewritten(key, changes), _rewritten(value, changes)) for key, value in node.entries)
            return nodes.Mapping(entries=entries, place=node.place, height=node.height, weight=node.weight)
