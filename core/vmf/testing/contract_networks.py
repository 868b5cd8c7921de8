"""The contract about networks, as tests: the cards that guests have, and who reaches them."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from vmf.model import Forward, Machine, MachineFacts, MachineNic, NetworkType, NicModel, Protocol
from vmf.plugins import Plugins
from vmf.testing.abilities import tries
from vmf.testing.bench import Bench, Guests

DRIVERS: Mapping[NicModel, str] = MappingProxyType({
    NicModel.VIRTIO: "virtio_net",
    NicModel.E1000: "e1000",
    NicModel.E1000E: "e1000e",
    NicModel.RTL8139: "8139cp",
})  # fmt: skip
"""What Linux drives each card with."""
PORT = 7000
SERVED = b"served\n"


def _mac(number: int) -> str:
    return f"52:54:00:c0:00:{number:02x}"


def _with_card(number: int, **given: Any) -> Callable[[Machine], Machine]:  # noqa: ANN401  # fields of a card
    return lambda machine: replace(machine, nic=MachineNic(mac=_mac(number), **given))


class NetworksContract:
    """A part of `HypervisorContract`."""

    @tries(*(f"nic-{model}" for model in NicModel))
    def test_guests_have_the_cards_that_their_jobs_name(self, plugins: Plugins, bench: Bench, guests: Guests) -> None:
        """Each of those that the host has, with a driver that is its own."""
        able = plugins.types[bench.hypervisor.host.type].capabilities.keys() - bench.facts.missing.keys()
        type_ = next(each for each in NetworkType if f"network-{each}" in able)
        models = [each for each in NicModel if f"nic-{each}" in able]
        handles = [
            bench.start(guests.serves, amend=_with_card(number, type=type_, model=model))
            for number, model in enumerate(models)
        ]
        for number, (model, handle) in enumerate(zip(models, handles, strict=True)):
            bench.told(handle, f"card {_mac(number)} {DRIVERS[model]}")
            bench.hypervisor.destroy(handle)

    @tries("network-user", "port-forwards", "static-mac")
    def test_a_guest_is_reached_by_its_forwarded_ports(self, bench: Bench, guests: Guests) -> None:
        """At an address of this computer that the facts tell; the one that the guest has inside is nobody's."""
        forwards = tuple(Forward(port=PORT, protocol=each) for each in Protocol)
        handle = bench.run(guests.serves, amend=_with_card(20, type=NetworkType.USER, forwards=forwards))
        found = bench.until(partial(bench.hypervisor.facts, handle), lambda facts: len(facts.forwards) == len(forwards))
        assert {(each.port, each.protocol) for each in found.forwards} == {(PORT, each) for each in Protocol}
        assert found.addresses == ()
        (way,) = (each for each in found.forwards if each.protocol is Protocol.TCP)
        bench.told(handle, f"card {re.escape(_mac(20))} .*")
        assert bench.until(partial(_answer, way.host, way.host_port), bool) == SERVED
        bench.hypervisor.destroy(handle)
        assert bench.hypervisor.facts(handle) == MachineFacts()
        assert not _answer(way.host, way.host_port)

    @tries("network-nat")
    def test_a_guest_on_a_nat_network_is_reached_at_its_address(self, bench: Bench, guests: Guests) -> None:
        """It is given one, which the facts tell."""
        handle = bench.run(guests.serves, amend=_with_card(21, type=NetworkType.NAT))
        (address,) = bench.until(lambda: bench.hypervisor.facts(handle).addresses, bool)
        assert bench.until(partial(_answer, address, PORT), bool) == SERVED
        bench.hypervisor.destroy(handle)

    @tries("network-bridge")
    def test_a_guest_on_a_bridge_has_its_card_there(self, bench: Bench, guests: Guests) -> None:
        """With the address that its job names; the bridge is the one that the host names."""
        bridge = bench.hypervisor.host.networks.bridge
        handle = bench.run(guests.serves, amend=_with_card(22, type=NetworkType.BRIDGE, bridge=bridge))
        bench.told(handle, f"card {_mac(22)} .*")
        bench.hypervisor.destroy(handle)


def _answer(host: str, port: int) -> bytes:
    """What is answered to a call; nothing if nobody is there."""
    try:
        with socket.create_connection((host, port), timeout=5) as call:
            return call.recv(len(SERVED))
    except OSError:
        return b""
