"""`vmf image`: what is in the warehouse, and what becomes of it."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from shell import Shell
from vmf.disks import differing
from vmf.files import sparse
from vmf.model import Disk, DiskFormat, Draft, File, Golden, Home, Image, Performed
from vmf.store import Store
from vmf.warehouse.shelf import Warehouse

DAY = 24 * 3600
SIZE = 2**20
BOX = "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: box}\nspec: {disks: [{file: box.raw}]}\n"


def sum_of(stream, file):
    return sparse.sha256(stream, file.part, check=lambda *_: None)


class Shelves:
    """A warehouse that is filled without machines."""

    def __init__(self, images: Path) -> None:
        self.warehouse = Warehouse(images)
        self.box = images / "box"

    def keep(self, *steps: str, upon: Golden | None = None, age: int = 0) -> Golden:
        disk = Disk(file=File(path=self.box / "box.raw"), format=DiskFormat.RAW)
        image = self.warehouse.image(upon) if upon else Image(name="box", disks=(disk,))
        performed = tuple(
            Performed(name=each, digest=f"{sum(each.encode()):064x}", seconds=65, at=1e9) for each in steps
        )
        draft = Draft(name="web", start="5" * 64, performed=performed, image=image, attributes={"Site": '"up\x1b"'})
        changed = self.box.parent / "changed"
        with changed.open("w+b") as out:
            grains = [(len(steps), b"%d" % len(steps) * sparse.GRAIN)]
            differing.write(out, grains, size=SIZE, name="box.raw", layout=DiskFormat.RAW)
            golden = self.warehouse.publish(draft, {"disk0": out}, sum_of=sum_of)
        changed.unlink()
        os.utime(self.place(golden) / "used", (time.time() - age,) * 2)
        return golden

    def place(self, golden: Golden) -> Path:
        return self.warehouse.folders.whole / golden.id

    @property
    def ids(self) -> set[str]:
        return set(self.warehouse.ids())


@pytest.fixture
def box(shell: Shell) -> Path:
    """The named image `box`."""
    box = shell.home / "images" / "box"
    box.mkdir(parents=True)
    (box / "box.raw").write_bytes(bytes(SIZE))
    (box / "box.image.yaml").write_text(BOX)
    return box


@pytest.fixture
def shelves(box: Path) -> Shelves:
    return Shelves(box.parent)


def test_an_empty_warehouse_says_what_to_do(shell: Shell) -> None:
    done = shell.vmf("image", "ls")
    assert (done.returncode, done.stdout) == (0, "there are no images: `vmf image build tiny` builds one\n")
    assert shell.vmf("image", "gc").stdout == "0 golden images removed: 0 bytes; 0 bytes stay\n"
    assert shell.vmf("image", "verify").stdout == ""


@pytest.mark.parametrize("words", [["ls"], ["verify"], ["show", "box"], ["gc"], ["rm", "box"], ["index"]])
def test_a_warehouse_that_is_not_there_is_not_an_empty_one(shell: Shell, words: list[str]) -> None:
    shell.environment["VMF_WAREHOUSE"] = "/nosuch"
    done = shell.vmf("image", *words)
    assert (done.returncode, done.stdout) == (79, "")
    assert "the warehouse /nosuch, which VMF_WAREHOUSE names, is not there" in done.stderr


def test_images_are_listed(shell: Shell, shelves: Shelves) -> None:
    golden = shelves.keep("python", "web")
    lines = [line.split("  ") for line in shell.vmf("image", "ls").stdout.splitlines()]
    (header, box, web) = [[word.strip() for word in line if word.strip()] for line in lines]
    assert header == ["NAME", "ID", "STEPS", "MEMORY", "SIZE", "USED", "MADE"]
    assert box[0] == "box"
    assert web[:3] == ["web", golden.id[:12], "2"]
    told = json.loads(shell.vmf("image", "ls", "--format", "json").stdout)
    assert [(each["name"], each.get("id"), each.get("steps")) for each in told] == [
        ("box", None, None),
        ("web", golden.id, ["python", "web"]),
    ]


def test_that_an_image_cannot_be_read_is_said(shell: Shell, shelves: Shelves) -> None:
    golden = shelves.keep("python")
    shelves.keep("ruby")
    (shelves.place(golden) / "golden.json").write_bytes(b"{")
    done = shell.vmf("image", "ls")
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "vmf: 1 golden image cannot be read: `vmf image verify` says why\n"
    assert "golden.json is not what was kept" in shell.vmf("image", "show", golden.id).stderr
    assert "`vmf image verify` sets aside what is damaged" in shell.vmf("image", "index").stderr
    assert golden.id in shelves.ids
    assert golden.id in shell.vmf("image", "verify").stderr
    assert golden.id not in shelves.ids


def test_an_image_is_shown_whole(shell: Shell, shelves: Shelves) -> None:
    first = shelves.keep("python")
    second = shelves.keep("python", "web", upon=first)
    told = shell.vmf("image", "show", second.id[:20]).stdout
    assert f"golden image {second.id}, of web" in told
    assert f"disk 0       1 MiB: box/box.raw (raw) ← {first.id[:12]}/disk0.qcow2 (" in told
    assert f"lies on      {first.id[:12]}\n" in told
    assert "python  1m05s" in told
    assert r'Site       "up\x1b"' in told
    assert f"needed by    {second.id[:12]}\n" in shell.vmf("image", "show", first.id).stdout
    whole = json.loads(shell.vmf("image", "show", first.id, "--format", "json").stdout)
    assert (whole["golden"]["id"], whole["needed_by"], whole["held"]) == (first.id, [second.id], False)
    assert "box.raw (raw)" in shell.vmf("image", "show", "box").stdout
    done = shell.vmf("image", "show", "nothing")
    assert (done.returncode, done.stderr) == (
        78,
        "vmf: there is no image nothing\n    `vmf image ls` lists those there are\n",
    )


def test_images_are_removed_that_nobody_needs(shell: Shell, shelves: Shelves) -> None:
    first = shelves.keep("python")
    second = shelves.keep("python", "web", upon=first)
    with shelves.warehouse.take(second.id, sum_of=sum_of):
        done = shell.vmf("image", "rm", first.id, second.id, "nothing")
    assert done.returncode == 78
    assert f"golden image {second.id} stays: it is used now" in done.stderr
    assert f"golden image {first.id} stays: {second.id} lies on it" in done.stderr
    assert "there is no image nothing" in done.stderr
    done = shell.vmf("image", "rm", first.id, second.id)
    assert (done.returncode, done.stdout) == (0, f"{first.id}: removed\n{second.id}: removed\n")
    assert shelves.ids == set()


def test_an_image_that_a_job_needs_stays(shell: Shell, shelves: Shelves) -> None:
    """Also one of a job whose engine was killed, and which nobody holds."""
    golden = shelves.keep("python", age=9 * DAY)
    disk = shelves.warehouse.image(golden).disks[0]
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.kill()
    (record,) = shell.records()
    store = Store(Home(root=shell.home))
    store.update(replace(record, job=replace(record.job, image=Image(name="web", disks=(disk,)))))
    store.close()
    assert "job j needs it" in shell.vmf("image", "rm", golden.id).stderr
    assert "0 golden images removed" in shell.vmf("image", "gc", "--older", "1d").stdout
    assert "jobs         j\n" in shell.vmf("image", "show", golden.id).stdout
    assert shelves.ids == {golden.id}


def test_room_is_made_with_what_was_used_longest_ago(shell: Shell, shelves: Shelves) -> None:
    old, new = shelves.keep("old", age=9 * DAY), shelves.keep("new", age=DAY)
    base = shelves.keep("base", age=20 * DAY)
    top = shelves.keep("base", "top", upon=base)
    assert shell.vmf("image", "verify").returncode == 0  # to look at them is not to use them
    done = shell.vmf("image", "gc", "--older", "2d", "--dry-run")
    assert "1 golden image would go" in done.stdout
    assert shelves.ids == {old.id, new.id, base.id, top.id}
    done = shell.vmf("image", "gc", "--older", "2d")
    assert done.stdout.splitlines()[1].split()[:2] == ["web", old.id[:12]]
    assert done.stdout.splitlines()[-1].startswith("1 golden image removed: ")
    assert shelves.ids == {new.id, base.id, top.id}
    with shelves.warehouse.take(new.id, sum_of=sum_of):
        os.utime(shelves.place(new) / "used", (1, 1))
        shell.vmf("image", "gc", "--size", "0")
    assert shelves.ids == {new.id}
    done = shell.vmf("image", "gc", "--size", "1 furlong")
    assert (done.returncode, "unknown unit 'furlong'" in done.stderr) == (78, True)


def test_damage_is_found_and_set_aside(shell: Shell, shelves: Shelves) -> None:
    good, bad = shelves.keep("good"), shelves.keep("bad")
    disk = shelves.place(bad) / "disk0.qcow2"
    found = disk.stat()
    with disk.open("r+b") as file:
        file.seek(found.st_size // 2)
        file.write(b"spoilt")
    os.utime(disk, ns=(found.st_atime_ns, found.st_mtime_ns))
    done = shell.vmf("image", "verify")
    assert done.returncode == 74
    assert f"{good.id}: whole, " in done.stdout
    assert f"{disk} is not what was kept" in done.stderr
    assert shelves.ids == {good.id}
    done = shell.vmf("image", "gc")
    assert "of what was left or set aside" in done.stdout
    assert list(shelves.warehouse.folders.aside.iterdir()) == []


def test_a_shared_warehouse_is_the_one_that_is_named(shell: Shell, box: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shell.environment["VMF_WAREHOUSE"] = str(shared)
    done = shell.vmf("image", "gc")
    assert done.returncode == 79
    assert f"the warehouse {shared}" in done.stderr
    box.parent.rename(shared)
    shared.chmod(0o2770)
    assert "box" in shell.vmf("image", "ls").stdout
    shell.job("exit 0")
    assert shell.vmf("run", "j.yaml", "--set", "image=box").returncode == 0
    assert stat.S_IMODE(shared.stat().st_mode) == 0o2770
    assert not box.parent.exists()
