"""What is wrong with the jobs of one file together, though each by itself is fine."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from vmf.lint.finding import Finding
from vmf.model import Job
from vmf.rules import Rule
from vmf.spec.contradiction_rules import MAC_TWICE, SAME_RESULTS
from vmf.spec.documents import Draft


class _Own(Struct, frozen=True):
    """What each job has to have for itself."""

    rule: Rule
    at: tuple[str, ...]
    of: Callable[[Job], Hashable]
    """A job's; None if it says nothing of it."""
    what: str
    hint: str


def clashes(jobs: Sequence[Draft[Job]]) -> Iterator[Finding]:
    """What jobs of one file share and must not: the second of two is told the name of the first."""
    for own in _OWN:
        first: dict[Hashable, str] = {}
        for each in jobs:
            found = own.of(each.value) if each.value else None
            if found in first:
                what = f"spec.{'.'.join(own.at)}: {first[found]} {own.what}"
                fault = each.place("spec", *own.at).fault(what, hint=own.hint, rule=own.rule)
                yield Finding(rule=own.rule, fault=fault)
            elif found is not None:
                first[found] = each.value.name if each.value else ""


_OWN: Final = (
    _Own(
        rule=MAC_TWICE,
        at=("network", "mac"),
        of=lambda job: job.network.mac and job.network.mac.lower(),
        what="has this address already",
        hint="give each a MAC address of its own",
    ),
    _Own(
        rule=SAME_RESULTS,
        at=("results", "folder"),
        of=lambda job: job.results.folder,
        what="brings its results there already",
        hint="give each a folder of its own, or leave it out",
    ),
)
