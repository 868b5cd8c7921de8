"""Which hosts' attributes a job's or a host's expression depends on, through whatever attributes of both sides."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from msgspec import Struct

from vmf.classad import Ad, Node
from vmf.classad.scope import DEPTH, VALUES
from vmf.match.columns import Columns
from vmf.match.reading import has_special, reading

_HEIGHT: Final = DEPTH // 4
"""What nests deeper may come near the language's limit, which counts all at once: it is not taken apart."""


class Side(IntEnum):
    """Whose attribute an expression is: what it calls MY."""

    JOB = 0
    HOST = 1

    @property
    def other(self) -> Side:
        """What it calls TARGET."""
        return Side(1 - self)


class Dependence(Struct, frozen=True):
    """What an expression depends on."""

    names: frozenset[str]
    """Hosts' attributes that are not the same for all hosts, by folded name."""
    height: int
    """How many nodes stand above one another, those of attributes on those that refer to them."""


class Opaque(Exception):
    """The expression has to be evaluated as a whole, for each host by itself."""


class Dependencies:
    """What expressions of one job, and of the hosts about it, depend on."""

    def __init__(self, columns: Columns, job: Ad) -> None:
        self._columns = columns
        self._job = job
        self._special = columns.special or has_special(job)
        self._attributes: dict[tuple[Side, str], Dependence | None] = {}

    def on(self, node: Node, side: Side) -> Dependence:
        """What an expression depends on.

        Raises:
            Opaque: no text tells, or it nests too deep.
        """
        found = reading(node)
        if found.opaque or self._special:
            raise Opaque
        reached = _joined(
            [
                *(self._attribute(name, side) for name in found.mine),
                *(self._attribute(name, side.other) for name in found.theirs),
            ]
        )
        height = found.height + reached.height
        if height > _HEIGHT:
            raise Opaque
        return Dependence(reached.names, height)

    def _attribute(self, name: str, side: Side) -> Dependence:
        if (side, name) not in self._attributes:
            self._attributes[side, name] = None
            names = [name] if side is Side.HOST and self._columns[name].kinds.count > 1 else []
            self._attributes[side, name] = _joined(
                (self.on(node, side) for node in self._expressions(name, side)), names
            )
        found = self._attributes[side, name]
        if found is None:
            raise Opaque  # attributes in a circle: where it is broken depends on where it is entered
        return found

    def _expressions(self, name: str, side: Side) -> tuple[Node, ...]:
        """An attribute's distinct expressions that are no literals."""
        if side is Side.HOST:
            return self._columns[name].expressions
        node = self._job.fields.get(name)
        return () if node is None or isinstance(node, VALUES) else (node,)


def _joined(parts: Iterable[Dependence], names: Iterable[str] = ()) -> Dependence:
    parts = list(parts)
    joined = frozenset(names).union(*(part.names for part in parts))
    return Dependence(joined, max((part.height for part in parts), default=0))
