from __future__ import annotations

import json

import pytest

from vmf_kvm import restoring
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
