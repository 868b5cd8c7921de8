"""`vmf rm`: ends a job wherever it runs, forgets it, keeps its results, and leaves nothing else."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace

from shell import DEADLINE, Shell, until
from vmf.control import Server, StopJobs
from vmf.model import Home
from vmf.store import Store, own


@pytest.fixture(autouse=True)
def bare(shell: Shell) -> Iterator[None]:
    """In the end no job has a folder, and none a machine."""
    yield
    assert list((shell.home / "jobs").iterdir()) == []
    until(lambda: shell.left_behind() == [], "the engine has left")


def test_rm_removes_an_orphan(shell: Shell) -> None:
    shell.orphan("hang")
    assert shell.vmf("rm", "j").returncode == 0
    assert shell.records("j") == []


def test_rm_ends_a_job_that_another_engine_runs(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("rm", "j").returncode == 0
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "stopped" in out


def test_rm_of_a_stranger_says_so(shell: Shell) -> None:
    done = shell.vmf("rm", "nobody")
    assert done.returncode == 78
    assert "no job is called 'nobody'" in done.stderr


def test_rm_by_name_means_the_live_job_and_never_the_history(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    by_name = shell.vmf("rm", "j")
    assert by_name.returncode == 78
    assert "no live job is called 'j'" in by_name.stderr
    assert "`vmf rm 1` forgets" in by_name.stderr
    assert len(shell.records("j")) == 1
    assert shell.vmf("rm", "1").returncode == 0
    assert shell.records("j") == []
    assert (shell.folder / "j.results/result.json").exists()


def test_a_removal_that_was_killed_on_its_way_can_be_typed_again(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    shutil.rmtree(shell.home / "jobs/1")
    assert shell.vmf("rm", "1").returncode == 0
    assert shell.records() == []


@pytest.mark.parametrize("state", ["idle", "running", "collecting"])
def test_rm_destroys_an_orphan_in_any_state_and_starts_nothing(shell: Shell, state: str) -> None:
    """Also one whose results have no place to go to, which nobody could end otherwise."""
    shell.host(more=", machines: 1")
    shell.job("echo ran\nwrite out.txt x\nhear", "a")
    place = shell.folder / "place"
    place.mkdir()
    if state == "idle":
        shell.job("hang", "first")
        shell.vmf("run", "--detach", "first.yaml")
        shell.reaches("first", "running")
    with shell.start("run", "a.yaml", "--set", "results.folder=place/a") as process:
        shell.reaches("a", "idle" if state == "idle" else "running")
        if state == "collecting":
            place.rmdir()
            place.write_text("in the way")
            shell.tell("a")
            process.communicate(timeout=DEADLINE)
        process.kill()
    if state == "idle":
        shell.vmf("rm", "first")
    assert [each.state for each in shell.records("a")] == [state]
    done = shell.vmf("rm", "a")
    assert done.returncode == 0
    assert ("starting" in done.stdout, "given up" in done.stdout) == (False, state == "collecting")
    assert shell.records("a") == []


def test_two_removals_at_once_are_one(shell: Shell) -> None:
    shell.orphan("hang")
    with shell.start("rm", "1") as first, shell.start("rm", "1") as second:
        codes = {first.wait(DEADLINE), second.wait(DEADLINE)}
    assert 0 in codes
    assert codes <= {0, 78}  # what the second is told, if it was too late to see the job at all
    assert shell.records() == []


def test_a_job_that_another_removal_takes_meanwhile_is_removed(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    home, asked = Home(root=shell.home), queue.SimpleQueue[StopJobs]()
    ownership = own(home, 1)
    with closing(Store(home)) as store, Server(home, asked.put) as server:
        record = store.update(replace(shell.records()[0], engine=str(server.path)))
        with shell.start("rm", "1") as process:
            assert asked.get(timeout=30).jobs == (1,)
            store.forget(record)
            ownership.release()
            assert process.wait(DEADLINE) == 0


def test_a_look_at_a_job_that_has_lost_its_folder_makes_none(shell: Shell) -> None:
    shell.orphan("hang")
    shutil.rmtree(shell.home / "jobs/1")
    for command in (("ps",), ("plugin", "ls")):
        assert "j (job 1) is orphaned" in shell.vmf(*command).stderr
    assert list((shell.home / "jobs").iterdir()) == []
    assert shell.vmf("rm", "j").returncode == 0


def test_a_forgotten_job_is_not_found_again(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    assert [shell.vmf("rm", "1").returncode for _ in range(2)] == [0, 78]
