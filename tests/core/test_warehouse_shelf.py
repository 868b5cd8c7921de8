"""The warehouse of golden images, as whoever keeps, seeks and removes them meets it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from qemu import qemu_img
from vmf.disks import differing, images, whole
from vmf.errors import SetupError, UsageError
from vmf.files import sparse
from vmf.files.access import open_unlinked
from vmf.hookspecs import unreported
from vmf.model import (
    Bus,
    Clock,
    Disk,
    DiskFormat,
    Draft,
    Equipment,
    File,
    GoldenHardware,
    Image,
    Performed,
    Platform,
)
from vmf.steps.golden import Request
from vmf.steps.graph import Graph, Node
from vmf.warehouse import checking
from vmf.warehouse.checking import Damaged, Unusable, identity, without_memory
from vmf.warehouse.folders import Absent
from vmf.warehouse.keeping import Unkept
from vmf.warehouse.shelf import Warehouse

START = "5" * 64
SIZE = 4 * 2**20
EQUIPMENT = Equipment(memory=4096, cpus=1, firmware=None, clock=Clock.UTC, disks=(), cdroms=(), agent=False, vnc=False)
PLATFORM = Platform(type="kvm", accelerator="tcg", version="7.2", machine="q35", cpu="qemu64")


def digest(letter):
    return f"{ord(letter):064x}"


def step(letter):
    return Performed(name=letter, digest=digest(letter), seconds=2.0, at=1.0)


def sum_of(stream, file):
    """What a process knows that has never seen a file."""
    return sparse.sha256(stream, file.part, check=lambda *_: None)


@pytest.fixture
def root(tmp_path):
    """A warehouse with the named image `box`."""
    root = tmp_path / "images"
    (root / "box").mkdir(parents=True)
    (root / "box" / "box.raw").write_bytes(b"base" * (SIZE // 4))
    (root / "box" / "vmlinuz").write_bytes(b"a kernel")
    return root


@pytest.fixture
def told():
    return []


@pytest.fixture
def warehouse(root, told):
    return Warehouse(root, tell=told.append)


@pytest.fixture
def box(root):
    disk = Disk(file=File(path=root / "box" / "box.raw"), format=DiskFormat.RAW, bus=Bus.VIRTIO, device="vda")
    return Image(name="box", kernel=File(path=root / "box" / "vmlinuz"), kernel_parameters="quiet", disks=(disk,))


@pytest.fixture
def change(tmp_path):
    """Makes what a guest changed of a disk, as a host hands it over: longer than it is, and naming what it lay on."""

    def change(disk, letter):
        path, top = tmp_path / f"changed-{letter}", disk.files[-1].path
        layout = DiskFormat.QCOW2 if disk.layers else disk.layout
        with path.open("w+b") as out:
            grains = [((ord(letter) - ord("a")) * 2, letter.encode() * sparse.GRAIN)]
            differing.write(out, grains, size=SIZE, name=str(top), layout=layout)
            out.truncate(2**30)
        return path.open("rb")

    return change


@pytest.fixture
def keep(warehouse, box, change):
    """Keeps an image with these steps; upon the one with all of them but the last, if `upon` is that."""

    def keep(letters, upon=None, **more):
        image = warehouse.image(upon) if upon else box
        draft = Draft(name="box", start=START, performed=tuple(map(step, letters)), image=image, **more)
        with change(image.disks[0], letters[-1]) as changed:
            return warehouse.publish(draft, {"disk0": changed}, sum_of=sum_of)

    return keep


def content(disk):
    with whole.opened(disk) as stream:
        return stream.read()


def expected(letters):
    data = bytearray(b"base" * (SIZE // 4))
    for letter in letters:
        at = (ord(letter) - ord("a")) * 2**17
        data[at : at + 2**16] = letter.encode() * 2**16
    return bytes(data)


def request(letters):
    """Asks for these steps, each after the one before."""
    nodes, before = [], frozenset()
    for letter in letters:
        nodes.append(Node(digest=digest(letter), name=letter, after=before))
        before = frozenset({digest(letter)})
    return Request(start=START, graph=Graph(nodes=tuple(nodes)), memory=2**28, cpus=1)


def found(warehouse, letters):
    """The steps that an image has done of these, and what is left."""
    taken = warehouse.find(request(letters), {}, sum_of=sum_of)
    if taken is None:
        return None
    with taken[0] as one:
        return "".join(each.name for each in one.golden.performed), "".join(node.name for node in taken[1])


def names(folder):
    return sorted(each.name for each in folder.iterdir())


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


def cut(file):
    os.truncate(file, file.stat().st_size - 2)


def spoil(file):
    with file.open("r+b") as out:
        out.seek(file.stat().st_size - 1)
        byte = out.read(1)
        out.seek(-1, os.SEEK_CUR)
        out.write(bytes([byte[0] ^ 1]))


def lead_away(file):
    file.rename(file.with_name("other"))
    file.symlink_to("other")


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


def test_what_is_held_is_not_removed(warehouse, keep):
    first = keep("a")
    second = keep("ab", upon=first)
    with warehouse.take(second.id, sum_of=sum_of):
        stay = warehouse.remove([second.id, first.id])
        assert stay == {second.id: "it is used now", first.id: f"{second.id} lies on it"}
        assert warehouse.folders.is_held(first.id)
    assert warehouse.remove([first.id]) == {first.id: f"{second.id} lies on it"}
    assert warehouse.remove([second.id, first.id]) == {}
    assert warehouse.ids() == ()
    assert names(warehouse.folders.aside) == []
    assert found(warehouse, "ab") is None
    with pytest.raises(Absent):
        warehouse.take(first.id, sum_of=sum_of)


HOLDS = """
import sys
from pathlib import Path
from vmf.warehouse.shelf import Warehouse
taken = Warehouse(Path(sys.argv[1])).take(sys.argv[2], sum_of=lambda stream, file: sys.argv[3])
print("held", flush=True)
sys.stdin.read()
"""


def test_what_another_process_holds_stays_until_that_is_killed(warehouse, box, root):
    draft = Draft(name="box", start=START, performed=(step("a"),), image=replace(box, kernel=None, disks=()))
    golden = warehouse.publish(draft, {}, sum_of=sum_of)
    words = (sys.executable, "-c", HOLDS, root, golden.id, "0" * 64)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert golden.id in warehouse.remove([golden.id])
        process.kill()
    assert warehouse.remove([golden.id]) == {}


def test_what_a_broken_off_keeping_left_is_removed(warehouse, keep, box, change):
    def broken(_name):
        raise KeyboardInterrupt

    draft = Draft(name="box", start=START, performed=(step("a"),), image=box)
    with pytest.raises(KeyboardInterrupt), change(box.disks[0], "a") as changed:
        warehouse.publish(draft, {"disk0": changed}, sum_of=sum_of, report=broken)
    assert warehouse.ids() == ()
    (warehouse.folders.making / "1" / "disk0.qcow2").parent.mkdir(parents=True)
    keep("b")
    assert names(warehouse.folders.making) == []


DIES = """
import os, sys
from pathlib import Path
from vmf.model import Draft, Image
from vmf.warehouse import folders, shelf
stop = getattr(folders.Folders, sys.argv[2])
setattr(folders.Folders, sys.argv[2], lambda *words: (stop(*words) if sys.argv[3] == "after" else None, os._exit(9)))
draft = Draft(name="box", start="5" * 64, performed=(), image=Image(name="box"))
shelf.Warehouse(Path(sys.argv[1])).publish(draft, {}, sum_of=None)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_image_is_whole_or_not_there_whenever_its_maker_is_killed(warehouse, keep, root, when):
    """After it came to its place it is found, although nobody told the index."""
    keep("a")
    words = (sys.executable, "-c", DIES, root, "settle", when)
    assert subprocess.run(words, check=False, timeout=60).returncode == 9
    keep("b")
    assert len(warehouse.ids()) == (3 if when == "after" else 2)
    assert names(warehouse.folders.making) == []
    assert found(warehouse, "") == (("", "") if when == "after" else None)


