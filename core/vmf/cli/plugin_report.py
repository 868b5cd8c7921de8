"""What `vmf plugin check` is told by the process that runs the tests, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct


class Collected(Struct, frozen=True, kw_only=True, tag="collected"):
    """The tests are known, and begin."""

    contract: int
    """How many of them are of the contract suite."""
    tests: int
    abilities: tuple[str, ...]
    """All that the suite can try."""


class Begun(Struct, frozen=True, kw_only=True, tag="begun"):
    """A test begins."""

    test: str


class Went(StrEnum):
    """How a test went."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Tried(Struct, frozen=True, kw_only=True, tag="tried"):
    """A test is over."""

    test: str
    outcome: Went
    seconds: float
    why: str = ""
    """Why it failed or was passed over, in a line."""
    abilities: tuple[str, ...] = ()
    """What it tries; nothing: what every hypervisor can."""


Told: TypeAlias = Collected | Begun | Tried
"""One line of JSON."""


class Standing(StrEnum):
    """What is known of an ability."""

    WORKS = "works"
    FAILS = "fails"
    UNTRIED = "untried"
    UNDECLARED = "undeclared"


class Row(Struct, frozen=True, kw_only=True):
    """An ability and what became of it."""

    ability: str
    """Empty: what every hypervisor can."""
    standing: Standing
    sentence: str = ""
    """What the plugin says of it."""
    tests: tuple[Tried, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """All that was found."""

    plugin: str
    version: str
    rows: tuple[Row, ...]
    """What every hypervisor can, then the abilities by name."""

    @property
    def failed(self) -> bool:
        """Whether anything did."""
        return any(row.standing is Standing.FAILS for row in self.rows)


def rows(known: Iterable[str], declared: Mapping[str, str], tests: Sequence[Tried]) -> Iterator[Row]:
    """What every hypervisor can, then each ability that vmf or the plugin knows of."""
    common = tuple(each for each in tests if not each.abilities)
    yield Row(ability="", standing=_standing(common), tests=common)
    for ability in sorted({*known, *declared}):
        if ability not in declared:
            yield Row(ability=ability, standing=Standing.UNDECLARED)
            continue
        tried = tuple(each for each in tests if ability in each.abilities)
        yield Row(ability=ability, standing=_standing(tried), sentence=declared[ability], tests=tried)


def lines(row: Row) -> Iterator[tuple[str, str]]:
    """A row in words: the ability and its standing, then what failed, or why it was not tried."""
    yield row.ability or "(every hypervisor)", WORDS[row.standing]
    if row.standing is Standing.FAILS:
        yield from (("", f"{each.test}: {each.why}") for each in row.tests if each.outcome is Went.FAILED)
    elif row.standing is Standing.UNTRIED:
        yield from (("", why) for why in dict.fromkeys(each.why for each in row.tests))


WORDS: Mapping[Standing, str] = MappingProxyType({
    Standing.WORKS: "declared and works",
    Standing.FAILS: "declared and FAILS",
    Standing.UNTRIED: "declared, and not tried",
    Standing.UNDECLARED: "not declared",
})  # fmt: skip


def _standing(tests: Sequence[Tried]) -> Standing:
    outcomes = {each.outcome for each in tests}
    if Went.FAILED in outcomes:
        return Standing.FAILS
    return Standing.WORKS if Went.PASSED in outcomes else Standing.UNTRIED
