from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault, Refused
from vmf.model import DiskFormat, Machine, MachineDisk, MachineShare
from vmf_kvm.usable import check_files, check_shares, lend, settled
from vmf_libvirt.account import Account

ME = Account(name="me", uid=os.geteuid(), gid=os.getegid(), groups=(os.getegid(),))
STRANGER = Account(name="libvirt-qemu", uid=4242, gid=4242, groups=(4242,))


@pytest.fixture
def passable():
    """A folder that anybody may pass."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def shared(path):
    return (MachineShare(name="data", folder=str(path)),)


def test_files_that_can_be_read(tmp_path):
    (tmp_path / "disk").touch()
    assert check_files([str(tmp_path / "disk")], ME) == frozenset()


def test_block_devices_are_told_apart_as_the_job_spells_them(tmp_path, monkeypatch):
    (tmp_path / "disk").touch()
    monkeypatch.setattr("pathlib.Path.is_block_device", lambda _: True)
    assert check_files([f"{tmp_path}//disk"], ME) == {f"{tmp_path}//disk"}


def test_a_file_that_the_guests_user_may_not_read_is_the_jobs_fault(passable):
    disk = passable / "a disk"
    disk.touch(mode=0o600)
    with pytest.raises(JobFault, match="user libvirt-qemu, who runs the guests, is stopped at") as caught:
        check_files([str(disk)], STRANGER)
    assert caught.value.code is HoldCode.IMAGE_UNREADABLE
    assert caught.value.hint == f"`setfacl -m u:libvirt-qemu:r '{disk}'`, or move the image"


def test_a_folder_is_to_be_opened_to_the_guests_user_alone(passable):
    passable.chmod(0o700)
    (passable / "disk").touch()
    with pytest.raises(JobFault) as caught:
        check_files([str(passable / "disk")], STRANGER)
    assert f"`setfacl -m u:libvirt-qemu:x {passable}`" in caught.value.hint


def test_a_file_that_the_guest_changes_has_to_be_writable_for_the_guests_user(passable):
    disk = passable / "disk"
    disk.touch(mode=0o644)
    check_files([str(disk)], STRANGER)
    with pytest.raises(JobFault, match=f"user libvirt-qemu, who runs the guests, is stopped at {disk}") as caught:
        check_files([str(disk)], STRANGER, written={str(disk)})
    assert caught.value.code is HoldCode.IMAGE_UNREADABLE
    assert f"`setfacl -m u:libvirt-qemu:rw {disk}`" in caught.value.hint
    disk.chmod(0o646)
    check_files([str(disk)], STRANGER, written={str(disk)})


@pytest.fixture
def lent(monkeypatch):
    """To whom files were given, which only root can do."""
    whom = []
    monkeypatch.setattr("os.fchown", lambda _, uid, gid: whom.append((uid, gid)))
    return whom


def test_memory_that_only_its_owner_may_use_is_lent(passable, lent):
    (passable / "memory").touch(mode=0o600)
    lend(str(passable / "memory"), STRANGER)
    assert lent == [(STRANGER.uid, STRANGER.gid)]


@pytest.mark.parametrize(
    "make",
    [
        lambda file: file.chmod(0o666),
        lambda file: file.with_name("other").hardlink_to(file),
        lambda file: file.rename(file.with_name("other")).parent.joinpath("memory").symlink_to("other"),
        lambda file: file.parent.chmod(0o700),
        lambda file: file.unlink(),
    ],
    ids=["open already", "another name", "link", "closed folder", "absent"],
)
def test_nothing_else_is_lent(passable, lent, make):
    file = passable / "memory"
    file.touch(mode=0o600)
    make(file)
    lend(str(file), STRANGER)
    lend(str(file), ME)
    assert lent == []


def test_a_folder_can_be_shared(tmp_path):
    check_shares(shared(tmp_path), ME)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "No such file"),
        (lambda path: path.touch(), "no folder, or a link"),
        (lambda path: path.symlink_to("/etc"), "no folder, or a link"),
    ],
    ids=["nothing", "file", "link"],
)
def test_what_is_shared_has_to_be_a_folder(tmp_path, make, words):
    make(tmp_path / "data")
    with pytest.raises(HostFault, match=words) as caught:
        check_shares(shared(tmp_path / "data"), ME)
    assert "`folders`" in caught.value.hint
    assert caught.value.ability == "shares"


def test_a_folder_that_the_guests_user_may_not_enter_is_the_hosts_fault(tmp_path):
    with pytest.raises(HostFault, match="user libvirt-qemu, who runs the guests, is stopped at"):
        check_shares(shared(tmp_path), STRANGER)


@pytest.fixture
def images(tmp_path):
    """A folder for images with one in it, and another one outside."""
    (tmp_path / "images").mkdir()
    for name in ("images/real.raw", "secret.raw"):
        (tmp_path / name).touch()
    return tmp_path / "images"


def with_disk(file):
    disk = MachineDisk(file=str(file), format=DiskFormat.RAW)
    return Machine(name="m", memory=2**28, cpus=1, accelerator="tcg", disks=(disk,))


def test_a_link_that_is_swapped_after_the_check_does_not_count(images):
    link = images / "disk.raw"
    link.symlink_to("real.raw")
    machine = settled(with_disk(link), [images])
    link.unlink()
    link.symlink_to("../secret.raw")
    assert machine == with_disk(images / "real.raw")
    with pytest.raises(Refused, match=r"it lies at .*/secret\.raw, outside the folders") as caught:
        settled(with_disk(link), [images])
    assert str(images) in caught.value.hint


def test_a_disk_that_is_served_is_named_by_where_its_socket_lies(images, tmp_path):
    (tmp_path / "link").symlink_to(images)
    link, real = str(tmp_path / "link/real.raw"), str(images / "real.raw")
    served = replace(with_disk(link), disks=(replace(with_disk(link).disks[0], served=(link,)),))
    assert settled(served, [tmp_path / "link"]).disks[0].served == (real,)


def test_who_runs_the_guests_has_to_reach_a_socket_to_read_there(passable):
    path = passable / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o644)
        with pytest.raises(JobFault, match="is stopped at"):
            check_files([str(path)], STRANGER, written=[str(path)])
        path.chmod(0o666)
        assert check_files([str(path)], STRANGER, written=[str(path)]) == frozenset()


def test_folders_may_be_links_themselves(images, tmp_path):
    (tmp_path / "link").symlink_to(images)
    assert settled(with_disk(tmp_path / "link" / "real.raw"), [tmp_path / "link"]) == with_disk(images / "real.raw")


def test_what_a_site_adds_lies_where_it_likes(images, tmp_path):
    added = with_disk(tmp_path / "secret.raw")
    assert settled(added, [images]) == added
