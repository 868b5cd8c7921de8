from __future__ import annotations

import threading

from vmf.model import DiskFormat, Ending, MachineState, Power
from vmf_vmware.notes import Note, Notes, owner

OFF = MachineState(power=Power.OFF, ending=Ending.SHUTDOWN, detail="x")


def test_what_is_noted_is_read_again(tmp_path):
    notes = Notes(folder=tmp_path / "machines")
    note = Note(started=True, ending=OFF, formats={"image0": DiskFormat.QCOW2}, chains={"disk0": ("a", "b")})
    assert notes.read("m") == Note()
    assert notes.names() == frozenset()
    notes.keep("m", note)
    assert Notes(folder=tmp_path / "machines").read("m") == note
    assert notes.names() == {"m"}
    notes.forget("m")
    assert notes.read("m") == Note()
    assert notes.names() == frozenset()


def test_what_is_kept_for_a_machine_is_the_owners_alone_and_goes_with_it(tmp_path):
    notes = Notes(folder=tmp_path / "machines")
    notes.file("m", "kernel").write_bytes(b"x")
    assert notes.of("m").stat().st_mode & 0o777 == 0o700
    assert notes.file("m", "note.json") != notes.of("m") / "note.json"
    notes.forget("m")
    assert notes.names() == frozenset()


def test_of_several_one_at_a_time_is_at_it(tmp_path):
    notes, seen = Notes(folder=tmp_path / "machines"), []

    def other():
        with notes.held("m"):
            seen.append("other")

    with notes.held("m"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.2)
        seen.append("first")
    thread.join(10)
    assert seen == ["first", "other"]


def test_the_word_of_a_user_stays_and_is_nobody_elses(tmp_path):
    words = [owner(tmp_path / name) for name in ("a", "a", "b")]
    assert words[0] == words[1] != words[2]
    assert all(word.isalnum() for word in words)
