"""`vmf facts`: what the hypervisor knows of a machine that runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from vmf.cli.guest import add_job, ask_facts, running
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format
from vmf.model import MachineFacts
from vmf.units import format_duration, format_size

ANSWER_SECONDS = 30.0
"""How long a host may take to say what it knows; it may have to be started for that."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf facts`."""
    add_job(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Ask the host, now."""
    session = Session(options)
    record, placement = running(session, options.job)
    found = ask_facts(session, record, placement, seconds=ANSWER_SECONDS)
    if options.format == "json":
        print(msgspec.json.encode(found).decode())
        return 0
    show("\n".join(table(("WHAT", "VALUE"), lines(found))))
    return 0


def lines(found: MachineFacts) -> Iterator[tuple[str, str]]:
    """What is known, for people."""
    for address in found.addresses:
        yield "address", address
    for each in found.forwards:
        yield "forward", str(each)
    if found.screen:
        yield "screen", screen(found.screen)
    yield "cpu", format_duration(found.cpu_seconds)
    yield "memory", format_size(found.memory)
    for name, size in sorted(found.disks.items()):
        yield name, f"grown by {format_size(size)}"


def screen(where: str) -> str:
    """How a screen is reached, with what to type if that is a socket of VNC's."""
    return f"VNC on the socket {where}; `vncviewer {where}` shows it" if where.startswith("/") else where
