"""What a spec gives: a node with the keys that lead to it, and the one way to say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import SpecError
from vmf.rules import Rule
from vmf.spec import nodes, refusals
from vmf.spec.faults import Place, Source, shown
from vmf.spec.nodes import Node, Scalar, Sequence

KINDS = MappingProxyType({Scalar: "a text", Sequence: "a list", nodes.Mapping: "a block of keys"})
"""What nodes are called."""


class Given(Struct, frozen=True, kw_only=True):
    """What a spec gives, and the keys that lead there; list items count from 0."""

    keys: tuple[str | int, ...] = ()
    node: Node

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.node.place

    @property
    def name(self) -> str:
        """The keys as people read them: `spec.disks, item 1.file`."""
        return named(self.keys)

    def at(self, key: str) -> Given:
        """What is given below under a key; itself, if nothing is."""
        found = nodes.find(self.node, key)
        return self if found is None else self.below(key, found)

    def below(self, key: str | int, node: Node) -> Given:
        """What is given one level deeper."""
        return Given(keys=(*self.keys, key), node=node)

    def wrong(
        self, what: str, *, hint: str = "", rule: Rule = refusals.WRONG_VALUE, fix: tuple[str, str] | None = None
    ) -> SpecError:
        """Say what is wrong with it, to be raised."""
        return self.place.wrong(self.told(what), hint=hint, rule=rule, fix=fix)

    def told(self, what: str) -> str:
        """A sentence about it, which begins with its name."""
        return f"{self.name}: {what}" if self.keys else what

    def within(self, offset: int) -> Place:
        """The character of a text; of one that does not stand in its lines as it is meant, the whole."""
        place, text = self.place, self.node.text if isinstance(self.node, Scalar) else ""
        line, begin = _line(place.source, place.line), place.column - 1
        for quote in ("", "'", '"'):
            if text and line.startswith(f"{quote}{text}{quote}", begin):
                return replace(place, column=place.column + len(quote) + offset)
        return _within_block(place, text, offset) if line.startswith("|", begin) else place

    def text(self, wanted: str = "a text") -> str:
        """The text as written.

        Raises:
            SpecError: if something else is given, or nothing.
        """
        if not isinstance(self.node, Scalar):
            what = f"{wanted} is wanted, this is {KINDS[type(self.node)]}"
            raise self.wrong(what, hint=f"write {wanted}", rule=refusals.WRONG_SHAPE)
        if self.node.null:
            hint = "give a value; write an empty text as ''"
            raise self.wrong(f"{wanted} is wanted, this is empty", hint=hint, rule=refusals.WRONG_SHAPE)
        return self.node.text


def named(keys: Iterable[str | int]) -> str:
    """Keys as people read them: `spec.disks, item 1.file`."""
    words = (f", item {key + 1}" if isinstance(key, int) else f".{_key(key)}" for key in keys)
    return "".join(words).removeprefix(".")


def _within_block(place: Place, text: str, offset: int) -> Place:
    """The character of a text that stands below its `|`; its end is behind its last letter, not in the next line."""
    before = text[: min(offset, len(text.rstrip("\n")))]
    number, column = before.count("\n"), len(before) - before.rfind("\n")
    meant, line = text.split("\n")[number], _line(place.source, place.line + 1 + number)
    indent = len(line) - len(meant)
    if line != " " * indent + meant:
        return place
    return replace(place, line=place.line + 1 + number, column=indent + column)


def _line(source: Source, number: int) -> str:
    return "".join(source.lines[number - 1 : number])


def _key(key: str) -> str:
    return key if key.isidentifier() else shown(key)
