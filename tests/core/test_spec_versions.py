"""Older versions are read with a note, newer ones are refused."""

from __future__ import annotations

import pytest

from vmf.errors import SpecError
from vmf.hookspecs import NoSettings
from vmf.model import API_VERSION
from vmf.spec import JobWords, load_hosts, load_jobs
from vmf.spec.versions import RENAMED

JOB = """\
# of long ago
apiVersion: {0}
kind: Job
metadata: {{name: j}}
spec:
  image: box.raw
  memory: 1GiB
  {1}: 2GiB
"""
HOST = "kind: Host\nmetadata: {{name: h}}\nspec: {{type: kvm, {1}: 3GiB}}\napiVersion: {0}\n"


@pytest.fixture
def load(tmp_path):
    """Reads a job and gives it, with what was remarked."""
    (tmp_path / "box.raw").touch()

    def load(version, key="disk_space", changes=()):
        (tmp_path / "j.yaml").write_text(JOB.format(version, key))
        notes = []
        (job,) = load_jobs([tmp_path / "j.yaml"], JobWords(images=tmp_path), changes=changes, remark=notes.append)
        return job, notes

    return load


@pytest.fixture
def load_host(tmp_path):
    def load_host(version, key="disk_space"):
        (tmp_path / "h.yaml").write_text(HOST.format(version, key))
        notes = []
        (host,) = load_hosts([tmp_path / "h.yaml"], settings={"kvm": NoSettings}, remark=notes.append)
        return host, notes

    return load_host


def test_todays_version_is_read_without_a_word(load, load_host):
    assert (load(API_VERSION)[1], load_host(API_VERSION)[1]) == ([], [])


def test_an_older_one_is_read_in_todays_words_with_a_note(load, tmp_path):
    job, (note,) = load("vmf/v1beta1", "disk")
    assert job.disk_space == 2 * 2**30
    assert note.what.startswith("apiVersion: 'vmf/v1beta1' is older than vmf/v1")
    assert "vmf migrate" in note.hint
    assert (note.where, note.line, note.column) == (str(tmp_path / "j.yaml"), 2, 13)
    assert (note.rule, note.source) == ("VMF118", "apiVersion: vmf/v1beta1")


def test_so_is_an_older_host(load_host):
    host, (note,) = load_host("vmf/v1beta1", "disk")
    assert (host.disk_space, note.rule, note.line) == (3 * 2**30, "VMF118", 4)


def test_the_old_word_is_none_of_todays(load, load_host):
    for read in (load, load_host):
        with pytest.raises(SpecError) as caught:
            read(API_VERSION, "disk")
        (fault,) = caught.value.faults
        assert (fault.rule, fault.what) == ("VMF109", "spec: unknown key 'disk'")


def test_an_older_file_is_changed_in_todays_words(load):
    assert load("vmf/v1beta1", "disk", changes=("disk_space=5GiB",))[0].disk_space == 5 * 2**30


def test_a_fault_in_an_older_file_has_its_own_place_and_the_note_is_told_once(load):
    with pytest.raises(SpecError) as caught:
        load("vmf/v1beta1", "disk: 1GiB\n  memroy")
    assert [(fault.rule, fault.line, fault.column) for fault in caught.value.faults] == [("VMF109", 9, 3)]


def test_both_words_for_one_thing_are_one_too_many(load):
    with pytest.raises(SpecError) as caught:
        load("vmf/v1beta1", "disk: 1GiB\n  disk_space")
    assert [(fault.rule, fault.line) for fault in caught.value.faults] == [("VMF110", 9)]


@pytest.mark.parametrize("version", ["vmf/v2", "vmf/v2alpha1", "vmf/v17beta3"])
def test_a_version_that_this_vmf_does_not_know_is_refused_and_nothing_else_is_said(load, load_host, version):
    for read in (load, load_host):
        with pytest.raises(SpecError) as caught:
            read(version, "ram")
        (fault,) = caught.value.faults
        assert fault.what == f"apiVersion: '{version}' is newer than this vmf"
        assert (fault.rule, fault.hint) == ("VMF107", "upgrade vmf, or write vmf/v1")


@pytest.mark.parametrize("version", ["v1", "vmf/v0", "vmf/v1beta", "vmf/v1 ", "vmf/v1\\n", "kubevirt.io/v1", "1"])
def test_what_is_no_version_is_told_the_right_one(load, version):
    with pytest.raises(SpecError) as caught:
        load(f'"{version}"')
    (fault,) = caught.value.faults
    assert "is no version that vmf reads" in fault.what
    assert (fault.rule, fault.hint) == ("VMF107", "write apiVersion: vmf/v1")


def test_every_older_version_can_be_read(load):
    for version in RENAMED:
        assert [note.rule for note in load(version)[1]] == ["VMF118"]
