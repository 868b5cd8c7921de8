"""What is known of machines on this computer, in whatever order processes write it, and are killed."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from one_guest import MACHINE, PLATFORM
from vmf.model import Ending, MachineState, Power
from vmf_libvirt.notes import NOTE, Note, Notes

KNOWN = Note(
    machine=MACHINE,
    platform=PLATFORM,
    chains={"disk0": ("disk0", "disk0-1"), "results": ("results",)},
    started=True,
    memory="memory-1",
    waking=True,
    goes_on=True,
    ending=MachineState(power=Power.OFF, ending=Ending.REBOOTED),
)
HOLDS = """
import sys
from pathlib import Path
from vmf_libvirt.notes import Notes
with Notes(folder=Path(sys.argv[1])).held("m"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def notes(tmp_path):
    return Notes(folder=tmp_path / "machines")


def test_what_is_noted_is_known_to_whoever_comes_after(notes):
    assert notes.read("m") == Note()
    assert notes.names() == frozenset()
    notes.keep("m", KNOWN)
    assert Notes(folder=notes.folder).read("m") == KNOWN
    assert notes.names() == {"m"}


def test_nobody_else_on_the_computer_reads_it(notes):
    notes.keep("m", KNOWN)
    assert notes.of("m").stat().st_mode & 0o077 == 0


def test_a_note_that_cannot_be_written_leaves_the_one_before(notes, monkeypatch):
    notes.keep("m", KNOWN)
    monkeypatch.setattr("vmf_libvirt.notes.msgspec.json.encode", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        notes.keep("m", Note())
    monkeypatch.undo()
    assert notes.read("m") == KNOWN
    assert [each.name for each in notes.of("m").iterdir() if each.name.startswith(NOTE)] == [NOTE]


def test_of_how_a_machine_ended_the_first_word_counts(notes):
    notes.keep("m", KNOWN)
    assert notes.told("m") is None
    panicked = MachineState(power=Power.OFF, ending=Ending.PANICKED)
    notes.tell("m", panicked)
    notes.tell("m", MachineState(power=Power.OFF, ending=Ending.REBOOTED))
    assert notes.told("m") == panicked


def test_what_is_heard_of_a_machine_that_is_gone_leaves_nothing(notes):
    notes.tell("m", MachineState(power=Power.OFF, ending=Ending.PANICKED))
    assert notes.names() == frozenset()


def test_nothing_is_left_of_one_that_is_forgotten(notes):
    notes.keep("m", KNOWN)
    notes.forget("m")
    notes.forget("m")
    assert notes.names() == frozenset()
    assert notes.read("m") == Note()


@pytest.fixture
def other(notes):
    """Another process, which is at machine m."""
    with subprocess.Popen(
        (sys.executable, "-c", HOLDS, notes.folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("other")
def test_one_at_a_time_is_at_a_machine(notes):
    with notes.held("m", wait=False) as free:
        assert not free
    with notes.held("n", wait=False) as free:
        assert free


def test_who_waits_is_next_when_the_other_is_killed(notes, other):
    begun = threading.Event()

    def wait():
        with notes.held("m"):
            begun.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not begun.is_set()
    other.kill()
    assert begun.wait(30)
    waiting.join()
