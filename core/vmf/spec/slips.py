"""Keys that nobody knows, and what may have been meant by them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import inspect

from vmf.errors import Fault
from vmf.model import File, Image
from vmf.spec import nodes, refusals
from vmf.spec.faults import meant, shown, suggestion
from vmf.spec.given import Given
from vmf.spec.nodes import Scalar


def unknown(given: Given, key: Scalar, known: Mapping[str, inspect.Field]) -> Fault:
    """A key that is not among those of its block, and what may have been meant."""
    name = f"{given.name}: " if given.keys else ""
    entries_ = given.node.entries if isinstance(given.node, nodes.Mapping) else ()
    there = [each.text for each, _ in entries_ if isinstance(each, Scalar)]
    guess = meant(key.text, known)
    alone = guess not in there and [meant(each, known) for each in there].count(guess) == 1
    elsewhere = "" if guess else _elsewhere(given, key.text, known)
    return key.place.fault(
        f"{name}unknown key {shown(key.text)}",
        hint=f"did you mean {elsewhere}?" if elsewhere else suggestion(key.text, known),
        rule=refusals.UNKNOWN_KEY,
        fix=(key.text, guess) if guess and alone and key.plain else None,
    )


def _elsewhere(given: Given, key: str, known: Mapping[str, inspect.Field]) -> str:
    """Where a key that is unknown here would be known: one level deeper, or as what others call by that name."""
    deeper = [f"{name}.{key}" for name, field in known.items() if key in _keys(field.type)]
    other = _CALLED.get(key.lower(), "") if given.keys == ("spec",) else ""
    return " or ".join(deeper) or (other if other.split(".")[0] in {*known, "metadata"} else "")


_CALLED = MappingProxyType({
    "args": "arguments", "command": "run", "environment": "env", "mem": "memory", "name": "metadata.name",
    "net": "network", "ports": "network.forwards", "ram": "memory", "script": "run", "timeout": "time_limit",
    "vcpus": "cpus",
})  # fmt: skip
"""What is called otherwise elsewhere, and its keys below `spec` here."""
_TEXTS = frozenset({File, Image})
"""Structs that are written as a text."""


def _keys(wanted: inspect.Type) -> frozenset[str]:
    """The keys of a block; none of what is written as a text."""
    match wanted:
        case inspect.Metadata(type=inner):
            return _keys(inner)
        case inspect.UnionType(types=types):
            return frozenset().union(*(_keys(each) for each in types))
        case inspect.StructType(cls=cls, fields=fields) | inspect.TypedDictType(cls=cls, fields=fields):
            return frozenset(() if cls in _TEXTS else (field.encode_name for field in fields))
    return frozenset()
