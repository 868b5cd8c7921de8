"""What the engine tells whoever watches it: a closed union."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from vmf.state import Event
from vmf.store import Record


class Advanced(Struct, frozen=True, kw_only=True):
    """A job has moved on; the event is in the store."""

    record: Record
    event: Event


class Console(Struct, frozen=True, kw_only=True):
    """The guest wrote to its serial console; raw, not to be shown unescaped."""

    record: Record
    data: bytes


class Remark(Struct, frozen=True, kw_only=True):
    """Something that the owner should know and that changes no state."""

    record: Record
    text: str


class Stuck(Struct, frozen=True, kw_only=True):
    """This engine cannot carry the job on; it stays as it is, to be adopted."""

    record: Record
    error: Exception


Notice: TypeAlias = Advanced | Console | Remark | Stuck
