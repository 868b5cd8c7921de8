"""Jobs of one file that get in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint.samples import document, job
from vmf.lint.together import clashes
from vmf.spec import JobWords
from vmf.spec.documents import each_document
from vmf.spec.faults import Faults
from vmf.spec.jobs import drafts


@pytest.fixture
def shared(folder):
    """What is found in a file of these jobs: the line, the column and the sentence."""

    def shared(*jobs: str) -> list[tuple[int, int, str]]:
        path, faults = Path("jobs.yaml"), Faults()
        path.write_text("---\n".join(jobs))
        words = JobWords(images=folder / "images")
        read = [each for _, node in each_document((path,), faults) for each in drafts(node, path, words, faults=faults)]
        faults.settle()
        return [(each.fault.line, each.fault.column, each.fault.what) for each in clashes(read)]

    return shared


def test_the_second_of_two_jobs_is_told_whose_results_are_in_its_folder(shared):
    (found,) = shared(job("results: {folder: out}"), job("results: {folder: ./out}", name="k"))
    assert found == (15, 21, "spec.results.folder: j brings its results there already")


def test_a_results_folder_in_another_jobs_is_told_whichever_comes_first(shared):
    inner, outer = job("results: {folder: out/deep/er}", name="k"), job("results: {folder: ./out}")
    said = "spec.results.folder: j brings its results to a folder above it"
    assert shared(outer, inner) == [(15, 21, said)]
    assert shared(inner, outer) == [(7, 21, said)]
    assert shared(outer, job("results: {folder: outer/deep}", name="k")) == []


def test_the_runs_of_a_queue_share_no_folder(shared):
    found = shared(job("results: {folder: out}", "queue: {count: 3}"))
    assert {(line, column) for line, column, _ in found} == {(7, 21)}


@pytest.mark.parametrize("queue", ["{count: 3}", "[{results.folder: a}, {results.folder: b}, {cpus: 2}]"])
def test_folders_of_their_own_are_fine(shared, queue):
    assert shared(job(f"queue: {queue}")) == []


def test_a_disk_that_one_job_changes_is_no_other_jobs(shared, folder):
    Path("link.raw").symlink_to(folder / "data.raw")
    in_place = job("disks: [{file: link.raw, access: in-place}]")
    assert shared(in_place, job("disks: [{file: data.raw}]", name="k")) == [
        (15, 18, "spec.disks, item 1.file: j has this disk, too")
    ]
    (found,) = shared(in_place, document("Job", "image: data.raw", "memory: 64MiB", name="k"))
    assert found[2] == "spec.image: j has this disk, too"
    assert shared(in_place, job(name="k")) == shared(job(), job(name="k")) == []
