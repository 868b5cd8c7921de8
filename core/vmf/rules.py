"""What can be wrong with a spec: every rule with its id, so that a finding can be looked up, chosen and silenced.

An id never changes its meaning and is never used again. The first digit says what a rule is about: 1 syntax and
schema, 2 fields that contradict each other, 3 expressions, 4 files and images, 5 hosts and what they can do.
Plugins have prefixes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """The spec cannot be used."""
    WARNING = "warning"
    """It can, and will hardly do what its owner wants."""
    NOTE = "note"
    """Worth knowing; no finding that fails a check."""


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that can be wrong."""

    id: str
    title: str
    """What is wrong, in a line without a full stop."""
    why: str
    """Why it matters, in sentences."""
    mend: str
    """What to do about it, in sentences."""
    severity: Severity = Severity.ERROR


class Objection(Struct, frozen=True, kw_only=True):
    """What a check has against a value."""

    at: tuple[str | int, ...]
    """The keys, and numbers of list items from 0, that lead from the top of the document to what is wrong."""
    what: str
    hint: str = ""
    given: tuple[str, ...] = ()
    """Other fields of `spec` that it rests on: where one of them cannot be read, there is nothing to object."""


class Check(Struct, Generic[T], frozen=True, kw_only=True):
    """A rule with the judge of values of one kind; it sees a value that was read, never the file."""

    rule: Rule
    kind: type[T]
    judge: Callable[[T], Iterable[Objection]]