def test_two_who_make_the_same_keep_one(warehouse, root, box, change):
    """The second waits for the first, and has its image."""
    draft = Draft(name="box", start=START, performed=(step("a"),), image=box)
    first, second = threading.Event(), threading.Event()
    made = []

    def slow(name):
        if name == "kernel":
            first.set()
            assert second.wait(30)
        return lambda *_: None

    def waiting(_name):
        return lambda *_: second.set()

    def publish(report, letter):
        with change(box.disks[0], letter) as changed:
            made.append(Warehouse(root).publish(draft, {"disk0": changed}, sum_of=sum_of, report=report))

    threads = [threading.Thread(target=publish, args=(slow, "a"))]
    threads[0].start()
    assert first.wait(30)
    threads.append(threading.Thread(target=publish, args=(waiting, "b")))
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert made[0] == made[1]
    assert content(warehouse.image(made[0]).disks[0]) == expected("a")


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"garbage")])
@pytest.mark.parametrize("name", ["index.db", "listed"])
def test_the_index_is_only_an_index(warehouse, keep, harm, name):
    keep("a")
    harm(warehouse.folders.golden / name)
    assert found(warehouse, "a") == ("a", "")


def test_images_that_others_bring_or_take_away_are_noticed(warehouse, keep, tmp_path):
    keep("ab")
    golden = keep("abc")
    away = tmp_path / "away"
    (warehouse.folders.whole / golden.id).rename(away)
    assert found(warehouse, "abc") == ("ab", "c")
    away.rename(warehouse.folders.whole / golden.id)
    assert found(warehouse, "abc") == ("abc", "")


