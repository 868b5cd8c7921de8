"""What is wrong with the jobs of one file together, though each by itself is fine."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from vmf.lint.files import identity
from vmf.lint.finding import Finding
from vmf.model import Access, Job
from vmf.rules import Rule
from vmf.spec.contradiction_rules import IN_PLACE_SHARED, MAC_TWICE, SAME_RESULTS
from vmf.spec.documents import Draft
from vmf.spec.given import named


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
                what = f"{named(('spec', *own.at))}: {first[found]} {own.what}"
                fault = each.place("spec", *own.at).fault(what, hint=own.hint, rule=own.rule)
                yield Finding(rule=own.rule, fault=fault)
            elif found is not None:
                first[found] = each.value.name if each.value else ""
    read = [(each.value, each) for each in jobs if each.value]
    yield from _nested_results(read)
    yield from _shared_in_place(read)


def _nested_results(jobs: Sequence[tuple[Job, Draft[Job]]]) -> Iterator[Finding]:
    """Results folders that lie in another job's."""
    given = [(job.results.folder, job.name, draft) for job, draft in jobs if job.results.folder]
    names = {folder: name for folder, name, _ in given}
    at = ("spec", "results", "folder")
    for folder, _, draft in given:
        if above := next((each for each in folder.parents if each in names), None):
            what = f"{named(at)}: {names[above]} brings its results to a folder above it"
            fault = draft.place(*at).fault(what, hint="give each a folder of its own", rule=SAME_RESULTS)
            yield Finding(rule=SAME_RESULTS, fault=fault)


def _shared_in_place(jobs: Sequence[tuple[Job, Draft[Job]]]) -> Iterator[Finding]:
    """Disks that one job changes while another has them; the later of the two is told."""
    first: dict[Hashable, tuple[str, Access]] = {}
    for job, draft in jobs:
        disks = job.bundle.disks
        for number, disk in enumerate(disks, start=len(job.disks) - len(disks)):
            name, access = first.setdefault(identity(disk.file), (job.name, disk.access))
            if name != job.name and Access.IN_PLACE in {access, disk.access}:
                at = ("disks", number, "file") if number >= 0 else ("image",)
                what = f"{named(('spec', *at))}: {name} has this disk, too"
                hint = "give each a disk of its own, or use snapshots"
                fault = draft.place("spec", *at).fault(what, hint=hint, rule=IN_PLACE_SHARED)
                yield Finding(rule=IN_PLACE_SHARED, fault=fault)


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
