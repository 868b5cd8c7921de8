"""`vmf ssh`: into the guest of a job, with the key that vmf has put there."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from typing import NoReturn, TypeAlias

from vmf.cli.guest import Guest, add_job, reached
from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.errors import UsageError
from vmf.files import programs
from vmf.files.sshkey import PRIVATE
from vmf.model import MachineFacts, Power, Protocol, Ssh
from vmf.state import State
from vmf.store import Record

PATIENCE_SECONDS = 60.0
"""How long a machine may take to be there; and then its guest to boot, to have an address, and to answer."""
LOOK_SECONDS = 0.2
COMING = frozenset({State.IDLE, State.STARTING})
"""While these last, there will be a machine."""
CALL_SECONDS = 2.0
BANNER = b"SSH-"
"""What every server of the protocol says first. A forwarded port takes calls before anybody in the guest does."""
KNOWN = "known_hosts"
"""Lies beside the key."""
KEYS = "VMF_KEYS"
"""The variable by which ssh learns the key's folder: of that, unlike of its options' words, it takes every character as
it is."""

Way: TypeAlias = tuple[str, int]
"""Address and port."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf ssh`."""
    add_job(parser)
    parser.add_argument(
        "words",
        nargs="*",
        default=(),  # which has them be optional in what argparse says, too
        help="after `--`: options of ssh, such as -L, and what to run there; a shell if not given",
    )


def act(options: argparse.Namespace) -> NoReturn:
    """Find out where the guest answers, and become ssh."""
    session = Session(options)
    record = _await_machine(session, options.job)
    ssh = record.job.ssh
    if ssh is None:
        hint = "a job does by `ssh: {}` and a network, in its spec"
        raise UsageError(f"{record.job.name} asks for no way in", hint=hint)
    with reached(session, str(record.id)) as guest:
        host, port = _answering(guest, ssh)
    os.environ[KEYS] = str(session.home.keys(record.id))
    _become((
        programs.need("ssh"), "-o", f"IdentityFile=${{{KEYS}}}/{PRIVATE}", "-o", "IdentitiesOnly=yes",
        "-o", f"UserKnownHostsFile=${{{KEYS}}}/{KNOWN}", "-o", "StrictHostKeyChecking=accept-new",
        "-o", f"HostKeyAlias={record.machine}", "-o", f"HostName={host}", "-p", str(port), "-l", ssh.user,
        record.machine, *options.words,
    ))  # fmt: skip


def _become(words: tuple[str, ...]) -> NoReturn:
    sys.stdout.flush()
    os.execv(words[0], words)  # noqa: S606  # that is what is wanted


def _await_machine(session: Session, word: str) -> Record:
    """The job, when its machine is not on its way any more, or has been for too long: who reaches for it tells."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    record = session.store.find(word)
    if record.job.ssh and record.state in COMING:
        say(f"vmf: waiting for the machine of {record.job.name}, {PATIENCE_SECONDS:.0f} s at the most")
        while record.state in COMING and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            record = session.store.find(word)
    return record


def _answering(guest: Guest, ssh: Ssh) -> Way:
    """Where the guest answers; waits for it, saying so.

    Raises:
        UsageError: if it does not.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    patient = False
    name = guest.record.job.name
    while True:
        way = found(guest.hypervisor.facts(guest.handle), ssh.port)
        if way and _answers(way):
            return way
        if guest.hypervisor.state(guest.handle).power is not Power.RUNNING:
            raise UsageError(f"the machine of {name} has ended", hint=f"`vmf show {name}` tells how")
        if time.monotonic() > deadline:
            raise UsageError(
                f"nobody answers by ssh in the guest of {name}"
                + (f", at {way[0]} port {way[1]}" if way else ": it has no address that this computer knows"),
                hint="`vmf logs` shows what it wrote to its console; it has to run an ssh server",
            )
        if not patient:
            say(f"vmf: waiting for ssh in the guest of {name}, {PATIENCE_SECONDS:.0f} s at the most")
        patient = True
        time.sleep(LOOK_SECONDS)


def found(facts: MachineFacts, port: int) -> Way | None:
    """Where a guest's port is: at a port that is forwarded to it, else at the guest's own address, if that is known."""
    for each in facts.forwards:
        if (each.port, each.protocol) == (port, Protocol.TCP):
            return each.host, each.host_port
    return (facts.addresses[0], port) if facts.addresses else None


def _answers(way: Way) -> bool:
    try:
        with socket.create_connection(way, timeout=CALL_SECONDS) as call:
            return call.recv(len(BANNER)) == BANNER
    except OSError:
        return False
