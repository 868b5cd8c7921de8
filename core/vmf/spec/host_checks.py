"""Fields of hosts that contradict each other: pure checks of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vmf.model import Host, NetworkType, Transport, exposed, numeric
from vmf.rules import Check, Objection
from vmf.spec import contradiction_rules as rules

_ELSEWHERE = frozenset(Transport) - {Transport.LOCAL}
_MEANT: Mapping[str, frozenset[Transport]] = MappingProxyType({
    "address": _ELSEWHERE,
    "port": _ELSEWHERE,
    "user": frozenset({Transport.SSH, Transport.API}),
    "key": frozenset({Transport.SSH, Transport.TLS}),
    "certificate": frozenset({Transport.TLS}),
    "ca": frozenset({Transport.TLS, Transport.API}),
    "insecure": frozenset({Transport.TCP}),
})  # fmt: skip
"""Field of a connection to the transports with which it means something."""
_TOGETHER = (("key", "certificate"), ("certificate", "key"), ("certificate", "ca"))
"""What of a tls connection needs what else."""


def _connection(host: Host) -> Iterator[Objection]:
    given = host.connection
    if given.transport is not Transport.LOCAL and not given.address:
        what = f"transport {given.transport} needs an address"
        yield Objection(at=("connection",), what=what, hint="add `address:`")
    for field, transports in _MEANT.items():
        if getattr(given, field) and given.transport not in transports:
            what = f"it means nothing with transport {given.transport}"
            yield Objection(at=("connection", field), what=what, hint="leave it out, or change `transport:`")
    for field, other in _TOGETHER:
        if given.transport is Transport.TLS and getattr(given, field) and not getattr(given, other):
            what = f"with transport tls it means nothing without `{other}:`"
            yield Objection(at=("connection", field), what=what, hint=f"add `{other}:`, or leave it out")


def _address(host: Host) -> Iterator[Objection]:
    address = host.connection.address
    if address and ":" in address and not numeric(address):
        what = f"{address} is neither a name nor an IP address"
        yield Objection(at=("connection", "address"), what=what, hint="a port has a field of its own: `port:`")


def _insecure(host: Host) -> Iterator[Objection]:
    if exposed(host.connection) and not host.connection.insecure:
        what = "tcp neither encrypts nor proves who is who"
        yield Objection(at=("connection", "transport"), what=what, hint="use ssh or tls, or write `insecure: true`")


def _networks(host: Host) -> Iterator[Objection]:
    given, types = host.networks, host.networks.types or ()
    for number, each in enumerate(types):
        if each in {NetworkType.NONE, NetworkType.DEFAULT}:
            what = f"{each} is no kind of network"
            yield Objection(at=("networks", "types", number), what=what, hint="write nat, bridge or user")
    if given.default and given.default not in types:
        what = f"{given.default} is not among the types"
        yield Objection(at=("networks", "default"), what=what, hint="add it to `types:`")
    if (NetworkType.BRIDGE in types) != bool(given.bridge):
        what = "there is no type bridge" if given.bridge else "the bridge has no name"
        hint = "add bridge to `types:`" if given.bridge else "add `bridge: br0`"
        yield Objection(at=("networks", "bridge" if given.bridge else "types"), what=what, hint=hint)


def _unoffered(host: Host) -> Iterator[Objection]:
    given = host.networks
    apart = frozenset({NetworkType.NAT, NetworkType.BRIDGE})
    said = (
        *((("users", type_), frozenset({type_})) for type_ in given.users),
        *((("outside",), frozenset({NetworkType.USER})) for _ in range(given.outside)),
        *((("together",), apart) for _ in range(given.together)),
    )
    for at, types in said:
        if given.types is not None and not types & frozenset(given.types):
            what = f"{' and '.join(sorted(types))} {'are' if len(types) > 1 else 'is'} not among the types"
            yield Objection(at=("networks", *at), what=what, hint="add it to `types:`, or leave this out")


def _own_guest(host: Host) -> Iterator[Objection]:
    if host.guest_of == host.name:
        yield Objection(at=("guest_of",), what="a host is no guest of itself", hint="name the other host")
    for number, name in enumerate(host.guests):
        if name == host.name:
            yield Objection(at=("guests", number), what="a host is no guest of itself", hint="name the other host")


HOST_CHECKS: tuple[Check[Host], ...] = (
    Check(rule=rules.CONNECTION, kind=Host, judge=_connection),
    Check(rule=rules.CONNECTION, kind=Host, judge=_address),
    Check(rule=rules.INSECURE, kind=Host, judge=_insecure),
    Check(rule=rules.NETWORKS, kind=Host, judge=_networks),
    Check(rule=rules.NETWORKS, kind=Host, judge=_unoffered),
    Check(rule=rules.OWN_GUEST, kind=Host, judge=_own_guest),
)
