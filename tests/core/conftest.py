from __future__ import annotations

import math
import time
from types import SimpleNamespace

import pytest

from farm import Farm
from goldens import SIZE, START, step, sum_of
from made_up import HANDLE, HOST, loaded
from qemu import qemu_img, qemu_io
from vmf.disks import differing
from vmf.files import sparse
from vmf.model import Bus, Disk, DiskFormat, Draft, File, Image
from vmf.run import engine, hosts, looking
from vmf.store import sightings
from vmf.warehouse.shelf import Warehouse


@pytest.fixture
def folder(tmp_path):
    """An empty folder in a folder of its own, where anything else that appears has escaped."""
    inside = tmp_path / "around" / "results"
    inside.mkdir(parents=True)
    yield inside
    assert list(inside.parent.iterdir()) == [inside]


@pytest.fixture
def clock(monkeypatch):
    """The clocks of those who set hosts aside: they go when they are told to."""
    clock = SimpleNamespace(now=1e9)
    ours = SimpleNamespace(
        monotonic=lambda: clock.now, time=lambda: clock.now, strftime=time.strftime, localtime=time.localtime
    )
    for module in (hosts, looking, sightings):
        monkeypatch.setattr(module, "time", ours)
    return clock


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes engines whose jobs wait for the first look at each host, however slow this computer is just now."""
    monkeypatch.setattr(engine, "ASK_SECONDS", math.inf)
    farms = []

    def make(*others: object) -> Farm:
        farms.append(Farm(tmp_path, *others))
        return farms[-1]

    yield make
    for farm in farms:
        farm.close()


@pytest.fixture
def connect(tmp_path):
    """Connects to a world of this test's own, and leaves no machine in it."""
    world = tmp_path / "world"
    yield lambda plugins: plugins.connect(HOST, world)
    loaded().connect(HOST, world).destroy(HANDLE)


@pytest.fixture
def base(tmp_path):
    """A raw disk of 32 MiB."""
    path = tmp_path / "base.raw"
    path.write_bytes(b"base" * 2**23)
    return path


@pytest.fixture
def changed(base):
    """An overlay over it in which 5 MiB from byte 3 MiB on are 7."""
    path = base.with_name("disk0.qcow2")
    qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path)
    qemu_io(path, "write -P 7 3M 5M")
    return path


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
    """What the warehouse has told."""
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
