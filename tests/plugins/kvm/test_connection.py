from __future__ import annotations

import pytest

from vmf.model import Machine
from vmf_kvm import account, connection
from vmf_kvm.settings import DaemonKind
from vmf_kvm.system import System
from vmf_libvirt.states import DomainState

MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="tcg")


class Client:
    """libvirt, which has one machine, in this state."""

    def __init__(self, state):
        self.caps = []
        self._state = state

    def found(self, _machine):
        return self._state

    def cap(self, _machine, *, memory):
        self.caps.append(memory)


@pytest.fixture
def connected(tmp_path, monkeypatch):
    """Connects to a libvirt that is none, as the computer's own."""

    def connect(client):
        monkeypatch.setitem(kinds, DaemonKind.SYSTEM, lambda folder, who: System(folder=folder, account=who))
        monkeypatch.setattr(connection, "Client", lambda _link, _prefix: client)
        return connection.Connection(tmp_path, DaemonKind.SYSTEM)

    kinds = dict(connection.DAEMONS)
    monkeypatch.setattr(connection, "DAEMONS", kinds)
    monkeypatch.setattr(account, "find", lambda: account.Account(name="u", uid=1, gid=1, groups=()))
    return connect


def test_a_machine_whose_maker_was_killed_is_bounded_by_who_adopts_it(connected):
    client = Client((DomainState.RUNNING, 0))
    connected(client).create(MACHINE)
    assert client.caps == [MACHINE.memory + connection.OVERHEAD]
