"""The warehouse of golden images, as whoever keeps, seeks and removes them meets it."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from goldens import SIZE, START, content, expected, found, names, step, sum_of
from qemu import qemu_img
from vmf.disks import images
from vmf.errors import SetupError, UsageError
from vmf.files import sparse
from vmf.hookspecs import unreported
from vmf.model import Clock, Draft, Equipment, File, GoldenHardware, Platform
from vmf.warehouse.checking import identity, without_memory
from vmf.warehouse.keeping import Unkept
from vmf.warehouse.shelf import Warehouse

EQUIPMENT = Equipment(memory=4096, cpus=1, firmware=None, clock=Clock.UTC, disks=(), cdroms=(), agent=False, vnc=False)
PLATFORM = Platform(type="kvm", accelerator="tcg", version="7.2", machine="q35", cpu="qemu64")


def test_an_image_that_is_kept_is_booted_from_its_chain(warehouse, keep, box):
    golden = keep("a")
    assert golden == warehouse.golden(golden.id)
    (own,) = golden.disks[0].layers
    assert (golden.disks[0].base.path, own.image, golden.parents) == ("box/box.raw", None, frozenset())
    with warehouse.take(golden.id, sum_of=sum_of) as taken:
        image = warehouse.image(taken.golden)
        images.inspect(image.disks[0])
        assert content(image.disks[0]) == expected("a")
        assert image.kernel.path.read_bytes() == b"a kernel"
    assert (image.kernel_parameters, image.disks[0].device) == ("quiet", "vda")
    assert images.verify_image(replace(image, kernel=None), checksum=sum_of) is None
    assert content(box.disks[0]) == expected("")
    assert own.size < 2**21


def test_an_image_upon_another_shares_its_files(warehouse, keep):
    first = keep("a")
    second = keep("ab", upon=first)
    assert second.parents == {first.id}
    assert [each.image for each in second.disks[0].layers] == [first.id, None]
    assert second.kernel.image == first.id
    disk = warehouse.image(second).disks[0]
    images.inspect(disk)
    assert content(disk) == expected("ab")


def test_a_whole_disk_needs_no_other(warehouse, box, tmp_path):
    path = tmp_path / "whole.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", box.disks[0].file.path, path)
    draft = Draft(name="box", start=START, performed=(step("a"),), image=box)
    with path.open("rb") as stream:
        golden = warehouse.publish(draft, {"whole0": stream}, sum_of=sum_of)
    box.disks[0].file.path.unlink()
    with warehouse.take(golden.id, sum_of=sum_of) as taken:
        assert content(warehouse.image(taken.golden).disks[0]) == expected("")


def test_memory_is_kept_with_what_it_fits(warehouse, keep, box, change, tmp_path):
    (tmp_path / "memory").write_bytes(b"m" * 4096)
    draft = Draft(name="box", start=START, performed=(step("a"),), image=box, platform=PLATFORM)
    draft = replace(draft, equipment=EQUIPMENT)
    with ExitStack() as files:
        given = {"disk0": files.enter_context(change(box.disks[0], "a"))}
        given |= {name: files.enter_context((tmp_path / "memory").open("rb")) for name in ("memory", "state")}
        golden = warehouse.publish(draft, given, sum_of=sum_of)
    assert (golden.memory.platform, golden.memory.memory.size) == (PLATFORM, 4096)
    assert golden.memory.equipment == EQUIPMENT
    assert (without_memory(golden), golden.id) == (keep("a").id, identity(golden))
    warm = warehouse.warm(golden, cold := warehouse.image(golden))
    assert (warm.golden, warm.equipment, warm.cold) == (golden.id, EQUIPMENT, cold.disks)
    assert warm.memory.file.path.read_bytes() == b"m" * 4096


@pytest.mark.parametrize(("performed", "memory", "is_so"), [((), 4096, True), ((), 8192, False), ("a", 4096, False)])
def test_whether_memory_of_a_mere_start_may_be_there_is_soon_known(warehouse, box, tmp_path, performed, memory, is_so):
    assert not warehouse.keeps_start(4096)
    (tmp_path / "memory").write_bytes(b"m" * memory)
    draft = Draft(name="box", start=START, performed=tuple(map(step, performed)), image=box, platform=PLATFORM)
    draft = replace(draft, equipment=EQUIPMENT, hardware=GoldenHardware(memory=memory, cpus=1))
    with ExitStack() as files:
        given = {name: files.enter_context((tmp_path / "memory").open("rb")) for name in ("memory", "state")}
        warehouse.publish(draft, given, sum_of=sum_of)
    assert warehouse.keeps_start(4096) is is_so


def test_an_image_is_used_with_all_that_it_lies_on(warehouse, keep):
    first = keep("a")
    second = keep("ab", upon=first)
    for each in (first, second):
        os.utime(warehouse.folders.whole / each.id / "used", (1, 1))
    warehouse.verify(second.id, lambda _: unreported)
    assert [warehouse.folders.used(each.id) for each in (first, second)] == [1, 1]
    warehouse.take(second.id, sum_of=sum_of).close()
    assert all(warehouse.folders.used(each.id) > 1 for each in (first, second))


def test_the_same_work_is_kept_once(warehouse, keep):
    assert keep("a") == keep("a")
    assert keep("a").id != keep("ab").id
    assert keep("a").id != keep("a", hardware=GoldenHardware(types=("kvm",))).id
    assert len(warehouse.ids()) == 3


def test_the_best_image_is_found_and_what_is_left(warehouse, keep):
    assert found(warehouse, "abc") is None
    keep("ab", upon=keep("a"))
    keep("c")
    assert found(warehouse, "abc") == ("ab", "c")
    assert found(warehouse, "ad") == ("a", "d")
    assert found(warehouse, "b") is None


def test_a_warehouse_that_is_not_there_or_is_full_is_told(tmp_path, box, warehouse, monkeypatch):
    draft = Draft(name="box", start=START, performed=(), image=box)
    with pytest.raises(SetupError, match="it is not there"):
        Warehouse(tmp_path / "nowhere").publish(draft, {}, sum_of=sum_of)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sparse, "copy", full)
    with pytest.raises(SetupError, match=r"kernel: No space left"):
        warehouse.publish(draft, {}, sum_of=sum_of)
    assert names(warehouse.folders.making) == []


def test_what_cannot_be_kept_is_told(warehouse, box, change, tmp_path):
    draft = Draft(name="box", start=START, performed=(), image=box)
    alone = tmp_path / "alone.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", alone, str(SIZE))
    with alone.open("rb") as stream, pytest.raises(Unkept, match="no overlay"):
        warehouse.publish(draft, {"disk0": stream}, sum_of=sum_of)
    with change(box.disks[0], "a") as stream, pytest.raises(Unkept, match="overlay over another"):
        warehouse.publish(draft, {"whole0": stream}, sum_of=sum_of)
    there = replace(box.disks[0], file=File(path=Path("/x.raw"), on_host=True))
    with pytest.raises(Unkept, match="lies on a host"):
        warehouse.publish(replace(draft, image=replace(box, disks=(there,))), {}, sum_of=sum_of)


def test_an_id_may_be_abbreviated(warehouse, keep):
    ids = sorted(keep(letter).id for letter in "abcdefgh")
    assert warehouse.named(ids[0]) == ids[0]
    assert warehouse.named(ids[0][:20]) == ids[0]
    for word in ("", "z", "0" * 40):
        with pytest.raises(UsageError, match="there is no image"):
            warehouse.named(word)


def test_an_image_may_be_meant_by_its_name_if_no_other_has_it(warehouse, keep):
    golden = keep("a")
    assert warehouse.named("box") == golden.id
    other = keep("b")
    with pytest.raises(UsageError, match="box may be 2 golden images") as told:
        warehouse.named("box")
    assert golden.id in str(told.value)
    assert other.id in str(told.value)
