from __future__ import annotations

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import Refused
from vmf.model import DiskFormat, Host, ImageRoot, Machine, MachineDisk, MachineFacts, MachineState, Power
from vmf_kvm import connection, nics, plugin
from vmf_kvm.nics import NAMESPACE
from vmf_kvm.settings import DaemonKind
from vmf_kvm.system import System
from vmf_libvirt import account
from vmf_libvirt.errors import Code, LibvirtFault
from vmf_libvirt.states import DomainState

MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="tcg")

CARD = "<domain><devices><interface><mac address='02:00:00:00:00:02'/></interface></devices></domain>"
WORDS = f"<domain xmlns:q='{NAMESPACE}'><q:commandline><q:arg value='%s'/></q:commandline></domain>"
USER = WORDS % nics.USER
MEMORY_ONLY = WORDS % "memory-backend=golden"


class Client:
    """libvirt, which has one machine, in this state."""

    def __init__(self, state, described="<domain/>"):
        self.asked, self.caps = [], []
        self.described = described
        self._state = state

    def found(self, _machine):
        return self._state

    def cap(self, _machine, *, memory):
        self.caps.append(memory)

    def facts(self, _machine):
        return MachineFacts(memory=MACHINE.memory) if self._state else None

    def description(self, _machine):
        return self.described

    def monitor(self, _machine, command):
        self.asked.append(command)
        return ""

    def on(self, _machine, _ask):
        self.asked.append("leases")
        raise LibvirtFault("Requested operation is not valid: domain is not running", code=Code.OPERATION_INVALID)


@pytest.fixture
def connected(tmp_path, monkeypatch):
    """Connects to a libvirt that is none, as the computer's own; disks are to lie in the folder `images`."""

    def connect(client):
        monkeypatch.setitem(kinds, DaemonKind.SYSTEM, lambda folder, who: System(folder=folder, account=who))
        monkeypatch.setattr(connection, "Client", lambda *_, **__: client)
        host = Host(
            name="h",
            type="kvm",
            images=(ImageRoot(path=tmp_path / "images"),),
            settings={"kvm": {"daemon": "system"}},
        )
        return plugin.connect(host, tmp_path)

    kinds = dict(connection.DAEMONS)
    monkeypatch.setattr(connection, "DAEMONS", kinds)
    monkeypatch.setattr(account, "find", lambda: account.Account(name="u", uid=1, gid=1, groups=()))
    return connect


def test_a_machine_whose_maker_was_killed_is_bounded_by_who_adopts_it(connected):
    client = Client((DomainState.RUNNING, 0))
    connected(client).create(MACHINE)
    assert client.caps == [MACHINE.memory + connection.OVERHEAD]


@pytest.mark.parametrize("state", [None, (DomainState.RUNNING, 0)])
def test_nothing_is_known_of_a_machine_that_goes_while_it_is_asked_after(connected, state):
    assert connected(Client(state)).facts("m") == MachineFacts()


def test_a_machine_that_has_just_ended_has_no_addresses_and_still_takes_space(connected):
    connection = connected(Client((DomainState.RUNNING, 0), CARD))
    overlay = connection.folder("m").path / "disk0"
    overlay.parent.mkdir(parents=True)
    overlay.write_bytes(b"x")
    known = connection.facts("m")
    assert (known.addresses, list(known.disks)) == ((), ["disk0"])


@pytest.mark.parametrize(
    ("described", "asked"),
    [("<domain/>", []), (CARD, ["leases"]), (USER, ["info usernet"]), (MEMORY_ONLY, [])],
)
def test_a_machine_is_asked_for_what_its_card_can_have_only(connected, described, asked):
    client = Client((DomainState.RUNNING, 0), described)
    connection = connected(client)
    connection.folder("m").path.mkdir(parents=True)
    connection.facts("m")
    assert client.asked == asked


def test_a_disk_that_has_come_to_lie_outside_the_hosts_folders_is_not_used(connected, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "disk").symlink_to("/etc/passwd")
    disk = MachineDisk(file=str(tmp_path / "images" / "disk"), format=DiskFormat.RAW)
    with pytest.raises(Refused, match="it lies at /etc/passwd, outside"):
        connected(Client(None)).create(replace(MACHINE, disks=(disk,)))


def test_a_guest_whose_qemu_ends_while_it_is_looked_at_is_told_as_it_stood(monkeypatch):
    def gone(_machine):
        raise LibvirtFault("Unable to read from monitor")

    stands = MachineState(power=Power.PAUSED)
    monkeypatch.setattr(connection.saving, "state", lambda *_: stands)
    looked_at = SimpleNamespace(client=SimpleNamespace(disk_errors=gone), folder=lambda _: None, _told=gone)
    assert connection.Connection.state(looked_at, "m") == stands
