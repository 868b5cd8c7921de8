"""Steps in a guest by its agent: what its shell does is done by this computer's, what it answers may be anything."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from vmf.errors import HoldCode, JobFault, UsageError
from vmf.files import performed
from vmf.files.access import open_file
from vmf.hookspecs import unreported
from vmf.model import Handle, Step
from vmf.run.by_agent import ByAgent
from vmf.run.configuring import configure

DEADLINE = 30.0
GO = "go"
"""What a step waits for that takes long."""
PLACE = re.compile("/tmp/vmf-[0-9a-f]+")  # noqa: S108  # where in the guest, and so here, it is laid
SHOWS = 'stat -c %a "${0%/*}/../../.."'
"""A script that says who may look into the folder that it is in."""


class Computer:
    """A guest whose agent runs what it is told, here; `console` stands for its console."""

    def __init__(self, folder: Path) -> None:
        self.console = folder / "console"
        self.places: list[Path] = []
        self.running: list[subprocess.Popen[bytes]] = []
        self.path = os.environ["PATH"]

    def execute(self, _handle, command):
        self.places += [Path(word) for word in command if PLACE.fullmatch(word)]
        words = [word.replace("/dev/console", str(self.console)) for word in command]
        try:
            self.running.append(subprocess.Popen(words, env={"PATH": self.path}, cwd="/", stderr=subprocess.DEVNULL))
        except FileNotFoundError as error:
            raise JobFault("no such program", code=HoldCode.REFUSED) from error
        return self.running[-1]

    def copy_in(self, _handle, source, path):
        with Path(path).open("xb") as out:
            shutil.copyfileobj(source, out)

    def copy_out(self, _handle, path):
        try:
            return Path(path).open("rb")
        except FileNotFoundError as error:
            raise JobFault("no such file", code=HoldCode.REFUSED) from error

    def gone(self):
        """Wait until nothing goes on there, and see that nothing is left of what it was given."""
        for each in self.running:
            each.wait(DEADLINE)
        assert self.places
        assert not any(place.exists() for place in self.places)


def until(state):
    deadline = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def computer(tmp_path):
    computer = Computer(tmp_path)
    yield computer
    (tmp_path / GO).touch()
    for each in computer.running:
        each.wait(DEADLINE)


def perform(guest, folder, *wanted, check=lambda: None):
    """Have steps done; how they went, and what they said."""
    logs = folder / "logs"
    logs.mkdir()
    way = ByAgent(guest, Handle(host="h", machine="m"))
    found = configure(way, wanted, logs, read=open_file, report=unreported, check=check)
    assert {each.name for each in logs.iterdir()} == {f"{step.name}.log" for step in wanted}
    return [(each.name, each.exit_code) for each in found], [(logs / f"{step.name}.log").read_text() for step in wanted]


def test_steps_are_done_where_only_root_looks_and_nothing_stays(computer, tmp_path):
    steps = (
        Step(name="shows", run=SHOWS),
        Step(name="bad", run="echo out of luck; exit 3"),
        Step(name="more", run=":"),
    )
    went, said = perform(computer, tmp_path, *steps)
    assert went == [("shows", 0), ("bad", 3)]
    assert said == ["700\n", "out of luck\n", ""]
    assert "vmf: step shows: begins" in computer.console.read_text()
    computer.gone()


def test_who_gives_up_leaves_the_guest_to_end_what_it_has_begun(computer, tmp_path):
    begun, go, made = (tmp_path / name for name in ("begun", GO, "made"))

    def check():
        if begun.exists():
            raise TimeoutError

    wait = f"touch {begun}; until [ -e {go} ]; do sleep 0.1; done"
    with pytest.raises(TimeoutError):
        perform(computer, tmp_path, Step(name="waits", run=wait), Step(name="makes", run=f"touch {made}"), check=check)
    assert all(place.exists() for place in computer.places)
    go.touch()
    until(made.exists)
    computer.gone()


def test_who_gives_up_before_anything_has_begun_leaves_nothing(computer, tmp_path):
    def copy_in(_handle, _source, _path):
        raise JobFault("the disk is full", code=HoldCode.REFUSED)

    computer.copy_in = copy_in
    with pytest.raises(JobFault, match="the disk is full"):
        perform(computer, tmp_path, Step(name="a", run=":"))
    computer.gone()


@pytest.mark.parametrize(("lacking", "words"), [("tar", "no such program"), ("mktemp", "reports no steps")])
def test_a_guest_without_a_program_that_it_takes_says_so(computer, tmp_path, lacking, words):
    computer.path = str(tmp_path / "bin")
    Path(computer.path).mkdir()
    for name in {"mkdir", "mktemp", "rm", "rmdir", "sh", "tar"} - {lacking}:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    with pytest.raises((JobFault, UsageError), match=words):
        perform(computer, tmp_path, Step(name="a", run=":"))
    computer.gone()


class Endless(io.RawIOBase):
    """A stream without an end."""

    def __init__(self, line):
        self.line = line

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = (self.line * (len(buffer) // len(self.line) + 1))[: len(buffer)]
        buffer[:] = piece
        return len(piece)


@pytest.mark.parametrize("line", [b"1 0 1 0\n", b"\n", b"\xff\0"])
def test_whatever_a_guest_hands_over_is_bounded(computer, tmp_path, line):
    asked = []

    def copy_out(_handle, path):
        asked.append(Path(path).name)
        return io.BufferedReader(Endless(line))

    computer.copy_out = copy_out
    went, said = perform(computer, tmp_path, Step(name="a", run=":"), Step(name="b", run=":"))
    assert went in ([], [("a", 0)])
    assert len(asked) <= 3
    assert all(len(each.encode(errors="surrogateescape")) <= performed.LOG_ROOM for each in said)
    computer.gone()
