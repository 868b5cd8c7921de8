"""No permission, no program, no space: told with what to do; nothing is started that cannot be, no job is lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shell import DEADLINE, GOOD, Apart, RealShell, Shell, until
from vmf.files import programs
from vmf.testing import samples
from vmf_kvm.daemon import PACKAGES


@pytest.fixture
def powerless(shell: Shell) -> Shell:
    """A user whom file modes bind; even root."""
    if os.geteuid() == 0:
        shell.within = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    return shell


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may enter."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "box.raw").write_bytes(bytes(2**20))
    (folder / "j.yaml").write_text(GOOD)
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def test_a_place_in_which_results_may_not_be_written_is_named(powerless: Shell, closed: Path) -> None:
    (powerless.folder / "j.yaml").write_text(GOOD)
    said = powerless.refused("j.yaml", "--set", f"results.folder={closed}/r")
    assert str(closed) in said
    assert "choose another place with --set results.folder=ANOTHER" in said


def test_an_image_that_may_not_be_read_is_named_with_the_folder(powerless: Shell, closed: Path) -> None:
    (powerless.folder / "j.yaml").write_text(GOOD.replace("box.raw", f"{closed}/box.raw"))
    said = powerless.refused()
    assert "permission denied" in said
    assert str(closed) in said


def test_a_file_that_may_not_be_read_is_named(powerless: Shell, closed: Path) -> None:
    assert f"{closed}/j.yaml: permission denied" in powerless.refused(f"{closed}/j.yaml")


def test_a_state_folder_that_may_not_be_made_is_named(powerless: Shell, closed: Path) -> None:
    (powerless.folder / "j.yaml").write_text(GOOD)
    powerless.environment["VMF_HOME"] = str(closed / "home")
    said = powerless.refused(code=79)
    assert f"the state folder {closed}/home cannot be made: Permission denied" in said
    assert "set VMF_HOME to a folder that you may write" in said


@pytest.fixture
def private(real_home: Path) -> Iterator[Path]:
    """A folder that those who run guests may not enter: root's guests run as another user, everybody else's do not."""
    folder = real_home / "private"
    folder.mkdir()
    (folder / "box.raw").write_bytes(bytes(2**20))
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.real
def test_a_disk_that_the_guests_user_cannot_reach_is_named_with_the_folder(real: RealShell, private: Path) -> None:
    real.image = f"{private}/box.raw"
    real.job("exit 0")
    done = real.vmf("run", "j.yaml")
    assert done.returncode == (76 if os.geteuid() == 0 else 78)
    said = done.stdout + done.stderr
    assert str(private) in said
    assert "setfacl -m u:" in said or "permission denied" in said
    assert real.left_behind() == []


@pytest.mark.parametrize("program", ["qemu-system-x86_64", "libvirtd"])
def test_a_program_that_is_not_installed_is_named_with_its_package(shell: Shell, apart: Apart, program: str) -> None:
    apart.mount("--bind", "/dev/null", str(programs.find(program)))
    shell.within = apart.within(shell.folder)
    shell.hosts = ()
    (shell.folder / "j.yaml").write_text(GOOD)
    said = shell.refused(code=79)
    assert "is not installed" in said
    assert f"install {PACKAGES[program]}" in said


@pytest.fixture
def small(shell: Shell, apart: Apart) -> Path:
    """A place with room for 64 KiB, where `shell` can see it; to remove `filler` makes more."""
    place = shell.folder / "small"
    place.mkdir()
    apart.mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", place)
    (apart.path(place) / "filler").write_bytes(bytes(15 * 2**16))
    shell.within = apart.within(shell.folder)
    return place


def test_results_without_space_wait_until_there_is_some(shell: Shell, apart: Apart, small: Path) -> None:
    shell.job(f"write out.txt {'x' * 100_000}")
    done = shell.vmf("run", "j.yaml", "--set", f"results.folder={small}/r")
    assert done.returncode == 79
    assert "No space left on device" in done.stdout
    assert str(small) in done.stdout
    assert "`vmf wait j` carries it on" in done.stdout
    assert "Traceback" not in done.stderr
    (apart.path(small) / "filler").unlink()
    assert shell.vmf("wait", "j").returncode == 0
    assert (apart.path(small) / "r/out.txt").stat().st_size == 100_001
    assert [each.name for each in apart.path(small).iterdir()] == ["r"]
    assert shell.left_behind() == []


def test_a_whole_disk_without_space_waits_until_there_is_some(shell: Shell, apart: Apart, small: Path) -> None:
    (shell.folder / "box.raw").write_bytes(b"boxed\n".ljust(2**18, b"x"))
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml", "--set", f"results={{disks: whole, folder: {small}/r}}")
    assert done.returncode == 79
    assert "No space left on device" in done.stdout
    assert "`vmf wait j` carries it on" in done.stdout
    (apart.path(small) / "filler").unlink()
    assert shell.vmf("wait", "j").returncode == 0
    with (apart.path(small) / "r/disk0.qcow2").open("rb") as disk:
        assert samples.beginning(disk, 7) == b"boxed\nx"
    assert [each.name for each in apart.path(small).iterdir()] == ["r"]
    assert shell.left_behind() == []


def test_a_full_state_folder_loses_no_job(shell: Shell, apart: Apart) -> None:
    shell.home.mkdir()
    apart.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", shell.home)
    shell.within = apart.within(shell.folder)
    filler = apart.path(shell.home) / "filler"
    shell.job("hang")
    with shell.start("run", "j.yaml", "--set", "results.size=1MiB") as process:
        while "running" not in process.stdout.readline():
            assert process.poll() is None
        fill(filler)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 79
    assert f"the state folder {shell.home} cannot be used: database or disk is full" in out
    assert "`vmf wait j` carries it on" in out
    assert "Traceback" not in err
    filler.unlink()
    with shell.start("wait", "j") as process:
        until(lambda: "orphaned" not in shell.row("j"), "the job has an engine again")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert (shell.folder / "j.results/result.json").exists()
    assert list((apart.path(shell.home) / "hosts/farm/machines").iterdir()) == []


def test_a_state_folder_that_is_full_from_the_start_takes_no_job(shell: Shell, apart: Apart) -> None:
    shell.home.mkdir()
    apart.mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", shell.home)
    shell.within = apart.within(shell.folder)
    assert shell.vmf("ps").returncode == 0
    fill(apart.path(shell.home) / "filler")
    (shell.folder / "j.yaml").write_text(GOOD)
    said = shell.refused(code=79)
    assert str(shell.home) in said
    assert "free space" in said


def fill(path: Path) -> None:
    """Write to a file until there is no space left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
