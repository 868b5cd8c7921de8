"""A whole disk is made of what came back and of what it lies on, or it is said why not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from layering import layered, written
from shell import Shell, gone, until
from vmf import cli
from vmf.disks import flatten
from vmf.files import programs
from vmf.model import Disk, DiskFormat, File, Outcome
from vmf.result import Base, Result, ReturnedDisk

SIZE = 4 * 2**20
CHANGED = b"\7" * 2**16


class Call(NamedTuple):
    """What came of a call of vmf."""

    returncode: int
    stdout: str
    stderr: str


class Desk:
    """A folder to work in, and `vmf result rebase` in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def rebase(self, *words: object) -> Call:
        code = cli.main(["result", "rebase", *map(str, words)])
        return Call(code, *self._capsys.readouterr())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMF_HOME", str(tmp_path / "home"))
    return Desk(tmp_path, capsys)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / 'a,b "c".raw'
    path.write_bytes(b"base" * (SIZE // 4))
    return path


def change(overlay: Path) -> None:
    """Put an overlay there in which the guest has written; what its header names is gone."""
    gone = overlay.with_name("gone")
    gone.write_bytes(bytes(SIZE))
    subprocess.run(("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", gone, overlay), check=True)
    write = ("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 64k", overlay)
    subprocess.run(write, check=True, stdout=subprocess.DEVNULL)
    gone.unlink()


@pytest.fixture
def results(tmp_path: Path, base: Path) -> Path:
    """The results of a job whose guest changed its disk."""
    folder = tmp_path / "j.results"
    folder.mkdir()
    change(folder / "disk0.qcow2")
    sha256 = hashlib.sha256(base.read_bytes()).hexdigest()
    disk = ReturnedDisk(file="disk0.qcow2", size=SIZE, base=Base(file=str(base), format=DiskFormat.RAW, sha256=sha256))
    texts = {"job": "j", "source": "guest", "reason": "", "code": "", "host": "farm", "accelerator": "fake"}
    lists = {"files": (), "missing": (), "refused": (), "disks": (disk,), "times": {}, "versions": {}}
    result = Result(id=1, attempt=1, outcome=Outcome.COMPLETED, exit_code=0, **texts, **lists)
    (folder / "result.json").write_bytes(msgspec.json.encode(result))
    return folder


def test_what_a_job_brought_back_is_made_whole(shell: Shell) -> None:
    """As a user does it; the fake's overlays are none, so one takes its place."""
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml", "--set", "results.disks=changed")
    assert done.returncode == 0, done.stderr
    (shell.folder / "j.results/disk0.qcow2").unlink()
    change(shell.folder / "j.results/disk0.qcow2")
    done = shell.vmf("result", "rebase", "j.results", "-o", "whole.raw")
    assert (done.returncode, done.stderr) == (0, "")
    assert (shell.folder / "whole.raw").read_bytes() == (bytes(2**20) + CHANGED).ljust(SIZE, b"\0")


def whole(base: Path) -> bytes:
    original = base.read_bytes()
    return original[: 2**20] + CHANGED + original[2**20 + len(CHANGED) :]


@pytest.mark.parametrize("place", ["j.results", "j.results/disk0.qcow2"])
@pytest.mark.parametrize("suffix", ["raw", "qcow2"])
def test_a_whole_disk_is_made(desk: Desk, results: Path, base: Path, place: str, suffix: str) -> None:
    before = {each: each.read_bytes() for each in (*results.iterdir(), base)}
    done = desk.rebase(place, "-o", f"whole.{suffix}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"whole.{suffix}: ")
    made = desk.folder / f"whole.{suffix}"
    raw = desk.folder / "raw"
    subprocess.run(("qemu-img", "convert", "-f", suffix, "-O", "raw", made, raw), check=True)
    assert raw.read_bytes() == whole(base)
    assert {each: each.read_bytes() for each in before} == before
    assert not list(desk.folder.glob(".*"))


def lay(results: Path, base: Path) -> Disk:
    """Have what came back lie on layers, too."""
    disk = layered(Disk(file=File(path=base), format=DiskFormat.RAW), {0: b"1"}, {1: b"2"}, size=SIZE)
    told = json.loads((results / "result.json").read_text())
    layers = [{"file": str(each.file.path), "sha256": each.sha256} for each in disk.layers]
    told["disks"][0]["base"]["layers"] = layers
    (results / "result.json").write_text(json.dumps(told))
    return disk


def test_a_disk_that_lies_on_a_golden_image_is_made_whole(desk: Desk, results: Path, base: Path) -> None:
    lay(results, base)
    done = desk.rebase("j.results", "-o", "whole.raw")
    assert (done.returncode, done.stderr) == (0, "")
    assert (desk.folder / "whole.raw").read_bytes() == written(whole(base), {0: b"1"}, {1: b"2"})


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"x")])
def test_a_layer_that_is_not_what_it_was_is_told(
    desk: Desk, results: Path, base: Path, harm: Callable[[Path], object]
) -> None:
    path = lay(results, base).layers[1].file.path
    harm(path)
    done = desk.rebase("j.results", "-o", "whole.raw")
    assert done.returncode == 74
    assert f"{path.name}, a layer of what" in done.stderr
    assert not (desk.folder / "whole.raw").exists()


