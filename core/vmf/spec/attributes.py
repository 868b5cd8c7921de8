"""The attributes that a spec adds to an ad: whose they may not be, and texts that lack their quotes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from vmf.ads import SCOPES, reserved
from vmf.errors import Fault
from vmf.model import Host, Job
from vmf.spec import nodes, refusals
from vmf.spec.documents import NodeCheck
from vmf.spec.faults import shown
from vmf.spec.nodes import Node, Scalar, find


def own_attributes(kind: type[Job | Host]) -> NodeCheck:
    """What to check of `spec.attributes` in documents of a kind."""

    def check(document: Node) -> Iterator[Fault]:
        ours = _reserved(kind)
        block = find(document, "spec", "attributes")
        given: dict[str, str] = {}
        for key, value in block.entries if isinstance(block, nodes.Mapping) else ():
            if not isinstance(key, Scalar):
                continue
            name = key.text.lower()
            if name in ours:
                yield key.place.fault(
                    f"spec.attributes: vmf itself sets {shown(key.text)}",
                    hint="choose another name",
                    rule=refusals.RESERVED,
                )
            elif name in SCOPES:
                what = f"spec.attributes: in expressions {shown(key.text)} means something else"
                yield key.place.fault(what, hint="choose another name", rule=refusals.RESERVED)
            elif name in given and given[name] != key.text:
                what = f"spec.attributes: {shown(key.text)} and {shown(given[name])} are the same name"
                yield key.place.fault(what, hint="case does not count: keep one of them", rule=refusals.DOUBLE_KEY)
            given.setdefault(name, key.text)
            if isinstance(value, Scalar) and value.text.isidentifier() and value.text.lower() not in _WORDS:
                what = f"spec.attributes.{key.text}: {shown(value.text)} is the name of another attribute, not a text"
                yield value.place.fault(
                    what, hint=f"a text has double quotes of its own: '\"{value.text}\"'", rule=refusals.NOT_PARSED
                )

    return check


_reserved = cache(reserved)
_WORDS = frozenset({"true", "false", "undefined", "error"})
