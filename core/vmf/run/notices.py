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


class Staging(Struct, frozen=True, kw_only=True):
    """A file is being made, brought to the host or fetched from there, by the job's state, and takes its time."""

    record: Record
    file: str
    """What it is called; a stranger's name, not to be shown unescaped."""
    done: int
    """Bytes."""
    total: int
    """Bytes; 0 if nobody knows."""
    rate: int
    """Bytes per second, since its beginning."""


class Stuck(Struct, frozen=True, kw_only=True):
    """This engine cannot carry the job on; it stays as it is, to be adopted."""

    record: Record
    error: Exception


Notice: TypeAlias = Advanced | Console | Remark | Staging | Stuck
