from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from vmf.errors import HoldCode, HostFault, JobFault
from vmf_kvm.folder import Folder, beneath
from vmf_libvirt import account


def nobody(_done, _total):
    """Nobody wants to know how far it is."""


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path)


def made(where):
    machines = where / "machines"
    machines.mkdir()
    return Folder(machines=machines, name="m1", account=account.find())


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"one")
    return source


def test_a_copy_is_the_daemons_users_alone(folder, source):
    folder.put("kernel", source, nobody)
    copy = folder.path / "kernel"
    assert copy.read_bytes() == b"one"
    assert source.read_bytes() == b"one"
    for path, mode in ((copy, 0o600), (folder.path, 0o700)):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (folder.account.uid, folder.account.gid, mode)


def test_putting_again_replaces(folder, source):
    folder.put("kernel", source, nobody)
    source.write_bytes(b"two")
    folder.put("kernel", source, nobody)
    assert (folder.path / "kernel").read_bytes() == b"two"
    assert [each.name for each in folder.path.iterdir()] == ["kernel"]


@pytest.fixture(params=["disk", "memory"])
def place(request, tmp_path):
    """A folder on the file system of the tests, and one in memory."""
    if request.param == "disk":
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_holes_stay_holes(place, source):
    folder = made(place)
    with source.open("wb") as file:
        file.write(b"start")
        file.seek(8 * 2**20)
        file.write(b"middle")
        file.truncate(64 * 2**20)
    folder.put("results", source, nobody)
    copy = folder.path / "results"
    assert copy.stat().st_size == 64 * 2**20
    assert copy.stat().st_blocks * 512 < 2**20
    assert copy.read_bytes() == source.read_bytes()


def test_how_far_it_is_is_told(folder, source):
    source.write_bytes(os.urandom(2**24))
    told = []
    folder.put("disk", source, lambda *far: told.append(far))
    assert len(told) > 2
    assert told == sorted(told)
    assert {total for _, total in told} == {2**24}
    assert told[-1] == (2**24, 2**24)


def test_what_the_report_raises_breaks_it_off_and_nothing_is_left(folder, source):
    folder.put("kernel", source, nobody)
    source.write_bytes(os.urandom(2**24))

    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.put("kernel", source, stop)
    assert [each.name for each in folder.path.iterdir()] == ["kernel"]
    assert (folder.path / "kernel").read_bytes() == b"one"


def test_what_a_killed_process_left_is_not_kept(folder, source):
    folder.make()
    (folder.path / ".kernel.vmf.part").write_bytes(b"half")
    folder.put("kernel", source, nobody)
    assert [each.name for each in folder.path.iterdir()] == ["kernel"]


def test_two_at_once_do_not_mix(folder, source, tmp_path):
    """The second one is told; what the first one puts is whole."""
    other = tmp_path / "other"
    other.write_bytes(b"other")

    def meddle(_done, _total):
        with pytest.raises(HostFault, match="m1/kernel: another process is making it"):
            folder.put("kernel", other, nobody)

    folder.put("kernel", source, meddle)
    assert (folder.path / "kernel").read_bytes() == b"one"
    assert [each.name for each in folder.path.iterdir()] == ["kernel"]


def test_nothing_half_written_is_left(folder, source):
    folder.put("other", source, nobody)
    (folder.path / "kernel").mkdir()
    with pytest.raises(HostFault, match="m1"):
        folder.put("kernel", source, nobody)
    assert sorted(each.name for each in folder.path.iterdir()) == ["kernel", "other"]


def test_a_source_that_is_not_there_is_the_jobs_fault(folder, tmp_path):
    with pytest.raises(JobFault, match="none") as caught:
        folder.put("kernel", tmp_path / "none", nobody)
    assert caught.value.code is HoldCode.IMAGE_MISSING


def test_a_pipe_in_a_files_place_is_not_waited_for(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JobFault, match="a named pipe"):
        folder.put("kernel", tmp_path / "pipe", nobody)


def test_scratch_never_has_a_name(folder, monkeypatch):
    folder.make()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchown", lambda *_: seen.extend(folder.path.iterdir()))
        seen = []
        folder.scratch().close()
    assert seen == []
    with folder.scratch() as scratch:
        scratch.write(b"one")
        scratch.seek(0)
        assert scratch.read() == b"one"
        found = os.fstat(scratch.fileno())
    assert (found.st_uid, found.st_mode & 0o777, found.st_nlink) == (folder.account.uid, 0o600, 0)


