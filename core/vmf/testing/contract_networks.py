"""The contract about networks, as tests: the cards that guests have, and who reaches them."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from vmf.model import Forward, Handle, Machine, MachineFacts, MachineNic, NetworkType, NicModel, Protocol
from vmf.plugins import Plugins
from vmf.testing.abilities import requires, tries
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


FORWARDS = tuple(Forward(port=PORT, protocol=each) for each in Protocol)


class Carded(Struct, frozen=True, kw_only=True):
    """A machine with a network card."""

    handle: Handle
    nic: MachineNic


class NetworksContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def carded(cls, plugins: Plugins, bench: Bench, guests: Guests) -> tuple[Carded, ...]:
        """A machine with each card that the host has, or with the one that a job gets that names none."""
        able = bench.able(plugins)
        types = [each for each in (NetworkType.USER, *NetworkType) if f"network-{each}" in able]
        models: list[NicModel | None] = [each for each in NicModel if f"nic-{each}" in able]
        nics = [
            _nic(number, type=type_, model=model, forwards=FORWARDS if "port-forwards" in able else ())
            for type_ in types[:1]
            for number, model in enumerate(models or [None])
        ]
        return tuple(Carded(handle=bench.start(guests.serves, amend=_with(nic)), nic=nic) for nic in nics)

    @tries("static-mac", *(f"nic-{model}" for model in NicModel))
    def test_guests_have_the_cards_that_their_jobs_name(
        self, plugins: Plugins, bench: Bench, carded: tuple[Carded, ...]
    ) -> None:
        """With the address that the job names, if it may name one, and a driver that is the card's own."""
        may_name = "static-mac" in bench.able(plugins)
        for each in carded:
            driver = DRIVERS[each.nic.model] if each.nic.model else ".*"
            bench.told(each.handle, f"card {each.nic.mac if may_name else '.*'} {driver}")

    @requires("network-user", "port-forwards")
    def test_a_guest_is_reached_by_its_forwarded_ports(self, bench: Bench, carded: tuple[Carded, ...]) -> None:
        """At an address of this computer that the facts tell; the one that the guest has inside is nobody's."""
        handle = carded[0].handle
        found = bench.until(partial(bench.hypervisor.facts, handle), lambda facts: len(facts.forwards) == len(FORWARDS))
        assert {(each.port, each.protocol) for each in found.forwards} == {(PORT, each) for each in Protocol}
        assert found.addresses == ()
        (way,) = (each for each in found.forwards if each.protocol is Protocol.TCP)
        assert bench.until(partial(answer, way.host, way.host_port), bool) == SERVED
        bench.hypervisor.destroy(handle)
        assert bench.hypervisor.facts(handle) == MachineFacts()
        assert not answer(way.host, way.host_port)

    @tries("network-user")
    def test_a_guest_on_a_user_network_reaches_nobody(self, bench: Bench, guests: Guests) -> None:
        """Not this computer either, where it listens on its loopback and on all its other addresses."""
        with socket.create_server(("", 0)) as listener:
            calls = _calling(guests, "gateway", listener.getsockname()[1])
            handle = bench.start(calls, amend=_with(_nic(30, type=NetworkType.USER)))
            assert bench.told(handle, "(silent|answered)")[1] == "silent"
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.accept()

    @pytest.fixture(scope="class")
    @classmethod
    def abroad(cls, plugins: Plugins, bench: Bench, guests: Guests) -> Mapping[NetworkType, Carded]:
        """A machine on each network of the computer's own that the host has."""
        able = bench.able(plugins)
        bridge = bench.hypervisor.host.networks.bridge
        nics = (_nic(20, type=NetworkType.NAT), _nic(21, type=NetworkType.BRIDGE, bridge=bridge))
        offered = (each for each in nics if f"network-{each.type}" in able)
        return {nic.type: Carded(handle=bench.start(guests.serves, amend=_with(nic)), nic=nic) for nic in offered}

    @tries("network-nat")
    def test_a_guest_on_a_nat_network_is_reached_at_its_address(
        self, bench: Bench, abroad: Mapping[NetworkType, Carded]
    ) -> None:
        """It is given one, which the facts tell."""
        handle = abroad[NetworkType.NAT].handle
        (address,) = bench.until(lambda: bench.hypervisor.facts(handle).addresses, bool)
        assert bench.until(partial(answer, address, PORT), bool) == SERVED

    @pytest.fixture
    @classmethod
    def neighbour(cls, bench: Bench, guests: Guests, abroad: Mapping[NetworkType, Carded]) -> Handle:
        """A machine on the nat network that calls the one of `abroad` there, which answers its host."""
        server = abroad[NetworkType.NAT].handle
        (address,) = bench.until(lambda: bench.hypervisor.facts(server).addresses, bool)
        assert bench.until(partial(answer, address, PORT), bool) == SERVED
        return bench.start(_calling(guests, address, PORT), amend=_with(_nic(31, type=NetworkType.NAT)))

    @tries("network-nat")
    def test_guests_on_a_nat_network_do_not_reach_each_other(self, bench: Bench, neighbour: Handle) -> None:
        """Whatever one listens to: only its host calls it."""
        assert bench.told(neighbour, "(silent|answered)")[1] == "silent"

    @tries("network-bridge")
    def test_a_guest_on_a_bridge_has_its_card_there(self, bench: Bench, abroad: Mapping[NetworkType, Carded]) -> None:
        """With the address that its job names; the bridge is the one that the host names."""
        bench.told(abroad[NetworkType.BRIDGE].handle, f"card {abroad[NetworkType.BRIDGE].nic.mac} .*")


def _nic(number: int, **given: Any) -> MachineNic:  # noqa: ANN401  # fields of a card
    return MachineNic(mac=f"52:54:00:c0:00:{number:02x}", **given)


def _calling(guests: Guests, there: str, port: int) -> str:
    return guests.calls.replace("THERE", there).replace("PORT", str(port))


def _with(nic: MachineNic) -> Callable[[Machine], Machine]:
    return lambda machine: replace(machine, nic=nic)


def answer(host: str, port: int) -> bytes:
    """What is answered to a call; nothing if nobody is there."""
    try:
        with socket.create_connection((host, port), timeout=5) as call:
            return call.recv(len(SERVED))
    except OSError:
        return b""
