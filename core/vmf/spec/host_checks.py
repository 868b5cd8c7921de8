"""Fields of hosts that contradict each other: pure checks of values."""

from __future__ import annotations

from collections.abc import Iterator

from vmf.model import Host, NetworkType, Transport
from vmf.rules import Check, Objection
from vmf.spec import contradiction_rules as rules

_KEYED = frozenset({Transport.SSH, Transport.TLS})
_TRUSTING = frozenset({Transport.TLS, Transport.API})


def _connection(host: Host) -> Iterator[Objection]:
    given = host.connection
    local = given.transport is Transport.LOCAL
    if not local and not given.address:
        what = f"transport {given.transport} needs an address"
        yield Objection(at=("connection",), what=what, hint="add `address:`")
    for field, meant in (
        ("address", not local),
        ("port", not local),
        ("user", not local),
        ("key", given.transport in _KEYED),
        ("ca", given.transport in _TRUSTING),
        ("insecure", given.transport is Transport.TCP),
    ):
        if getattr(given, field) and not meant:
            what = f"it means nothing with transport {given.transport}"
            yield Objection(at=("connection", field), what=what, hint="leave it out, or change `transport:`")


def _insecure(host: Host) -> Iterator[Objection]:
    given = host.connection
    if given.transport is Transport.TCP and given.address and not given.insecure and not _loopback(given.address):
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


def _loopback(address: str) -> bool:
    from ipaddress import ip_address  # noqa: PLC0415  # slow to import, and most specs are of jobs

    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


HOST_CHECKS: tuple[Check[Host], ...] = (
    Check(rule=rules.CONNECTION, kind=Host, judge=_connection),
    Check(rule=rules.INSECURE, kind=Host, judge=_insecure),
    Check(rule=rules.NETWORKS, kind=Host, judge=_networks),
    Check(rule=rules.NETWORKS, kind=Host, judge=_unoffered),
    Check(rule=rules.OWN_GUEST, kind=Host, judge=_own_guest),
)
