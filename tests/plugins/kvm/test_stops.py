from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from vmf.model import Power
from vmf_kvm import stops
from vmf_kvm.folder import Folder
from vmf_libvirt import account

MIB = 2**20
LIMIT = 32 * MIB
UNSPECIFIED, NO_SPACE = 1, 2
DESCRIPTION = """<domain><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{folder}/disk0' index='2'>
<slices><slice type='storage' offset='0' size='{limit}'/></slices></source><target dev='vda'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{folder}/results'/>
<target dev='vdb'/></disk>
<disk type='file' device='cdrom'><target dev='sda'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{folder}/disk1'/>
<backingStore type='network'><format type='raw'/><source protocol='nbd'><host transport='unix' socket='/r/1.nbd'/>
</source></backingStore><target dev='vdc'/></disk>
</devices></domain>"""


@pytest.fixture
def paused(tmp_path):
    """What is said of a machine whose overlay's data ends at `end`."""
    folder = Folder(machines=tmp_path, name="m1", account=account.find())
    folder.path.mkdir()

    def paused(errors, *, end=0):
        with (folder.path / "disk0").open("wb") as overlay:
            overlay.seek(end)
            overlay.write(b"x")
            overlay.truncate(LIMIT)
        return stops.paused(errors, DESCRIPTION.format(folder=folder.path, limit=LIMIT), folder)

    return paused


def test_a_disk_that_has_grown_to_its_limit_stops_its_machine_for_ever(paused):
    state = paused({"vda": NO_SPACE}, end=LIMIT - MIB)
    assert (state.power, state.limit) == (Power.PAUSED, "disk0 has taken the 32 MiB that it may")
    assert state.detail == state.limit


def test_a_full_host_is_told_before_a_limit_that_is_near(paused, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=1, f_frsize=4096))
    state = paused({"vda": NO_SPACE}, end=LIMIT - MIB)
    assert (state.power, state.limit) == (Power.PAUSED, "")
    assert state.detail.startswith("its host is out of space: ")


def test_a_disk_that_is_served_lets_its_machine_go_on_once_it_can_be_read(paused):
    assert paused({"vdc": UNSPECIFIED}).starved
    assert not paused({"vdc": NO_SPACE}).starved
    assert not paused({"vdc": UNSPECIFIED, "vdb": UNSPECIFIED}).starved


@pytest.mark.parametrize(
    ("errors", "detail"),
    [
        ({"vda": NO_SPACE}, "its host is out of space: {}/disk0"),
        ({"vdb": NO_SPACE, "vda": UNSPECIFIED}, "its host is out of space: {}/results"),
        ({"vdb": UNSPECIFIED}, "its host cannot read or write: {}/results"),
        ({"sda": UNSPECIFIED}, "its host cannot read or write: sda"),
    ],
)
def test_what_the_host_lacks_may_come(paused, tmp_path, errors, detail):
    state = paused(errors, end=LIMIT // 2)
    assert (state.power, state.limit) == (Power.PAUSED, "")
    assert state.detail == detail.format(tmp_path / "m1")
