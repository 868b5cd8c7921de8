"""Whoever cannot read an image is told which folder or file stands in the way."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vmf.disks import images
from vmf.errors import HoldCode, JobFault
from vmf.files import access
from vmf.model import Connection, Disk, DiskFormat, File, Host, ImageRoot, Transport

NOBODY = 65534


@pytest.fixture
def tree():
    """A folder that anybody may pass, with a file two folders below."""
    with TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        inner = Path(top) / "outer" / "inner"
        inner.mkdir(parents=True)
        (inner / "file").write_bytes(bytes(512))
        yield Path(top)


@pytest.fixture
def plain_user():
    """For the test's time this process is nobody in particular."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    yield
    os.seteuid(user)


def test_the_folder_that_blocks_is_named(tree):
    outer, inner, file = tree / "outer", tree / "outer" / "inner", tree / "outer" / "inner" / "file"
    file.chmod(0o644)
    assert access.blocker(file, uid=NOBODY, gids=()) is None
    inner.chmod(0o700)
    assert access.blocker(file, uid=NOBODY, gids=()) == inner
    outer.chmod(0o750)
    assert access.blocker(file, uid=NOBODY, gids=()) == outer
    assert access.blocker(file, uid=NOBODY, gids={outer.stat().st_gid}) == inner
    assert access.blocker(file, uid=0, gids=()) is None
    outer.chmod(0o711)
    inner.chmod(0o711)
    file.chmod(0o640)
    assert access.blocker(file, uid=NOBODY, gids=()) == file
    file.chmod(0)
    assert access.blocker(file, uid=0, gids=()) is None


@pytest.mark.parametrize(("mode", "stopped"), [(0o604, True), (0o602, True), (0o606, False), (0o660, True)])
def test_a_file_has_to_allow_all_that_is_wanted(tree, mode, stopped):
    file = tree / "outer" / "inner" / "file"
    file.chmod(mode)
    found = access.blocker(file, uid=NOBODY, gids=(), wanted=stat.S_IROTH | stat.S_IWOTH)
    assert found == (file if stopped else None)


OWNER, USER, OWN_GROUP, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


def listed(file, *entries):
    """Give a file an access control list, as `setfacl` does: owner and others have rights of the mode."""
    every = [(OWNER, 6, 2**32 - 1), *entries, (OTHER, 0, 2**32 - 1)]
    packed = b"".join(struct.pack("<HHI", *each) for each in sorted(every))
    os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + packed)


