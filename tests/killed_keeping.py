"""The warehouse, its user killed before every look at and change of a file: `killed_keeping.py FOLDER ACT`.

It prints how often it was killed, and ends with an error where anything is left that the next one cannot do without.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from types import MappingProxyType

from layering import layer
from vmf.files import sparse
from vmf.model import Disk, DiskFormat, Draft, File, Image, Performed
from vmf.steps.golden import Request
from vmf.steps.graph import Graph, Node
from vmf.warehouse.shelf import Warehouse

START = "5" * 64
SIZE = 2**20
EVENTS = frozenset({
    "open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.truncate", "os.utime",
    "shutil.rmtree", "fcntl.flock", "sqlite3.connect",
})  # fmt: skip


def sum_of(stream, file):
    return sparse.sha256(stream, file.part, check=lambda *_: None)


def keep(warehouse: Warehouse, number: int) -> str:
    """Keep the image on which the step of this number was done."""
    disk = Disk(file=File(path=warehouse.folders.images / "box.raw"), format=DiskFormat.RAW)
    step = Performed(name=f"s{number}", digest=f"{number:064x}", seconds=1.0, at=1.0)
    draft = Draft(name="box", start=START, performed=(step,), image=Image(name="box", disks=(disk,)))
    with (warehouse.folders.images / "changed").open("rb") as changed:
        return warehouse.publish(draft, {"disk0": changed}, sum_of=sum_of).id


def found(warehouse: Warehouse, number: int) -> str:
    """The id of that image, if it is found and good."""
    graph = Graph(nodes=(Node(digest=f"{number:064x}", name="s"),))
    one = warehouse.find(Request(start=START, graph=graph, memory=1, cpus=1), {}, sum_of=sum_of)
    if one is None:
        return ""
    with one[0] as taken:
        return taken.golden.id


def spoil(warehouse: Warehouse, number: int) -> None:
    """Damage the image, and look for it."""
    path = next(warehouse.folders.whole / each / "disk0.qcow2" for each in warehouse.ids())
    path.write_bytes(path.read_bytes()[:-1])
    found(warehouse, number)


ACTS: Mapping[str, Callable[[Warehouse, int], object]] = MappingProxyType({
    "keep": keep,
    "remove": lambda warehouse, number: warehouse.remove([found(warehouse, number)]),
    "spoil": spoil,
})  # fmt: skip


def die(act: Callable[[], object], at: int) -> bool:
    """Do something in a process that is killed at an event; whether it was."""
    if child := os.fork():
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    events = count()
    sys.addaudithook(lambda event, _: _kill() if event in EVENTS and next(events) == at else None)
    act()
    os._exit(0)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(images: Path, act: str) -> None:
    for at in count():
        shutil.rmtree(images, ignore_errors=True)
        images.mkdir(parents=True)
        (images / "box.raw").write_bytes(bytes(SIZE))
        layer(images / "changed", {1: b"1"}, size=SIZE)
        warehouse = Warehouse(images)
        if act != "keep":
            keep(warehouse, 1)
        was_killed = die(lambda: ACTS[act](Warehouse(images), 1), at)
        there = found(warehouse, 1)
        assert (there in warehouse.ids()) == bool(there), at
        assert set(warehouse.ids()) == {there} - {""}, at
        assert keep(warehouse, 1) == found(warehouse, 1), at
        assert keep(warehouse, 2) == found(warehouse, 2), at
        assert list(warehouse.folders.making.iterdir()) == [], at
        assert warehouse.remove(warehouse.ids()) == {}, at
        warehouse.clean()
        assert list(warehouse.folders.aside.iterdir()) == [], at
        if not was_killed:
            sys.stdout.write(f"{at}\n")
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
