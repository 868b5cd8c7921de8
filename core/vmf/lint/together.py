"""What is wrong with the jobs of one file together, though each by itself is fine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vmf.lint.finding import Finding
from vmf.model import Job
from vmf.spec.contradiction_rules import SAME_RESULTS
from vmf.spec.documents import Draft


def shared_results(jobs: Sequence[Draft[Job]]) -> Iterator[Finding]:
    """Jobs of one file that bring their results to the same folder."""
    first: dict[Path, str] = {}
    for each in jobs:
        if each.value and (folder := each.value.results.folder):
            if folder in first:
                place = each.place("spec", "results", "folder")
                what = f"spec.results.folder: {first[folder]} brings its results there already"
                hint = "give each a folder of its own, or leave it out"
                yield Finding(rule=SAME_RESULTS, fault=place.fault(what, hint=hint, rule=SAME_RESULTS))
            first.setdefault(folder, each.value.name)
