"""`vmf host ls`: the hosts, what they have and what is free of it; their ads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from vmf.ads import capacity, host_ad
from vmf.ads.tables import MANY
from vmf.classad import Ad
from vmf.cli.ads import show_ads
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format, add_hosts, add_long
from vmf.errors import SetupError
from vmf.match import Rejection
from vmf.model import Host, Offer
from vmf.units import format_size

COLUMNS = ("NAME", "TYPE", "ACCELERATOR", "FREE MEMORY", "FREE CPUS", "RUNNING", "MORE", "NETWORK")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf host`."""
    parser.add_argument("verb", choices=("ls",), metavar="ls", help="list the hosts")
    add_long(parser, "print the hosts' ads, all that expressions see of them")
    add_hosts(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List the hosts; one that cannot be used is news, not a fault of this command."""
    session = Session(options)
    try:
        found = tuple(_offers(session, session.configured()))
    finally:
        session.hosts.close()
    if options.long or options.format == "json":
        show_ads(map(_ad, found), options.format)
        return 0
    rows = [_row(each) for each in found if isinstance(each, Offer)]
    lines = [*table(COLUMNS, rows)] if rows else []
    lines += [f"{each.host} cannot be used: {each.reason}" for each in found if isinstance(each, Rejection)]
    show("\n".join(lines))
    return 0


def _offers(session: Session, hosts: Sequence[Host]) -> Iterator[Offer | Rejection]:
    """What each host offers; one by one, so that a fault which all have is told of each."""
    for host in hosts:
        try:
            yield from session.hosts.offers((host,))
        except SetupError as fault:
            yield Rejection(host=host.name, clause="usable", reason=fault.brief, passing=False)


def _ad(found: Offer | Rejection) -> Ad:
    if isinstance(found, Offer):
        return host_ad(found)
    return Ad((("MyType", "Machine"), ("Name", found.host), ("HasVM", False), ("Unusable", found.reason)))


def _row(offer: Offer) -> tuple[str, ...]:
    total, taken = capacity(offer), offer.taken
    networks = host_ad(offer)["VM_Networking_Types"]
    return (
        offer.host.name,
        offer.host.type,
        offer.facts.accelerator,
        f"{format_size(max(total.memory - taken.memory, 0))} of {format_size(total.memory)}",
        f"{max(total.cpus - taken.cpus, 0)} of {total.cpus}",
        str(taken.machines),
        "any" if total.machines == MANY else str(max(total.machines - taken.machines, 0)),
        str(networks) or "none",
    )
