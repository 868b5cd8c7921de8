"""A state folder that fails while a job lives in it: told with what to do, or not noticed; nothing is lost."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from shell import Apart, Shell

pytestmark = pytest.mark.exhaustive

BREAK_AT = str(Path(__file__).parents[1] / "break_at.py")
SIZE = ("--set", "results.size=1MiB")
FULL = "cannot be used: database or disk is full"


@pytest.fixture
def broken(shell: Shell, apart: Apart) -> Path:
    """The state folder, where it can be filled up, as it is seen from here."""
    shell.home.mkdir()
    apart.mount("-t", "tmpfs", "-o", "size=8m,nr_inodes=200", "tmpfs", shell.home)
    shell.within = apart.within(shell.folder)
    shell.job("write out.txt made\nexit 5")
    return apart.path(shell.home)


def breaking(shell: Shell, how: str, place: str, number: int = 0) -> Shell:
    """A shell whose state folder breaks just before a call."""
    return dataclasses.replace(shell, program=(BREAK_AT, place, str(number), how, str(shell.home)))


def ended_well(shell: Shell, folder: Path) -> None:
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
    assert [each.name for each in shell.folder.glob("*j.results*")] == ["j.results"]
    assert [*(folder / "hosts/farm/machines").iterdir(), *(folder / "engines").iterdir()] == []
    assert not list(folder.glob("jobs/*/workshop"))


@pytest.mark.parametrize(
    ("how", "place", "said"),
    [
        ("full", "vmf.store:Store.update", FULL),
        ("full", "vmf.plugins:Hypervisor.fetch", FULL),
        ("crowded", "vmf.store:Store.claim", "No space left on device"),
        ("crowded", "vmf.plugins:Hypervisor.state", "No space left on device"),
    ],
)
def test_a_job_whose_folder_is_full_goes_on_when_there_is_room(
    shell: Shell, broken: Path, how: str, place: str, said: str
) -> None:
    done = breaking(shell, how, place).vmf("run", "j.yaml", *SIZE)
    assert done.returncode == 79
    assert said in done.stdout + done.stderr
    assert str(shell.home) in done.stdout + done.stderr
    still = shell.vmf("wait", "j")
    assert still.returncode == 79
    assert "Traceback" not in done.stderr + still.stderr
    empty(broken)
    assert shell.vmf("wait", "j").returncode == 5
    ended_well(shell, broken)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("how", "number"), [("crowded", 0), ("read-only", 3)])
def test_a_job_that_needs_nothing_more_of_its_folder_ends_well(shell: Shell, how: str, number: int) -> None:
    done = breaking(shell, how, "vmf.store:Store.apply", number).vmf("run", "j.yaml", *SIZE)
    assert (done.returncode, done.stderr) == (5, "")
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"


def test_a_host_that_is_full_is_at_fault_and_the_job_can_be_typed_again(shell: Shell, broken: Path) -> None:
    done = breaking(shell, "crowded", "vmf.plugins:Hypervisor.put").vmf("run", "j.yaml", *SIZE)
    assert done.returncode == 71
    assert "No space left on device" in done.stdout
    empty(broken)
    assert shell.vmf("run", "j.yaml", *SIZE).returncode == 5
    ended_well(shell, broken)


def test_a_folder_that_is_read_only_is_told(shell: Shell, broken: Path, apart: Apart) -> None:
    assert shell.vmf("ps").returncode == 0
    apart.mount("-o", "remount,ro", shell.home)
    for words in (("run", "j.yaml"), ("ps",)):
        done = shell.vmf(*words)
        assert done.returncode == 79
        assert f"the state folder {shell.home} cannot be" in done.stderr
        assert "Read-only file system" in done.stderr
        assert "set VMF_HOME to " in done.stderr
    apart.mount("-o", "remount,rw", shell.home)
    assert shell.vmf("run", "j.yaml", *SIZE).returncode == 5
    ended_well(shell, broken)


def empty(folder: Path) -> None:
    """Make room again."""
    filler = folder / "filler"
    shutil.rmtree(filler) if filler.is_dir() else filler.unlink()
