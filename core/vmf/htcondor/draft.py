"""What an import says: fields of a spec, and what has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from vmf.htcondor.words import Word

Value: TypeAlias = "str | int | bool | tuple[Value, ...] | Mapping[str, Value]"


class Field(Struct, frozen=True, kw_only=True):
    """A field with its value; `at` is the keys that lead to it from the top of the document."""

    at: tuple[str, ...]
    value: Value
    comment: str = ""
    """What changed its meaning, in sentences."""
    aside: bool = False
    """Only a comment: to be made a field by its reader."""


class Lost(Struct, frozen=True, kw_only=True):
    """Something that has no field, or none that means the same, and why."""

    word: Word
    why: str
    by_hand: bool = False
    """The spec has it as a comment, for its reader to change."""


Said: TypeAlias = Field | Lost
Saying: TypeAlias = Iterator[Said]


def spec(key: str, value: Value, comment: str = "", *, aside: bool = False) -> Field:
    """A field below `spec`, its key with dots between the levels."""
    return Field(at=("spec", *key.split(".")), value=value, comment=comment, aside=aside)
