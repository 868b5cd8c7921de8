from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from vmf.cli import import_
from vmf.errors import UsageError

JOB = (
    "universe = vm\nexecutable = x\nvm_type = kvm\nvm_memory = 64\nvm_disk = /a.img:vda:r\n"
    "notification = error\nqueue\n"
)


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    import_.arguments(parser)
    return import_.act(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.sub"
    path.write_text(JOB)
    return path


def test_the_spec_is_printed_and_what_is_lost_is_told_beside(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(job) == 0
    out, err = capsys.readouterr()
    assert out.startswith("# Made of job.sub by vmf import.\n# Not carried over:\n# - line 6, notification: ")
    assert out.endswith("      access: read\n")
    assert err.startswith(f"vmf: 1 thing could not be carried over:\n{job}:6: notification: vmf writes no mail")


def test_the_spec_is_written(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(job, "-o", tmp_path / "job.yaml") == 0
    assert "kind: Job\n" in (tmp_path / "job.yaml").read_text()
    assert capsys.readouterr().out == ""


def test_a_file_that_is_there_is_not_overwritten(job: Path, tmp_path: Path) -> None:
    kept = tmp_path / "job.yaml"
    kept.write_text("mine")
    with pytest.raises(UsageError, match="is already there"):
        run(job, "-o", kept)
    assert kept.read_text() == "mine"


def test_nothing_is_written_of_a_file_that_is_wrong(job: Path, tmp_path: Path) -> None:
    job.write_text(JOB.replace("64", "none"))
    with pytest.raises(UsageError, match="'none' is no size"):
        run(job, "-o", tmp_path / "job.yaml")
    assert not (tmp_path / "job.yaml").exists()


def test_many_things_that_are_lost_are_counted(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job.write_text("".join(f"strange{number} = 1\n" for number in range(60)) + JOB)
    run(job)
    out, err = capsys.readouterr()
    assert err.endswith("and 11 more, which the spec lists\n")
    assert "strange59" in out


def test_the_kind_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "desk"
    path.write_text("VM_TYPE = kvm\n")
    with pytest.raises(UsageError, match="this may be"):
        run(path)
    assert run(path, "--kind", "host") == 0
    assert "kind: Host\n" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(job: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory") as caught:
        run(job, "-o", tmp_path / "none/job.yaml")
    assert caught.value.hint


def test_what_is_to_be_changed_is_told_apart(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job.write_text(JOB.replace("notification = error", "rank = KFlops"))
    run(job)
    err = capsys.readouterr().err
    assert err.startswith(f"vmf: 1 thing must be changed by hand:\n{job}:6: rank: it speaks of KFlops")
