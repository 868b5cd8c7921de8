"""Golden images that are damaged, or not what they say: nobody uses them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from goldens import SIZE, cut, digest, found, lead_away, names, spoil, sum_of
from qemu import qemu_img
from vmf.disks import images
from vmf.files.access import open_unlinked
from vmf.model import File
from vmf.warehouse import checking
from vmf.warehouse.checking import Damaged, Unusable


@pytest.mark.parametrize("harm", [cut, spoil, lead_away, Path.unlink])
@pytest.mark.parametrize("name", ["disk0.qcow2", "golden.json"])
def test_a_damaged_image_is_found_before_it_is_used_and_made_anew(warehouse, keep, told, harm, name):
    keep("a")
    better = keep("ab")
    harm(warehouse.folders.whole / better.id / name)
    assert found(warehouse, "ab") == ("a", "b")
    assert len(told) == 1
    assert better.id in told[0]
    assert better.id not in warehouse.ids()
    assert names(warehouse.folders.aside) == [f"{better.id}.1"]
    assert keep("ab").id == better.id
    assert found(warehouse, "ab") == ("ab", "")


@pytest.mark.parametrize("harm", [lead_away, Path.unlink])
def test_an_image_that_cannot_be_held_is_damaged(warehouse, keep, harm):
    golden = keep("a")
    harm(warehouse.folders.whole / golden.id / "used")
    assert found(warehouse, "a") is None
    assert keep("a").id == golden.id
    assert found(warehouse, "a") == ("a", "")


def test_an_image_that_cannot_be_read_is_passed_over(warehouse, keep, told, monkeypatch):
    keep("a")
    better = keep("ab")

    def failing(path):
        if path.parent.name == better.id:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return open_unlinked(path)

    monkeypatch.setattr(checking, "open_unlinked", failing)
    assert found(warehouse, "ab") == ("a", "b")
    assert "is passed over" in told[0]
    assert better.id in warehouse.ids()


def test_what_lies_on_a_damaged_image_is_damaged(warehouse, keep):
    first = keep("a")
    second = keep("ab", upon=first)
    spoil(warehouse.folders.whole / first.id / "disk0.qcow2")
    with pytest.raises(Damaged):
        warehouse.take(second.id, sum_of=sum_of)
    assert warehouse.ids() == ()


def test_an_image_whose_original_has_changed_is_passed_over_and_stays(warehouse, keep, box, told):
    golden = keep("a")
    kept = box.disks[0].file.path.read_bytes()
    box.disks[0].file.path.write_bytes(b"x" * SIZE)
    assert found(warehouse, "a") is None
    assert "has changed" in told[0]
    box.disks[0].file.path.unlink()
    with pytest.raises(Unusable):
        warehouse.take(golden.id, sum_of=sum_of)
    box.disks[0].file.path.write_bytes(kept)
    assert found(warehouse, "a") == ("a", "")


def rewritten(warehouse, golden, **changes):
    path = warehouse.folders.whole / golden.id / "golden.json"
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "0" * 32},
        {"start": "6" * 64},
        {"kernel": {"name": "../../../box/vmlinuz", "size": 8, "sha256": "0" * 64}},
        {"kernel": {"image": "../..", "name": "vmlinuz", "size": 8, "sha256": "0" * 64}},
        {"disks": [{"size": 1, "base": {"path": "../../etc/shadow", "format": "raw", "sha256": "0" * 64}}]},
        {"disks": [{}]},
        {"disks": [{"size": 512}]},
        {"surprise": True},
        {"made": 1e300},
        {"made": -1e300},
        {"performed": [{"name": "a", "digest": digest("a"), "seconds": 1.0, "at": 1e300}]},
    ],
)
def test_what_an_image_says_of_itself_is_not_believed(warehouse, keep, changes):
    golden = keep("a")
    rewritten(warehouse, golden, **changes)
    with pytest.raises(Damaged):
        warehouse.take(golden.id, sum_of=sum_of)


def test_an_image_of_another_version_stays_for_that(warehouse, keep):
    golden = keep("a")
    rewritten(warehouse, golden, version=2, novelty=True)
    with pytest.raises(Unusable, match="version 2"):
        warehouse.take(golden.id, sum_of=sum_of)
    assert warehouse.ids() == (golden.id,)


def test_what_an_image_of_another_version_lies_on_stays(warehouse, keep):
    first = keep("a")
    second = keep("ab", upon=first)
    rewritten(warehouse, second, version=2, novelty=True)
    assert warehouse.remove([first.id]) == {first.id: f"{second.id} lies on it"}


def test_a_layer_that_names_another_file_is_refused(warehouse, keep, tmp_path):
    """Whoever has replaced the file has replaced its sum, too."""
    golden = keep("a")
    disk = warehouse.image(golden).disks[0]
    hostile = tmp_path / "hostile"
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", hostile, str(SIZE))
    with pytest.raises(Exception, match="names another file, /etc/passwd"):
        images.inspect(replace(disk, layers=(replace(disk.layers[0], file=File(path=hostile)),)))
