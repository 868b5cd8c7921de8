from __future__ import annotations

from types import SimpleNamespace

import pytest

from vmf.errors import HostFault, HostLost
from vmf.model import MachineNic, NetworkType
from vmf_kvm import making
from vmf_libvirt.errors import LibvirtFault


def failing(fault):
    """A client to whom libvirt always answers so."""

    def call(_ask):
        raise fault

    return SimpleNamespace(call=call)


def carded(type_):
    return MachineNic(type=type_, mac="02:00:00:00:00:02")


@pytest.mark.parametrize("type_", [NetworkType.NAT, NetworkType.BRIDGE])
def test_a_network_that_cannot_be_had_is_an_ability_of_the_host(type_):
    with pytest.raises(HostFault, match="ebtables") as caught:
        making.connect(failing(LibvirtFault("ebtables: command not found")), carded(type_))
    assert caught.value.ability == f"network-{type_}"


def test_a_host_that_is_lost_meanwhile_has_lost_no_network():
    with pytest.raises(HostLost):
        making.connect(failing(HostLost("libvirt went away")), carded(NetworkType.NAT))


def test_a_network_of_qemus_own_needs_nothing_of_libvirt():
    making.connect(failing(LibvirtFault("it was asked")), carded(NetworkType.USER))
    making.connect(failing(LibvirtFault("it was asked")), None)
