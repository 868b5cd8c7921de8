"""Older versions of the spec: what they called things, and how a document of theirs becomes one of today's."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def today(document: Node) -> tuple[Node, Fault | None]:
    """A document in today's words, and what there is to note of it if it was not written in them."""
    version = find(document, "apiVersion")
    if not isinstance(version, Scalar) or version.text not in RENAMED:
        return document, None
    what = f"apiVersion: {shown(version.text)} is older than {API_VERSION}; it is read as if it were written in that"
    hint = "`vmf migrate` rewrites the file and keeps its comments"
    current = Scalar(text=API_VERSION, plain=True, place=version.place)
    converted = _with(document, "apiVersion", current)
    spec = find(document, "spec")
    if isinstance(spec, nodes.Mapping):
        converted = _with(converted, "spec", _renamed(spec, RENAMED[version.text]))
    return converted, version.place.fault(what, hint=hint, rule=refusals.OLDER)


def _with(document: Node, key: str, value: Node) -> Node:
    if not isinstance(document, nodes.Mapping):
        return document
    changed = (
        (name, value if isinstance(name, Scalar) and name.text == key else old) for name, old in document.entries
    )
    return nodes.Mapping(entries=tuple(changed), place=document.place)


def _renamed(block: nodes.Mapping, names: Mapping[str, str]) -> Node:
    entries = tuple(
        (Scalar(text=names.get(key.text, key.text), plain=key.plain, place=key.place), value)
        if isinstance(key, Scalar)
        else (key, value)
        for key, value in block.entries
    )
    return nodes.Mapping(entries=entries, place=block.place)
