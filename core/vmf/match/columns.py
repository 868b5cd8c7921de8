"""Hosts' ads as columns: of each attribute its distinct expressions, and which host has which."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf.classad import Ad, Node
from vmf.classad.scope import VALUES
from vmf.classad.values import Undefined
from vmf.match.reading import has_special
from vmf.match.texts import Texts, texts
from vmf.match.vectors import Mask, Vector, packed

_COMBINATIONS: Final = 256
"""How many sets of columns are remembered, at some bytes for each host."""


class Kinds(Struct, frozen=True, eq=False):
    """Hosts that are alike in something, numbered by kind.

    Attributes:
        codes: each host's kind; shape (hosts,).
        first: each kind's first host; shape (kinds,).
    """

    codes: NDArray[np.intp]
    first: NDArray[np.intp]

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return len(self.first)

    @property
    def places(self) -> NDArray[np.intp] | int:
        """Where each host finds what is said of its kind; of a single kind it is said once for all hosts."""
        return 0 if self.count == 1 else self.codes


class Column(Struct, frozen=True, eq=False):
    """An attribute of all hosts.

    Attributes:
        nodes: its distinct expressions, one for each kind; None stands for hosts that do not have it.
        kinds: which host has which of them.
        expressions: those that are no literals.
        vector: the values, if all are literals of one type that vectors can hold.
    """

    nodes: tuple[Node | None, ...]
    kinds: Kinds
    expressions: tuple[Node, ...]
    vector: Vector | None


class Columns:
    """Hosts' attributes, each made a column when it is first asked for."""

    def __init__(self, hosts: Sequence[Ad]) -> None:
        self.hosts = tuple(hosts)
        self.special = any(map(has_special, self.hosts))
        """Whether a host gives another meaning to `MY`, `TARGET` or their like."""
        everyone = np.arange(len(self.hosts))
        self.apart = Kinds(everyone, everyone)
        """Every host a kind of its own."""
        self._columns: dict[str, Column] = {}
        self._combined: dict[frozenset[str], Kinds] = {}
        self._texts: dict[tuple[str, str], Texts | None] = {}

    def __getitem__(self, name: str) -> Column:
        """The column of a folded name; it exists, even if no host has the attribute."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _column([host.fields.get(name) for host in self.hosts])
        return column

    def without(self, name: str) -> Mask:
        """Which hosts do not have an attribute."""
        column = self[name]
        return column.kinds.codes == column.nodes.index(None) if None in column.nodes else np.zeros((), np.bool_)

    def texts(self, name: str, operator: str) -> Texts | None:
        """A column of texts as a comparison sees it; None if it is none."""
        if (name, operator) not in self._texts:
            column = self[name]
            self._texts[name, operator] = texts(column.nodes, column.kinds.places, operator)
        return self._texts[name, operator]

    def kinds(self, names: frozenset[str]) -> Kinds:
        """Which hosts are alike in all these columns."""
        if len(names) == 1:
            return self[next(iter(names))].kinds
        known = self._combined.get(names)
        if known is None:
            if len(self._combined) >= _COMBINATIONS:
                self._combined.clear()
            known = self._combined[names] = self._combine(sorted(names))
        return known

    def _combine(self, names: Sequence[str]) -> Kinds:
        kinds = Kinds(np.zeros(len(self.hosts), np.intp), np.zeros(1, np.intp))
        for more in (self[name].kinds for name in names):
            pairs = kinds.codes * more.count + more.codes
            _, first, codes = np.unique(pairs, return_index=True, return_inverse=True)
            kinds = Kinds(codes, first)
        return kinds


def identity(nodes: Sequence[Node | None]) -> bytes:
    """What tells expressions apart as Python's equality does not: by type (1, 1.0 and true), and 0.0 from -0.0."""
    try:
        return _ENCODER.encode(nodes)
    except UnicodeEncodeError:  # a string whose bytes are not UTF-8
        return repr(nodes).encode("utf-8", "surrogateescape")


def _extension(value: Any) -> msgspec.msgpack.Ext:  # noqa: ANN401  # what msgspec does not know itself
    return msgspec.msgpack.Ext(int(isinstance(value, Undefined)), b"")


_EQUAL_ALIKE: Final = frozenset({bool, int, str})
"""Types whose equal values are the same; 0.0 and -0.0 are not, nor is a NaN equal to itself."""
_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_extension)


def kinds(keys: Iterable[Hashable]) -> Kinds:
    """Which places have equal keys; kinds are numbered as they first appear."""
    known = dict[Hashable, int]()
    codes = np.array([known.setdefault(key, len(known)) for key in keys], np.intp)
    _, first = np.unique(codes, return_index=True)
    return Kinds(codes, first)


def _keys(nodes: Sequence[Node | None]) -> Iterable[Hashable]:
    """What tells an attribute's expressions apart: mostly they are of one type, and it is they themselves."""
    types = set(map(type, nodes))
    return nodes if len(types) == 1 and types <= _EQUAL_ALIKE else [identity((node,)) for node in nodes]


def _column(nodes: Sequence[Node | None]) -> Column:
    alike = kinds(_keys(nodes))
    distinct = tuple(nodes[host] for host in alike.first.tolist())
    literals = [node for node in distinct if node is None or isinstance(node, VALUES)]
    vector = packed(literals) if len(literals) == len(distinct) else None
    return Column(
        nodes=distinct,
        kinds=alike,
        expressions=tuple(node for node in distinct if node is not None and not isinstance(node, VALUES)),
        vector=vector and vector.at(alike.places),
    )
