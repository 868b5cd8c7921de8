"""Connecting to the daemon that a host's spec names, here or elsewhere, and telling what is in the way."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HostLost
from vmf.files import programs
from vmf.model import Connection, Transport
from vmf_libvirt import client, credentials
from vmf_libvirt.address import Driver, uri

SSH_SECONDS = 10.0
"""Less than is waited for a link altogether: so it is told that ssh is what waits."""

UNHEARD = "Cannot write data"
"""libvirt's words where ssh has ended before it could tell ssh anything: it does not look at what ssh has said then."""


class Obstacle(Struct, frozen=True, kw_only=True):
    """What is in the way, by the words that libvirt, or a program of its, has for it.

    In both others, {driver} is libvirt's word for the hypervisor, {way} what leads there in the words of ssh, {place}
    what ssh calls it, and {address} the spec's.
    """

    words: str
    what: str
    hint: str


OBSTACLES: Mapping[Transport, tuple[Obstacle, ...]] = MappingProxyType({
    Transport.LOCAL: (
        Obstacle(
            words="-sock'",
            what="no libvirt daemon answers",
            hint="is it installed, and running, as by `systemctl start libvirtd`?",
        ),
    ),
    Transport.SSH: (
        Obstacle(
            words="REMOTE HOST IDENTIFICATION HAS CHANGED",
            what="its ssh key is not the one that is known of it",
            hint="somebody may be in between: ask who runs it; if its key really is a new one, `ssh-keygen -R {place}`",
        ),
        Obstacle(
            words="Host key verification failed",
            what="its ssh key is not known here",
            hint="`ssh {way} true` once, by hand: it shows the key, and keeps it if you say so",
        ),
        Obstacle(
            words="UNPROTECTED PRIVATE KEY FILE",
            what="others can read the private key, so ssh does not use it",
            hint="`chmod 600` the file that `key:` names",
        ),
        Obstacle(
            words="Permission denied (",
            what="its ssh does not let us in",
            hint="`ssh {way} true` has to work without a question: `ssh-copy-id {way}` gives it your key, and a key "
            "with a passphrase has to be in an agent",
        ),
        Obstacle(
            words="-sock'",
            what="no libvirt daemon answers this user there",
            hint="is it running, as by `systemctl start libvirtd`, and may the user use it (group libvirt)?",
        ),
    ),
    Transport.TLS: (
        Obstacle(
            words="Cannot read CA certificate",
            what="nothing says whose certificates to trust",
            hint="name the file with them as `ca:` below `connection:` of the host's spec",
        ),
        Obstacle(
            words="Our own certificate",
            what="the certificate of this computer is not signed by any of `ca:`",
            hint="libvirt wants both sides to trust the same: add its signer to the file that `ca:` names",
        ),
        Obstacle(
            words="Failed to verify peer's certificate",
            what="its certificate is not one to trust",
            hint="it has to be signed by one of `ca:`, to be valid today, and to name {address}",
        ),
        Obstacle(
            words="Unable to read TLS confirmation",
            what="it does not trust the certificate of this computer",
            hint="`certificate:` has to be signed by one that is trusted there; its own log says more",
        ),
    ),
    Transport.TCP: (),
})  # fmt: skip
"""By transport, the first that fits is told."""
EVERYWHERE = (
    Obstacle(
        words="no connection driver available",
        what="its libvirt daemon drives no {driver}",
        hint="is its driver installed there, such as the package libvirt-daemon-driver-{driver}, and was the computer "
        "started with that hypervisor?",
    ),
)
"""What can be in the way by any transport."""
HERE = "this computer"


def connect(driver: Driver, connection: Connection, folder: Path) -> client.Link:
    """A connection to the computer's own daemon that has this driver, on this computer or another one.

    Args:
        driver: libvirt's name of the hypervisor.
        connection: what the host's spec says.
        folder: the host's own folder on this computer.

    Raises:
        SetupError: if it must not be reached in this way, or what that takes is missing on this computer.
        HostLost: if it does not answer, or does not let us in.
    """
    if connection.transport is Transport.SSH:
        programs.need("ssh")
    credentials.check(connection)
    where = uri(driver, connection, credentials=credentials.lay(connection, folder))
    late = threading.Event()
    try:
        with _bounded(late):
            return client.dial(where)
    except HostLost as error:
        raise _told(driver, connection, error.brief, is_late=late.is_set()) from error


def _told(driver: Driver, connection: Connection, brief: str, *, is_late: bool) -> HostLost:
    way, address = _way(connection), connection.address or HERE
    words = {"address": address, "way": shlex.join(way), "place": _place(connection), "driver": driver}
    if not is_late and connection.transport is Transport.SSH and UNHEARD in brief:
        try:
            brief = f"{brief}: {_heard(way)}"
        except subprocess.TimeoutExpired:
            is_late = True
    if is_late:
        what = f"{address} has let ssh wait for {SSH_SECONDS:g} s"
        return HostLost(what, hint="try `ssh {way} true`".format_map(words))
    for each in (*OBSTACLES[connection.transport], *EVERYWHERE):
        if each.words in brief:
            return HostLost(f"{address}: {each.what.format_map(words)}", hint=each.hint.format_map(words))
    hint = "check `address:` and `port:`, and that libvirt's daemon listens there" if connection.address else ""
    return HostLost(brief, hint=hint)


def _heard(way: Sequence[str]) -> str:
    """What ssh says, asked once more."""
    command = ("ssh", "-T", "-o", "BatchMode=yes", *way, "true")
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=SSH_SECONDS)
    return done.stderr.decode(errors="replace").strip()


def _way(connection: Connection) -> tuple[str, ...]:
    key = ("-i", str(connection.key)) if connection.key else ()
    port = ("-p", str(connection.port)) if connection.port else ()
    return *key, *port, f"{connection.user}@{connection.address}" if connection.user else str(connection.address)


def _place(connection: Connection) -> str:
    return f"'[{connection.address}]:{connection.port}'" if connection.port else str(connection.address)


@contextmanager
def _bounded(late: threading.Event) -> Iterator[None]:
    """End the ssh that libvirt starts for this thread, if the block takes too long: it might wait for ever."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = _listed(children)

    over = threading.Event()

    def end() -> None:
        while not over.wait(SSH_SECONDS):  # it may be started only now
            for child in _listed(children) - before:
                late.set()
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)

    threading.Thread(target=end, name="bound", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _listed(children: Path) -> frozenset[int]:
    try:
        return frozenset(map(int, children.read_text().split()))
    except OSError:  # a kernel without such lists, or a thread that has ended
        return frozenset()
