"""What goes over the wire as plain data, in the API's own words: references to its objects, and its data objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

Value: TypeAlias = Any
"""None, a number, a text, a date, a `Ref`, a `Kind`, a `Data`, or a tuple of those."""


class Ref(Struct, frozen=True):
    """A managed object of the server, such as a machine; it becomes stale when the object goes."""

    kind: str
    """Its type as the API calls it: VirtualMachine."""
    id: str


class Kind(Struct, frozen=True):
    """A type of objects, where one is meant by its name in the API."""

    name: str


class Data(Struct, frozen=True):
    """A data object: its type as the API calls it, and what of it is set."""

    type: str
    fields: Mapping[str, Value]

    def __getitem__(self, name: str) -> Value:
        return self.fields[name]

    def get(self, name: str, default: Value = None) -> Value:
        """A field, or something else where it is not set."""
        return self.fields.get(name, default)


def data(type_: str, **fields: Value) -> Data:
    """A data object; what is None is not set."""
    return Data(type_, {name: value for name, value in fields.items() if value is not None})
