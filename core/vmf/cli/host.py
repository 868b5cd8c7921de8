"""`vmf host`: the hosts, what they have and what is free of it; their ads; and which of them are off for good."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from vmf.ads import capacity, host_ad
from vmf.ads.tables import MANY
from vmf.classad import Ad
from vmf.cli.ads import show_ads
from vmf.cli.ask import Asking, ask_each
from vmf.cli.each import Each
from vmf.cli.printed import show, table
from vmf.cli.say import say
from vmf.cli.session import Session, add_format, add_hosts, add_long
from vmf.errors import SetupError, UsageError, VmfError
from vmf.match import Rejection
from vmf.model import ITSELF, Host, Offer
from vmf.run.hosts import unusable
from vmf.state import Completed, Failed, Held, HostDied, Removed, Requeued
from vmf.store import Record
from vmf.units import format_size

DEATH = Asking(
    wish=HostDied,
    participle="taken off its host",
    done=(HostDied, Completed, Failed, Held, Removed, Requeued),
)
COLUMNS = ("NAME", "TYPE", "ACCELERATOR", "FREE MEMORY", "FREE CPUS", "RUNNING", "MORE", "NETWORK")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf host`."""
    parser.description = (
        "List the hosts; or say that some are dead, which vmf cannot know by itself: their machines run no more, and"
        " their jobs go on elsewhere, from their last checkpoints or from the beginning. Should such a host come back,"
        " what it had of them is removed."
    )
    parser.add_argument("verb", choices=("ls", "dead"), metavar="ls|dead", help="list the hosts, or say what died")
    parser.add_argument("names", metavar="HOST", nargs="*", help="with `dead`: the names of hosts that are off")
    add_long(parser, "print the hosts' ads, all that expressions see of them")
    add_hosts(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List the hosts, or have jobs leave those that are dead.

    Raises:
        UsageError: if the words do not go together.
    """
    if options.verb == "dead" and not options.names:
        raise UsageError("which hosts are dead?", hint="name those that are off; `vmf host ls` lists all")
    if options.verb == "ls" and options.names:
        raise UsageError("`vmf host ls` lists all hosts and takes no names", hint="`vmf host ls`")
    session = Session(options)
    if options.names:
        return _bury(session, options)
    return _list(session, options)


def _bury(session: Session, options: argparse.Namespace) -> int:
    """Have the jobs of dead hosts go on elsewhere; the worst exit code."""
    each, codes = Each(), [0]
    for name in options.names:
        with each.one():
            jobs = _left_on(session, name)
            codes.append(ask_each(session, jobs, DEATH, partial(_death, name), form=options.format))
            if not jobs:
                say(f"vmf: no job of yours has a machine on host {name}")
    return max(each.exit_code, *codes)


def _left_on(session: Session, name: str) -> tuple[str, ...]:
    """The ids of the jobs on a host.

    Raises:
        UsageError: if it is not known, or answers.
    """
    hosts = (host for record in session.store.live() for host in record.hosts)
    known = {each.name: each for each in (*session.configured(), *hosts)}
    if name not in known:
        raise UsageError(f"no host is called {name!r}", hint="`vmf host ls` lists the hosts")
    if _answers(session, known[name]):
        raise UsageError(
            f"host {name} answers: it is not dead", hint="`vmf vacate` has a job leave; else switch the host off first"
        )
    live = session.store.live()  # as they are now: asking a host takes its time
    return tuple(str(each.id) for each in live if each.placement and each.placement.host.name == name)


def _death(host: str, record: Record) -> HostDied:
    """What has happened to a job, if it still is on the host.

    Raises:
        UsageError: if it is not.
    """
    if record.placement is None or record.placement.host.name != host:
        raise UsageError(f"{record.job.name} (job {record.id}) has left host {host} already")
    return HostDied(host=host, attempt=record.attempt)


def _answers(session: Session, host: Host) -> bool:
    try:
        session.hosts.hypervisor(host).machines()
    except VmfError:
        return False
    finally:
        session.hosts.close()
    return True


def _list(session: Session, options: argparse.Namespace) -> int:
    """One that cannot be used is news, not a fault of this command."""
    try:
        found = tuple(_offers(session, session.configured()))
    finally:
        session.hosts.close()
    if options.long or options.format == "json":
        show_ads((_ad(session, each) for each in found), options.format)
        return 0
    rows = [_row(each) for each in found if isinstance(each, Offer)]
    lines = [*table(COLUMNS, rows)] if rows else []
    lines += [line for each in found if isinstance(each, Offer) for line in _set_aside(each)]
    lines += [f"{each.host} cannot be used: {each.reason}" for each in found if isinstance(each, Rejection)]
    show("\n".join(lines))
    return 0


def _offers(session: Session, hosts: Sequence[Host]) -> Iterator[Offer | Rejection]:
    """What each host offers; one by one, so that a fault which all have is told of each."""
    for host in hosts:
        try:
            yield from session.hosts.offers((host,))
        except SetupError as fault:
            yield unusable(host, fault, passing=False)


def _set_aside(offer: Offer) -> Iterator[str]:
    return (f"{offer.host.name} lacks {each} for now: {offer.facts.missing[each]}" for each in offer.setbacks)


def _ad(session: Session, found: Offer | Rejection) -> Ad:
    """What expressions see of a host; of one that cannot be used, why, and since when if it has failed at that."""
    if isinstance(found, Offer):
        return host_ad(found)
    failed = session.store.setbacks(found.host).get(ITSELF)
    since = (("VMOfflineReason", failed.reason), ("VMOfflineTime", int(failed.at))) if failed else ()
    return Ad((("MyType", "Machine"), ("Name", found.host), ("HasVM", False), ("Unusable", found.reason), *since))


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
