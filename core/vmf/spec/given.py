"""What a spec gives: a node with the keys that lead to it, and the one way to say what is wrong with it."""

from __future__ import annotations

from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import SpecError
from vmf.rules import Rule
from vmf.spec import nodes, refusals
from vmf.spec.faults import Place, shown
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
        words = (f", item {key + 1}" if isinstance(key, int) else f".{_key(key)}" for key in self.keys)
        return "".join(words).removeprefix(".")

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
        """The character of a text; of one that does not stand in a line as it is meant, the whole."""
        place, text = self.place, self.node.text if isinstance(self.node, Scalar) else ""
        line = "".join(place.source.lines[place.line - 1 : place.line])
        if offset > 0 and line.startswith(text, place.column - 1):
            return replace(place, column=place.column + offset)
        return place

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


def _key(key: str) -> str:
    return key if key.isidentifier() else shown(key)