def test_a_shared_warehouse_can_be_used_by_its_group(root, keep, warehouse):
    root.chmod(0o2775)
    golden = keep("a")
    place = warehouse.folders.whole / golden.id
    assert place.stat().st_mode & 0o7777 == 0o2775
    modes = {name: (place / name).stat().st_mode & 0o777 for name in names(place)}
    assert modes == {"disk0.qcow2": 0o644, "golden.json": 0o644, "kernel": 0o644, "used": 0o664}
    shared = {name: (warehouse.folders.golden / name).stat().st_mode & 0o060 for name in ("index.db", "lock")}
    assert set(shared.values()) == {0o060}


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


def test_whatever_links_lead_to_a_warehouse_it_is_the_same(warehouse, keep, box, root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    other = Warehouse(tmp_path / "link")
    golden = keep("a")
    files = other.image(other.golden(golden.id)).disks[0].files
    assert other.owners(files) == warehouse.owners(files) == {golden.id}
    disk = replace(box.disks[0], file=File(path=tmp_path / "link" / "box" / "box.raw"))
    draft = Draft(name="box", start="6" * 64, performed=(), image=replace(box, kernel=None, disks=(disk,)))
    assert other.publish(draft, {}, sum_of=sum_of).disks[0].base.path == "box/box.raw"


def test_only_such_locks_are_taken_as_nfs_knows(warehouse, keep, monkeypatch):
    """Of plain files; shared by who reads, alone by who writes."""
    taken = []
    work = fcntl.flock

    def flock(number, how):
        taken.append(how)
        opened = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        assert stat.S_ISREG(os.fstat(number).st_mode)
        assert opened in ({os.O_RDWR, os.O_WRONLY} if how & fcntl.LOCK_EX else {os.O_RDWR, os.O_RDONLY})
        return work(number, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    first = keep("a")
    keep("ab", upon=first)
    assert found(warehouse, "ab") == ("ab", "")
    spoil(warehouse.folders.whole / first.id / "disk0.qcow2")
    assert found(warehouse, "ab") is None
    keep("a")
    assert warehouse.remove(warehouse.ids()) == {}
    warehouse.clean()
    assert {each & ~fcntl.LOCK_NB for each in taken} == {fcntl.LOCK_SH, fcntl.LOCK_EX}


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