@pytest.mark.parametrize(
    ("entries", "gids", "stopped"),
    [
        ([(USER, 6, NOBODY), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (), False),
        ([(USER, 4, NOBODY), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (), True),
        ([(USER, 6, NOBODY), (OWN_GROUP, 0, 0), (MASK, 4, 0)], (), True),
        ([(USER, 6, NOBODY - 1), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (), True),
        ([(GROUP, 6, 4242), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (4242,), False),
        ([(GROUP, 6, 4242), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (), True),
        ([(GROUP, 4, 4242), (GROUP, 6, 4243), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (4242, 4243), False),
        ([(GROUP, 4, 4242), (GROUP, 2, 4243), (OWN_GROUP, 0, 0), (MASK, 6, 0)], (4242, 4243), True),
    ],
)
def test_an_access_control_list_says_for_whom_the_file_is(tree, entries, gids, stopped):
    """Which is what `setfacl` writes: nobody else gets at the file by it."""
    file = tree / "outer" / "inner" / "file"
    listed(file, *((tag, bits, of or 2**32 - 1) for tag, bits, of in entries))
    found = access.blocker(file, uid=NOBODY, gids=gids, wanted=stat.S_IROTH | stat.S_IWOTH)
    assert found == (file if stopped else None)


def test_a_list_with_an_empty_mask_is_not_looked_at_as_by_the_kernel(tree):
    file = tree / "outer" / "inner" / "file"
    listed(file, (USER, 6, NOBODY), (OWN_GROUP, 6, 2**32 - 1), (MASK, 0, 2**32 - 1))
    file.chmod(0o604)
    assert access.blocker(file, uid=NOBODY, gids=()) is None
    assert access.blocker(file, uid=NOBODY, gids=(file.stat().st_gid,)) == file


def test_links_are_followed_through_folders_that_block(tree):
    file, link = tree / "outer" / "inner" / "file", tree / "private" / "link"
    link.parent.mkdir()
    link.symlink_to("../outer/inner/file")
    assert access.blocker(link, uid=NOBODY, gids=()) is None
    (tree / "outer").chmod(0o700)
    assert access.blocker(link, uid=NOBODY, gids=()) == file.parent.parent
    (tree / "outer").chmod(0o711)
    link.parent.chmod(0o700)
    assert access.blocker(link, uid=NOBODY, gids=()) == link.parent


def test_an_owner_without_the_bit_is_blocked_although_others_are_not(tree):
    file = tree / "outer" / "inner" / "file"
    os.chown(file, os.geteuid() or NOBODY, -1)
    file.chmod(0o044)
    assert access.blocker(file, uid=file.stat().st_uid, gids=()) == file


def test_where_this_process_cannot_ask_it_names_the_folder(tree, request):
    outer = tree / "outer"
    os.chown(outer, os.geteuid() or NOBODY, -1)
    outer.chmod(0o001)
    request.getfixturevalue("plain_user")
    assert access.blocker(outer / "inner" / "file", uid=NOBODY - 1, gids=()) == outer


def test_links_that_lead_in_a_circle_end(tree):
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to(tree / "a")
    with pytest.raises(OSError, match="symbolic links"):
        access.blocker(tree / "a", uid=NOBODY, gids=())


@pytest.mark.parametrize("blocker", ["outer", "outer/inner", "outer/inner/file"])
def test_a_disk_that_may_not_be_read_is_held_with_what_blocks(tree, blocker, request):
    (tree / blocker).chmod(0)
    request.getfixturevalue("plain_user")
    with pytest.raises(JobFault, match=f"give this user access to {tree / blocker},") as caught:
        images.inspect(Disk(file=File(path=tree / "outer" / "inner" / "file"), format=DiskFormat.RAW))
    assert caught.value.code is HoldCode.IMAGE_UNREADABLE


@pytest.fixture
def srv(tmp_path):
    """A root of images, and a folder beside it whose name begins alike."""
    for name in ("images/deep", "images2", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("images/deep/a.raw", "images2/a.raw", "elsewhere/a.raw"):
        (tmp_path / name).touch()
    return tmp_path


def test_what_lies_below_a_root_is_not_outside(srv):
    roots = [srv / "elsewhere", srv / "images"]
    assert access.outside(srv / "images/deep/a.raw", roots) is None
    assert access.outside(srv / "images/deep/../deep/a.raw", roots) is None
    assert access.outside(srv / "images/new.raw", roots) is None


def test_prefixes_dots_and_links_lead_outside(srv):
    roots = [srv / "images"]
    (srv / "images/link").symlink_to("../elsewhere")
    (srv / "images/a.raw").symlink_to(srv / "images2/a.raw")
    for path, real in (
        ("images2/a.raw", "images2/a.raw"),
        ("images/../images2/a.raw", "images2/a.raw"),
        ("images/deep/../../elsewhere/a.raw", "elsewhere/a.raw"),
        ("images/link/a.raw", "elsewhere/a.raw"),
        ("images/link/../images2/a.raw", "images2/a.raw"),
        ("images/a.raw", "images2/a.raw"),
    ):
        assert access.outside(srv / path, roots) == srv / real
    assert access.outside(srv / "images/deep/a.raw", []) == srv / "images/deep/a.raw"


def test_a_root_may_be_a_link_itself(srv):
    (srv / "root").symlink_to("images")
    assert access.outside(srv / "images/deep/a.raw", [srv / "root"]) is None
    assert access.outside(srv / "root/deep/a.raw", [srv / "images"]) is None


def test_a_file_outside_what_the_host_grants_is_refused_with_where_it_lies(srv):
    (srv / "images/a.raw").symlink_to(srv / "images2/a.raw")
    files = [File(path=srv / "images/deep/a.raw"), File(path=srv / "images/a.raw")]
    images.check_roots(files, Host(name="h", type="fake"))
    mine = ImageRoot(path=srv / "images")
    images.check_roots(files[:1], Host(name="h", type="fake", images=(mine,)))
    with pytest.raises(JobFault, match=f"{srv}/images/a.raw: it lies at {srv}/images2/a.raw, outside") as caught:
        images.check_roots(files, Host(name="h", type="fake", images=(mine,)))
    assert caught.value.code is HoldCode.REFUSED
    assert caught.value.hint == f"put the file there: {srv}/images"
    with pytest.raises(JobFault, match="ask the host's owner"):
        images.check_roots(files[:1], Host(name="h", type="fake", images=()))


def test_on_a_host_elsewhere_neither_links_of_this_computer_count_nor_its_files(srv):
    (srv / "images/a.raw").symlink_to(srv / "images2/a.raw")
    far = Connection(transport=Transport.SSH, address="a")
    host = Host(name="h", type="fake", images=(ImageRoot(path=srv / "images"),), connection=far)
    images.check_roots([File(path=srv / "images2/a.raw"), File(path=srv / "images/a.raw", on_host=True)], host)
    for path in (srv / "images2/a.raw", srv / "images/../images2/a.raw"):
        with pytest.raises(JobFault, match=f"{srv}/images2/a.raw, outside"):
            images.check_roots([File(path=path, on_host=True)], host)
