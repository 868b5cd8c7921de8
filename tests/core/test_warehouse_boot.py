"""The tiny guest in a real QEMU, without libvirt: what it is given, what it hands over, how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from vmf.files import cdrom, disc, source, volume
from vmf.model import Image, Job, Results
from vmf.result import Said
from vmf.warehouse.tiny import PARAMETERS

pytestmark = pytest.mark.real

DEADLINE = 60.0
MAGIC = volume.magic("5eed" * 8)
LIMITS = volume.Limits(bytes=2**27)


class Guest:
    """A machine of the tiny guest with a job's CD and results volume; used as a context, it is running."""

    def __init__(self, tiny: Path, folder: Path) -> None:
        self.tiny, self.folder = tiny, folder
        self.console, self.monitor, self.volume = folder / "console", folder / "monitor", folder / "volume"

    def start(self, script, *, results=(), files=None, size=2**26, **words):
        results = Results(files=results)
        job = Job(name="job", image=Image(name="tiny"), memory=2**28, run=script, results=results, **words)
        disc.write(self.folder / "cd.iso", cdrom.contents(job, MAGIC), label=cdrom.LABEL)
        disc.write(self.folder / "files.iso", files or {}, label="VMF_FILES")
        volume.make(self.volume, size=size, magic=MAGIC)
        disks = {
            "scratch": f"file={self.tiny / 'scratch.raw'},format=raw,snapshot=on",
            "results": f"file={self.volume},format=raw",
        }
        self.process = subprocess.Popen([
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "256", "-nodefaults", "-no-reboot"),
            *("-display", "none", "-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{self.monitor},server=on,wait=off"),
            *("-kernel", self.tiny / "vmlinuz", "-initrd", self.tiny / "initrd.img", "-append", PARAMETERS),
            *(word for disk in disks.values() for word in ("-drive", f"if=virtio,{disk}")),
            *("-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=cd", "-device", "scsi-cd,drive=files"),
            *("-drive", f"if=none,id=cd,media=cdrom,format=raw,file={self.folder / 'cd.iso'}"),
            *("-drive", f"if=none,id=files,media=cdrom,format=raw,file={self.folder / 'files.iso'}"),
        ])  # fmt: skip
        return self

    def said(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def press_power(self) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            stream = monitor.makefile("rw")
            for command in ("qmp_capabilities", "system_powerdown"):
                stream.write(json.dumps({"execute": command}))
                stream.flush()
                # a greeting and events come in between
                assert any("return" in json.loads(line) for line in stream)

    def word(self, wanted=()) -> volume.Word:
        """What the guest has said, once it has powered itself off."""
        assert self.process.wait(DEADLINE) == 0
        self.files = self.folder / "files"
        self.files.mkdir()
        with self.volume.open("rb") as stream:
            return volume.read(stream, magic=MAGIC, wanted=wanted, folder=self.files, limits=LIMITS)


@pytest.fixture
def guest(tiny, tmp_path):
    """A guest that is not there any more after the test."""
    machine = Guest(tiny, tmp_path)
    yield machine
    machine.process.kill()
    machine.process.wait()


def test_a_job_runs_and_its_files_come_back(guest):
    script = """\
echo "hello from $(uname -s), $NAME"
read -r line || echo 'no input'
mkdir 'a folder' && echo one >'a folder/x y' && echo two >two && echo three >three
exit 7
"""
    wanted = ("a folder", "missing", "two")
    word = guest.start(script, results=wanted, env={"NAME": "it's  me"}).word(wanted)
    assert (word.said, word.exit_code) == (Said.ALL, 7)
    assert word.files == ("a folder/x y", "two")
    assert (word.missing, word.refused) == (("missing",), ())
    assert (guest.files / "a folder" / "x y").read_text() == "one\n"
    assert "hello from Linux, it's  me\n" in guest.said().replace("\r", "")
    assert "no input" in guest.said()


def test_any_name_survives_the_trip(guest, tmp_path):
    """Names, folders, who may run what, and arguments: what a real Linux reads."""
    (tmp_path / "program").write_text('#!/bin/sh\necho "ran with $1"\n')
    (tmp_path / "program").chmod(0o700)
    names = (
        *(
            "x" * 253,
            "ä" * 126,
            "new\nline",
            "\x01\x1b[31m",
            "-rf",
            "'",
            '"',
            "back\\slash",
            "a;1",
            "dots...",
            " ",
            "*?:",
        ),
        *(chr(byte) for byte in range(2, 128) if chr(byte) not in "./ "),
        *(
            "😀",
            "e\u0301",
            "é",
            "case",
            "CASE",
            "RR_MOVED",
            "con",
            "~",
            "$(id)",
            "deep/2/3/4/5/6/7/8/9/10/11/" + "y" * 253,
        ),
        *("deep/2/3/4/5/6/7/" + "z" * 150 + "/" + "z" * 253, "empty file"),
    )
    files = {name: name.encode() for name in names[:-1]} | {"empty file": b""}
    more = {"magic": b"not the contract's", "empty": None, "program": source.here(tmp_path / "program")}
    script = """\
mkdir ../files && mount -o ro "$(findfs LABEL=VMF_FILES)" ../files && here=$PWD && cd ../files
"./program" "$2"; printf '%s' "$1" >"$here/argument"
[ -d empty ] && [ -r case ] && [ ! -x case ] || echo 'wrong modes'
find . -type f ! -name program ! -name magic -print0 | sort -z | tee "$here/names" | xargs -0 cat >"$here/contents"
"""
    wanted = ("names", "contents", "argument")
    arguments = ("it's\n'$x' ü", "two words")
    word = guest.start(script, results=wanted, files={**files, **more}, arguments=arguments).word(wanted)
    assert word.said is Said.ALL
    expected = sorted(f"./{name}".encode() for name in files)
    assert (guest.files / "names").read_bytes().split(b"\0")[:-1] == expected
    assert (guest.files / "contents").read_bytes() == b"".join(files[name[2:].decode()] for name in expected)
    assert (guest.files / "argument").read_text() == arguments[0]
    assert "ran with two words" in guest.said()
    assert "wrong modes" not in guest.said()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("(while :; do sleep 1; done) & exec sh -c 'exit 0'", 0),
        ("kill -9 -1; sleep 100", 137),
        ("cat /dev/zero >full; exit 5", 5),
        ("tail /dev/zero", 137),
    ],
    ids=["leaves a process behind", "kills everything", "fills the disk", "fills the memory"],
)
def test_whatever_the_script_does_the_guest_tells_and_ends(guest, script, code):
    word = guest.start(script).word()
    assert (word.said, word.exit_code) == (Said.ALL, code)


def test_results_that_do_not_fit_are_cut_short(guest):
    word = guest.start("head -c 2000000 /dev/zero >big", results=("big",), size=2**20).word()
    assert (word.said, word.exit_code) == (Said.PART, 0)


def test_the_power_button_ends_a_guest_that_is_at_work(guest):
    guest.start("echo at work; sleep 1000")
    guest.wait_for("at work")
    guest.press_power()
    assert guest.word().said is Said.NOTHING
