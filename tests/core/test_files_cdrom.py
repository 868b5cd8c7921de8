"""The input CD holds what a guest is to find, and is read back before it counts."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycdlib import PyCdlib

from vmf.errors import HoldCode, JobFault, VmfError
from vmf.files import cdrom, volume
from vmf.model import Image, Job, Results

FUZZ = settings(deadline=None, database=None, max_examples=30)
MAGIC = volume.magic("5eed")
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCÄß0123456789._-", min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."}
)


def job(**changes):
    return Job(name="hello", image=Image(name="tiny"), memory=2**28, **changes)


def test_contents_are_the_guest_contract():
    asked = job(run="echo grüß\n", env={"A": "1"}, results=Results(files=("out.txt", "a folder")))
    assert cdrom.contents(asked, MAGIC) == {
        "magic": MAGIC,
        "env": b"export A='1'\n",
        "run": "echo grüß\n".encode(),
        "results": b"out.txt\na folder\n",
        "vmf-end": b"5eed\n",
    }


def test_a_job_that_wants_nothing_back_has_empty_files():
    files = cdrom.contents(job(), MAGIC)
    assert (files["run"], files["env"], files["results"]) == (b"", b"", b"")


@FUZZ
@given(
    st.dictionaries(
        st.from_regex(r"\AV[A-Z0-9_]{0,8}\Z"),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_a_shell_reads_every_value_as_it_was_given(env):
    script = cdrom.contents(job(env=env), MAGIC)["env"] + b"".join(
        b"printf '%%s\\0' \"$%s\"\n" % name.encode() for name in env
    )
    said = subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout
    assert said == b"".join(value.encode() + b"\0" for value in env.values())


@pytest.mark.parametrize("changes", [{"run": "a\ud800"}, {"env": {"A": "\udfff"}}])
def test_half_a_character_is_the_jobs_fault(changes):
    with pytest.raises(JobFault, match=f"{next(iter(changes))}: .*half a character") as caught:
        cdrom.contents(job(**changes), MAGIC)
    assert caught.value.code is HoldCode.MACHINE_INVALID


@FUZZ
@given(st.dictionaries(NAMES, st.binary(max_size=5000), max_size=8))
def test_every_file_comes_back_from_both_trees(contents):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.iso"
        cdrom.write(path, contents)
        disc = PyCdlib()
        disc.open(path)
        for name, content in contents.items():
            for tree in ("rr_path", "joliet_path"):
                with disc.open_file_from_iso(**{tree: f"/{name}"}) as file:
                    assert file.read() == content
        disc.close()


def test_the_disc_has_its_label_and_is_private(tmp_path):
    path = tmp_path / "input.iso"
    cdrom.write(path, cdrom.contents(job(), MAGIC))
    assert path.read_bytes()[32768 + 40 :].startswith(b"VMF ")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_disc_that_reads_back_otherwise_is_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "input.iso"
    path.write_bytes(b"as before")
    written = PyCdlib.write_fp

    def failing(self, file):
        written(self, file)
        end = file.seek(0, 2)
        file.seek(0)
        at = file.read().index(b"export A")
        file.seek(at)
        file.write(b"EXPORT")
        file.seek(end)

    monkeypatch.setattr(PyCdlib, "write_fp", failing)
    with pytest.raises(VmfError, match="holds env otherwise"):
        cdrom.write(path, cdrom.contents(job(env={"A": "1"}), MAGIC))
    assert path.read_bytes() == b"as before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disc_whose_trees_differ_is_not_kept(tmp_path, monkeypatch):
    added = PyCdlib.add_fp

    def failing(self, *arguments, joliet_path, **names):
        added(self, *arguments, joliet_path=joliet_path + "x", **names)

    monkeypatch.setattr(PyCdlib, "add_fp", failing)
    with pytest.raises(VmfError, match="does not hold the files"):
        cdrom.write(tmp_path / "input.iso", {"run": b"true"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", "x" * 300])
def test_a_name_that_no_disc_can_hold_is_told(tmp_path, name):
    with pytest.raises(VmfError, match="input CD"):
        cdrom.write(tmp_path / "input.iso", {name: b""})
    assert list(tmp_path.iterdir()) == []