def test_nothing_is_kept_open_when_scratch_cannot_be_given_away(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "not yours")

    folder.make()
    before = set(Path("/proc/self/fd").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchown", refuse)
        with pytest.raises(HostFault, match="not yours"):
            folder.scratch()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_folder_that_cannot_be_made_is_the_hosts_fault(folder, source):
    folder.machines.rmdir()
    with pytest.raises(HostFault, match="m1"):
        folder.put("kernel", source, nobody)


@pytest.mark.parametrize("name", ["../m2/results", "/etc/shadow", "", ".", ".hidden", "a\nb"])
def test_names_stay_in_the_folder(folder, source, name):
    with pytest.raises(HostFault, match="cannot be the name"):
        folder.put(name, source, nobody)
    with pytest.raises(HostFault, match="cannot be the name"):
        folder.open(name)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_a_machines_name_cannot_lead_out_either(tmp_path, name):
    with pytest.raises(HostFault, match="cannot be the name"):
        Folder(machines=tmp_path, name=name, account=account.find())


def test_a_link_in_the_place_of_a_file_is_not_followed(folder, source):
    folder.make()
    (folder.path / "results").symlink_to(source)
    with pytest.raises(HostFault, match="symbolic links"):
        folder.open("results")
    folder.put("results", source, nobody)
    assert not (folder.path / "results").is_symlink()
    with folder.open("results") as file:
        assert file.read() == b"one"


def test_a_link_in_the_place_of_the_folder_is_not_followed(folder, source, tmp_path):
    folder.path.symlink_to(tmp_path)
    with pytest.raises(HostFault):
        folder.put("results", source, nobody)
    with pytest.raises(HostFault, match="Not a directory"):
        folder.open("source")


def test_a_pipe_in_the_place_of_a_file_is_refused_without_waiting(folder):
    folder.make()
    os.mkfifo(folder.path / "results")
    with pytest.raises(HostFault, match="not a plain file"):
        folder.open("results")


@pytest.mark.parametrize("read", [lambda file: file.read(512), lambda file: file.read()])
def test_a_disk_that_fails_while_it_is_read_is_the_hosts_fault(read, monkeypatch):
    monkeypatch.setattr("vmf_kvm.folder._check", lambda _name: None)  # a number is no machine's name
    process = Folder(machines=Path("/proc"), name=str(os.getpid()), account=account.find())
    with process.open("mem") as unreadable, pytest.raises(HostFault, match=r"/mem: Input/output error"):
        read(unreadable)  # nothing is mapped at its start


def test_a_file_is_read_from_anywhere_to_its_end(folder, source):
    source.write_bytes(b"0123456789")
    folder.put("results", source, nobody)
    with folder.open("results") as file:
        assert file.read(3) == b"012"
        file.seek(5)
        assert file.read() == b"56789"


def test_removing_follows_no_link_and_can_be_done_again(folder, source, tmp_path):
    folder.put("kernel", source, nobody)
    (folder.path / "link").symlink_to(tmp_path)
    folder.remove()
    folder.remove()
    assert not folder.path.exists()
    assert source.exists()


def test_removing_goes_on_when_somebody_else_removes_too(folder, source, monkeypatch):
    remove = shutil.rmtree

    def overtaken(path):
        (path / "kernel").unlink()
        monkeypatch.setattr(shutil, "rmtree", remove)
        raise FileNotFoundError

    folder.put("kernel", source, nobody)
    folder.put("initrd", source, nobody)
    monkeypatch.setattr(shutil, "rmtree", overtaken)
    folder.remove()
    assert not folder.path.exists()


def test_folders_are_entered_one_by_one(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("b")
    with beneath(tmp_path, "a", "b") as here:
        assert os.fstat(here).st_ino == (tmp_path / "a" / "b").stat().st_ino
    with pytest.raises(NotADirectoryError), beneath(tmp_path, "a", "link"):
        pass


def test_a_file_is_lengthened_by_a_hole_to_what_it_may_have(folder, source):
    folder.put("disk0", source, nobody)
    folder.lengthen("disk0", 2**30)
    found = (folder.path / "disk0").stat()
    assert found.st_size == 2**30
    assert found.st_blocks * 512 < 2**20
    with pytest.raises(JobFault, match="disk0 may grow to 1 MiB, and begins with 1 GiB") as caught:
        folder.lengthen("disk0", 2**20)
    assert caught.value.code is HoldCode.MACHINE_INVALID


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo], ids=["link", "pipe"])
def test_nothing_but_a_plain_file_is_lengthened(folder, make):
    folder.make()
    make(folder.path / "disk0")
    with pytest.raises(HostFault, match="disk0"):
        folder.lengthen("disk0", 2**20)


def test_the_beginning_of_a_file_is_written_over_and_no_link_is_followed(folder, source):
    folder.put("memory", source, nobody)
    folder.overwrite("memory", b"tw")
    assert (folder.path / "memory").read_bytes() == b"twe"
    (folder.path / "link").symlink_to(source)
    for name in ("link", "absent"):
        with pytest.raises(HostFault):
            folder.overwrite(name, b"tw")
    assert source.read_bytes() == b"one"
    assert not (folder.path / "absent").exists()
