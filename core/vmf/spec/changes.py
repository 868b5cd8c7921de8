"""`--set KEY=VALUE`: a change to the nodes of a document before they are read, so that faults point at the option."""

from __future__ import annotations

from msgspec import Struct

from vmf.spec import refusals
from vmf.spec.faults import Place, Source, shown
from vmf.spec.nodes import DEPTH_LIMIT, Mapping, Node, Scalar, compose, scalar

_SHOWN = 60
_PARTS = frozenset({"metadata", "spec"})
_EXAMPLE = "write --set KEY=VALUE, such as --set memory=1GiB or --set env.NAME=you"


class Change(Struct, frozen=True, kw_only=True):
    """A value, and the keys that lead to it from the top of a document."""

    keys: tuple[str, ...]
    value: Node
    place: Place


def parse_change(text: str) -> Change:
    """Read `KEY=VALUE`; a value that starts with [ or { is YAML, any other is a text.

    Raises:
        SpecError: if it is no such thing.
    """
    source = Source(where=f"--set {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'}")
    place = Place(source=source)
    key, equals, value = text.partition("=")
    if not equals:
        raise place.wrong("the = is missing", hint=_EXAMPLE, rule=refusals.BAD_CHANGE)
    return Change(keys=keys_of(key, place), value=_value(value, source), place=place)


def keys_of(key: str, place: Place) -> tuple[str, ...]:
    """The keys that lead to a field from the top of a document; they begin below `spec` unless they say otherwise.

    Raises:
        SpecError: if it is no such key.
    """
    keys = tuple(key.split("."))
    if not all(keys) or len(keys) > DEPTH_LIMIT:
        hint = "write keys with dots between them, such as results.folder"
        raise place.wrong(f"{shown(key)} is no key", hint=hint, rule=refusals.BAD_CHANGE)
    return keys if keys[0] in _PARTS else ("spec", *keys)


def apply_change(document: Node, change: Change) -> Node:
    """The document with the change made.

    Raises:
        SpecError: if the change lies below something that is no block of keys.
    """
    return _changed(document, change.keys, change)


def _value(text: str, source: Source) -> Node:
    place = Place(source=source)
    if not text.startswith(("[", "{")):
        return scalar(text, place, plain=False)
    value, *rest = compose(text, source)
    if rest:
        raise place.wrong("more than one value", hint=_EXAMPLE, rule=refusals.BAD_CHANGE)
    return value


def _changed(node: Node, keys: tuple[str, ...], change: Change) -> Node:
    if not keys:
        return change.value
    if isinstance(node, Scalar) and node.null:
        node = Mapping(entries=(), place=change.place)
    if not isinstance(node, Mapping):
        within = ".".join(change.keys[: -len(keys)]) or "the document"
        raise change.place.wrong(
            f"{within} is no block of keys", hint="set the whole of it instead", rule=refusals.BAD_CHANGE
        )
    key, rest = keys[0], keys[1:]
    entries = node.entries
    if not any(_is_key(name, key) for name, _ in entries):
        place = change.place
        entries += ((Scalar(text=key, plain=True, place=place), Scalar(text="", plain=True, place=place)),)
    changed = ((name, _changed(value, rest, change) if _is_key(name, key) else value) for name, value in entries)
    return Mapping(entries=tuple(changed), place=node.place)


def _is_key(node: Node, key: str) -> bool:
    return isinstance(node, Scalar) and node.text == key
