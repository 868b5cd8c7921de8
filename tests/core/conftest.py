from __future__ import annotations

import pytest

from farm import Farm
from made_up import HANDLE, HOST, loaded
from qemu import qemu_img, qemu_io


@pytest.fixture
def folder(tmp_path):
    """An empty folder in a folder of its own, where anything else that appears has escaped."""
    inside = tmp_path / "around" / "results"
    inside.mkdir(parents=True)
    yield inside
    assert list(inside.parent.iterdir()) == [inside]


@pytest.fixture
def make(tmp_path):
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