def test_the_disk_has_no_name_before_it_is_whole(
    desk: Desk, results: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a vmf that is killed leaves nothing of it."""
    seen: list[list[Path]] = []
    work = flatten.flatten
    monkeypatch.setattr(
        flatten, "flatten", lambda *words, **more: (work(*words, **more), seen.append(list(desk.folder.iterdir())))
    )
    before = list(desk.folder.iterdir())
    assert desk.rebase(results, "-o", "whole.raw").returncode == 0
    assert seen == [before]
    assert (desk.folder / "whole.raw").read_bytes() == whole(base)


def test_what_comes_to_have_its_name_meanwhile_is_not_overwritten(
    desk: Desk, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flatten, "flatten", lambda *_, **__: Path("whole.raw").write_text("precious"))
    done = desk.rebase(results, "-o", "whole.raw")
    assert (done.returncode, (desk.folder / "whole.raw").read_text()) == (78, "precious")
    assert "whole.raw is there already" in done.stderr


def test_a_folder_that_is_not_there_is_named(desk: Desk, results: Path) -> None:
    done = desk.rebase(results, "-o", "/no/such/folder/whole.raw")
    assert done.returncode == 78
    assert "/no/such/folder is no folder that is there" in done.stderr


def test_a_base_that_has_moved_is_named(desk: Desk, results: Path, base: Path) -> None:
    moved = base.rename(desk.folder / "moved")
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 78
    assert f"{base}, which {results}/disk0.qcow2 lies on, is not there\n    name it: --base PATH" in done.stderr
    assert desk.rebase(results, "--base", "moved", "-o", "whole.raw").returncode == 0
    assert (desk.folder / "whole.raw").read_bytes() == whole(moved)


def test_a_base_that_has_changed_is_refused_with_both_sums(desk: Desk, results: Path, base: Path) -> None:
    right = hashlib.sha256(base.read_bytes()).hexdigest()
    with base.open("r+b") as file:
        file.write(b"B")
    wrong = hashlib.sha256(base.read_bytes()).hexdigest()
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 74
    assert f"its SHA-256 is {wrong} and should be {right}" in done.stderr
    assert not (desk.folder / "whole.raw").exists()


def test_a_base_of_another_format_is_another_base(desk: Desk, results: Path) -> None:
    done = desk.rebase(results, "--base", results / "disk0.qcow2", "-o", "whole.raw")
    assert done.returncode == 74
    assert "it is stated to be raw and is a qcow2 image\n    --base PATH names the right one" in done.stderr


def edit(results: Path, **changes: object) -> None:
    """Change what result.json says of the base."""
    told = json.loads((results / "result.json").read_text())
    told["disks"][0]["base"] |= changes
    told["disks"][0]["base"] = {key: value for key, value in told["disks"][0]["base"].items() if value is not None}
    (results / "result.json").write_text(json.dumps(told))


def test_without_a_checksum_the_base_has_to_be_named(desk: Desk, results: Path, base: Path) -> None:
    edit(results, sha256=None)
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 78
    assert "no checksum" in done.stderr
    done = desk.rebase(results, "--base", base, "-o", "whole.raw")
    assert done.returncode == 0
    assert "nobody knows whether" in done.stderr
    assert (desk.folder / "whole.raw").read_bytes() == whole(base)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"format": "qcow2"}, 74, "it is no qcow2 image"),
        ({"file": 'a,b "c".raw'}, 74, "its path is not absolute"),
        ({"file": "/dev/zero"}, 74, "a character device"),
        ({"file": "/none\0\33[2J"}, 78, r"/none\x00\x1b[2J, which"),
        ({"file": "/none", "on_host": True}, 78, "is not there; it was on host farm"),
        ({"part": {"offset": 2**62, "size": 512}}, 74, "ends before the stretch"),
        ({"format": "none"}, 78, "none of vmf's"),
        ({"sha256": "\33[2J"}, 78, "none of vmf's"),
    ],
)
def test_what_result_json_says_is_not_trusted(
    desk: Desk, results: Path, changes: dict[str, object], code: int, words: str
) -> None:
    edit(results, **changes)
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == code
    assert words in done.stderr
    assert "\33" not in done.stderr
    assert not (desk.folder / "whole.raw").exists()


def disks(results: Path, *found: object) -> None:
    told = json.loads((results / "result.json").read_text())
    told["disks"] = found
    (results / "result.json").write_text(json.dumps(told))


BASE = {"file": "/box.raw", "format": "raw"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "result.json tells of no such disk"),
        ([{"file": "../disk9.qcow2", "size": 1, "base": BASE}], "result.json tells of no such disk"),
        ([{"file": "disk0.qcow2", "size": 1}], "is whole already"),
        (
            [{"file": f"disk{number}.qcow2", "size": 1, "base": BASE} for number in (0, 2)],
            "several disks came back: disk0.qcow2, disk2.qcow2",
        ),
    ],
)
def test_one_disk_has_to_be_meant(desk: Desk, results: Path, found: list[object], words: str) -> None:
    disks(results, *found)
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 78
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none", "-o", "whole.raw"), "none is not there"),
        ((".", "-o", "whole.raw"), "result.json is not there"),
        (("j.results/result.json", "-o", "whole.raw"), "these are: disk0.qcow2"),
        (("j.results", "-o", "whole"), "end it in .qcow2 or .raw"),
        (("j.results", "-o", "there.raw"), "there.raw is there already"),
        (("j.results", "-o", "dangling.raw"), "dangling.raw is there already"),
    ],
)
def test_what_is_typed_is_checked(desk: Desk, results: Path, words: tuple[str, ...], said: str) -> None:
    (desk.folder / "there.raw").touch()
    (desk.folder / "dangling.raw").symlink_to("nowhere")
    assert results.exists()
    done = desk.rebase(*words)
    assert (done.returncode, said in done.stderr) == (78, True), done.stderr


@pytest.mark.parametrize("make", [None, os.mkfifo, Path.mkdir])
def test_an_overlay_that_cannot_be_used_is_told(desk: Desk, results: Path, make) -> None:
    (results / "disk0.qcow2").unlink()
    if make:
        make(results / "disk0.qcow2")
    done = desk.rebase(results, "-o", "whole.raw")
    assert (done.returncode, "disk0.qcow2 cannot be used: " in done.stderr, "    " in done.stderr) == (78, True, True)


def test_a_disk_whose_data_is_elsewhere_is_not_said_to_be_fit_for_use(desk: Desk, results: Path) -> None:
    overlay = results / "disk0.qcow2"
    overlay.unlink()
    subprocess.run(("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=data", overlay, "1M"), check=True)
    done = desk.rebase(results, "-o", "whole.raw")
    assert (done.returncode, "its data is in another file" in done.stderr) == (74, True)


def test_an_overlay_that_leads_elsewhere_is_refused(desk: Desk, results: Path) -> None:
    with (results / "disk0.qcow2").open("r+b") as file:
        file.seek(79)
        file.write(b"\4")
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 74
    assert "its data is in another file" in done.stderr
    assert not list(desk.folder.glob("*whole*"))


def test_a_place_without_room_is_told(desk: Desk, results: Path) -> None:
    """As many bytes as a file may have stand for those that are left."""
    limited = ("bash", "-c", 'ulimit -f 1024; trap "" XFSZ; exec "$@"', "limited", sys.executable, "-m", "vmf")
    done = subprocess.run(
        (*limited, "result", "rebase", results, "-o", "whole.raw"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 79
    assert "whole.raw cannot be made: " in done.stderr
    assert "File too large" in done.stderr
    assert not list(desk.folder.glob("*whole*"))


def test_a_computer_without_qemu_img_is_told_what_to_install(
    desk: Desk, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "PATH", os.devnull)
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.returncode == 79
    assert "install qemu-utils (Debian, Ubuntu)" in done.stderr


def test_nothing_goes_on_after_it_was_killed(desk: Desk, results: Path) -> None:
    """Nor is anything left of the disk that was being made."""
    pid, endless = desk.folder / "pid", desk.folder / "bin/qemu-img"
    endless.parent.mkdir()
    endless.write_text(f"#!/bin/sh\necho $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 1000\n")
    endless.chmod(0o755)
    code = f"from vmf.files import programs; programs.PATH = '{endless.parent}:' + programs.PATH; import vmf.__main__"
    words = (sys.executable, "-c", code, "result", "rebase", results, "-o", "whole.raw")
    with subprocess.Popen(words) as process:
        until(pid.exists, "qemu-img runs")
        process.kill()
    gone(int(pid.read_text()))
    assert not list(desk.folder.glob("*whole*"))


def test_how_far_it_is_is_shown_on_a_terminal_only_and_wiped(
    desk: Desk, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = desk.rebase(results, "-o", "whole.raw")
    assert done.stderr.startswith(f"\rchecking {desk.folder}/a,b ")
    assert "/s\033[K" in done.stderr
    assert "\rmaking whole.raw: " in done.stderr
    assert done.stderr.endswith("\r\033[K")
