from __future__ import annotations

import json

import pytest

from vmf.errors import HoldCode, JobFault
from vmf_kvm import restoring, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.place import RESTORE
from vmf_libvirt import account
from vmf_libvirt.errors import LibvirtFault

CARD = "<domain><devices><interface><mac address='52:54:00:00:00:01'/></interface></devices></domain>"


class Client:
    """libvirt, which has a machine, and passes on what its QEMU is asked."""

    def __init__(self, description):
        self._description, self.asked = description, []

    def description(self, _machine):
        return self._description

    def on(self, _machine, ask):
        self.asked.append(json.loads(ask.keywords["command"])["execute"])
        raise LibvirtFault("QEMU has gone")


@pytest.mark.parametrize(("description", "asked"), [(CARD, ["announce-self"]), ("<domain/>", []), ("", [])])
def test_a_guest_that_a_network_knows_elsewhere_is_announced_as_well_as_can_be(description, asked):
    client = Client(description)
    restoring.announce(client, "m")
    assert client.asked == asked


@pytest.fixture
def folder(tmp_path):
    folder = Folder(machines=tmp_path, name="m", account=account.find())
    folder.make()
    return folder


@pytest.mark.parametrize(("length", "is_in_place"), [(1, True), (900, True), (5000, False)])
def test_memory_begins_with_what_is_said_of_the_new_machine(folder, length, is_in_place):
    file = folder.path / RESTORE
    file.write_bytes(snapshots.saved("<old/>", 1000) + b"QEMU's")
    before = file.stat().st_ino
    definition = "<new/>".ljust(length)
    for _ in range(2):
        restoring._describe(folder, definition)
        data = file.read_bytes()
        room = snapshots.room(data, len(data))
        assert (data[92:room].rstrip(b"\0").decode(), data[room:]) == (definition, b"QEMU's")
    assert (file.stat().st_ino == before) is is_in_place


def test_memory_that_is_none_is_the_jobs_fault(folder):
    (folder.path / RESTORE).write_bytes(b"noise")
    with pytest.raises(JobFault, match=RESTORE) as caught:
        restoring._describe(folder, "<new/>")
    assert caught.value.code is HoldCode.IMAGE_INVALID
