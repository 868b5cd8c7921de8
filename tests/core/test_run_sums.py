"""What is known of files by what is in them."""

from __future__ import annotations

from contextlib import closing

import pytest

from vmf.errors import JobFault
from vmf.model import File, Ground, Home, Job, Step
from vmf.run.checksums import Checksums
from vmf.run.sums import check_steps, sums
from vmf.steps.graph import digest
from vmf.store import Store


@pytest.fixture
def checksums(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/jobs").mkdir()
    with closing(Store(Home(root=tmp_path / "home"))) as store:
        yield Checksums(store)


@pytest.fixture
def known(checksums):
    """The sum of one file or folder."""

    def known(path, **more):
        file = File(path=path, **more)
        return sums([file], checksums)[file]

    return known


def test_a_file_is_known_by_its_content_and_whether_it_can_be_executed(tmp_path, known):
    for name in ("a", "b", "x"):
        (tmp_path / name).write_text("content")
    (tmp_path / "x").chmod(0o755)
    (tmp_path / "c").write_text("other")
    assert known(tmp_path / "a") == known(tmp_path / "b")
    assert len({known(tmp_path / name) for name in "axc"}) == 3


def tree(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_folder_is_known_by_all_that_is_in_it_and_not_by_its_own_name(tmp_path, known):
    first = known(tree(tmp_path / "one", a="1", b__c="2"))
    assert known(tree(tmp_path / "two", a="1", b__c="2")) == first
    others = [
        tree(tmp_path / "three", a="1", b__c="3"),
        tree(tmp_path / "four", a="1", b__d="2"),
        tree(tmp_path / "five", a="1", b__c="2", d="3"),
        tree(tmp_path / "six", a="1", c="2"),
    ]
    (tmp_path / "one/empty").mkdir()
    assert first not in {known(each) for each in (*others, tmp_path / "one")}
    assert len({known(each) for each in others}) == 4


def test_a_file_of_a_host_is_like_no_other(tmp_path, known):
    assert known(tmp_path / "a", on_host=True) != known(tmp_path / "a", on_host=True)


def test_a_file_that_is_not_there_is_the_job_s_fault(tmp_path, known):
    with pytest.raises(JobFault, match="no such file"):
        known(tmp_path / "none")


def test_a_step_whose_files_have_changed_since_it_was_known_by_them_is_found_out(tmp_path, checksums):
    file = File(path=tmp_path / "a")
    file.path.write_text("before")
    step = Step(name="one", files={"/a": file, "/b": file})
    job = Job(name="j", memory=2**28, steps=(step, Step(name="two", files={"/h": File(path=file.path, on_host=True)})))
    left = (digest(step, sums([file], checksums)), "unknown")
    ground = Ground(asked=job, start="", left=left)
    check_steps(job, ground, checksums, check=lambda: None)
    file.path.write_text("after")
    with pytest.raises(JobFault, match="what step one puts into the guest changed"):
        check_steps(job, ground, checksums, check=lambda: None)
