"""A warehouse that several processes, users and computers use at once, some of which are killed."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from goldens import START, content, expected, found, names, spoil, step, sum_of
from vmf.model import Draft, File
from vmf.warehouse.folders import Absent, Folders
from vmf.warehouse.shelf import Warehouse


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


def test_nobody_begins_to_use_what_is_being_removed(warehouse, keep, monkeypatch):
    golden, put_aside, held = keep("a"), Folders.put_aside, []

    def put_aside_late(folders, id_):
        held.append(folders.is_held(id_))
        return put_aside(folders, id_)

    monkeypatch.setattr(Folders, "put_aside", put_aside_late)
    assert warehouse.remove([golden.id]) == {}
    assert held == [True]


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
