"""Consoles of machines on hosts that are reached by libvirt alone: read by its stream into files of this computer.

A stream tells what is said from its beginning on, to one reader at a time. So the first process that wants a console
reads it for all, and the file that it writes is the console for each. Where a guest may have spoken while nobody read,
a line says so. What Xen's own daemon has kept for a reader meanwhile follows that line.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt

from vmf.files.sparse import punch
from vmf.hookspecs import GAP
from vmf_libvirt import seat
from vmf_libvirt.client import Client, Link
from vmf_libvirt.errors import LibvirtFault

PIECE = 64 * 1024
AGAIN = -2
"""What libvirt's library answers instead of bytes when there are none yet."""
AGAIN_SECONDS = 1.0
"""Between two tries to read a console that somebody else has, or that is not there."""
REST_SECONDS = 0.5
"""How long a guest whose machine has ended may have been silent before it has said all: its host tells late that the
console has ended."""
KEPT = 2**20
"""Bytes that stay of a console's start, and of its end: more than vmf keeps of either."""


class Consoles:
    """All consoles of a host.

    `folder` gives a machine's own folder on this computer; `prefix` is what libvirt's names of machines begin with.
    """

    def __init__(self, client: Client, *, folder: Callable[[str], Path], prefix: str) -> None:
        self._client = client
        self._folder = folder
        self._prefix = prefix
        self._lock = threading.Lock()
        self._readers: dict[str, Reader] = {}
        self._refused: dict[str, float] = {}
        """When a console could not be had."""

    def begin(self, machine: str) -> None:
        """Read the console of a machine that has just been started: all of it is read."""
        self._attach(machine, fresh=True)

    def read(self, machine: str, offset: int) -> bytes:
        """What is known of a console from a byte on, at most 64 KiB."""
        if time.monotonic() > self._refused.get(machine, 0.0) + AGAIN_SECONDS:
            self._attach(machine, fresh=False)
        try:
            with self._file(machine).open("rb") as file:
                file.seek(offset)
                return file.read(PIECE)
        except FileNotFoundError:
            return b""

    def said(self, machine: str) -> int | None:
        """How many bytes are known of a console; None: nothing is."""
        with contextlib.suppress(FileNotFoundError):
            return self._file(machine).stat().st_size
        return None

    def finish(self, machine: str) -> None:
        """Wait for the last words of a guest whose machine has ended, if they are read here."""
        link = self._client.call(lambda link: link)
        with self._lock:
            reader = self._readers.pop(machine, None)
        if reader:
            reader.rest()
            reader.close()
            if not (reader.heard_all or reader.reads_over(link)):
                with self._file(machine).open("ab") as file:
                    file.write(GAP)

    def terminal(self, machine: str) -> Terminal:
        """Sit down at the console of a machine; one at a time.

        Raises:
            JobFault: (REFUSED) if somebody else does, or the machine does not run.
        """
        with contextlib.ExitStack() as opening:
            opening.callback(os.close, _locked(self._folder(machine)))
            with self._lock:
                reader = self._readers.get(machine)
                if reader is None or reader.ended.is_set():
                    try:
                        reader = self._opened(machine, fresh=False, force=True)
                    except LibvirtFault as fault:
                        raise seat.refusal(f"the console does not answer: {fault.brief}") from fault
                    self._readers[machine] = reader
            return Terminal(reader, opening.pop_all())

    def let_go(self, machine: str) -> None:
        """Read it no more."""
        with self._lock:
            reader = self._readers.pop(machine, None)
        if reader:
            reader.close()

    def close(self) -> None:
        """Read none any more."""
        for machine in list(self._readers):
            self.let_go(machine)

    def _attach(self, machine: str, *, fresh: bool) -> None:
        with self._lock:
            reader = self._readers.get(machine)
            if reader and not reader.ended.is_set():
                if self._client.call(reader.reads_over):
                    return
                reader.close()
            try:
                self._readers[machine] = self._opened(machine, fresh=fresh)
            except (LibvirtFault, FileNotFoundError):  # it does not run, is gone, or is read already
                self._refused[machine] = time.monotonic()

    def _opened(self, machine: str, *, fresh: bool, force: bool = False) -> Reader:
        file = self._file(machine)
        return self._client.call(lambda link: Reader(link, self._prefix + machine, file, fresh=fresh, force=force))

    def _file(self, machine: str) -> Path:
        return self._folder(machine) / "console.log"


class Reader:
    """Reads one console, on the thread of libvirt's events, until its machine ends or somebody else takes it away.

    A stream that waits for a guest to speak keeps other calls over its link from their answers; this one never waits.
    `heard_all` says whether its host has told that the console has come to its end.
    """

    def __init__(self, link: Link, domain: str, file: Path, *, fresh: bool, force: bool) -> None:
        self.ended = threading.Event()
        self.heard_all = False
        self._lock = threading.RLock()
        self._taps: tuple[int, ...] = ()
        self._link = link
        self._stream = link.newStream(libvirt.VIR_STREAM_NONBLOCK)
        flags = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else 0
        link.lookupByName(domain).openConsole(None, self._stream, flags)  # type: ignore[arg-type]  # None: the first one
        self._file = file.open("ab", buffering=0)
        self._cut = self._said = self._file.tell()
        if not fresh:
            self._file.write(GAP)
        wanted = libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP
        self._stream.eventAddCallback(wanted, self._ready, None)

    def reads_over(self, link: Link) -> bool:
        """Whether what it reads comes over this link; of one that has broken, nobody tells its streams."""
        return link is self._link

    def rest(self) -> None:
        """Return when the console has ended, or nothing comes any more."""
        before = None
        while before != self._said and not self.ended.is_set():
            before = self._said
            self.ended.wait(REST_SECONDS)

    def write(self, data: bytes) -> None:
        """Type; returns when all of it is on its way, or the console is gone."""
        while data and not self.ended.is_set():
            with self._lock:
                sent = self._sent(data)
            data = data[sent:]
            if not sent:
                self.ended.wait(0.01)

    def tap(self, pipe: int) -> None:
        """Also write what is read into a pipe or a socket, which is closed at the end."""
        with self._lock:
            self._taps = (*self._taps, pipe)
            if self.ended.is_set():
                self._untap(pipe)

    def untap(self, pipe: int) -> None:
        """Do so no more."""
        with self._lock:
            if pipe in self._taps:
                self._untap(pipe)

    def close(self) -> None:
        """Read no more."""
        with self._lock:
            if self.ended.is_set():
                return
            for let_go in (self._stream.eventRemoveCallback, self._stream.abort):
                with contextlib.suppress(libvirt.libvirtError):
                    let_go()
            self._file.close()
            for pipe in self._taps:
                self._untap(pipe)
            self.ended.set()

    def _ready(self, _stream: libvirt.virStream, _events: int, _opaque: object) -> None:
        with self._lock:
            while not self.ended.is_set():
                data = self._received()
                if data is None:
                    return
                if not data:
                    self.close()
                    return
                self._keep(data)

    def _received(self) -> bytes | None:
        """What there is; None: nothing yet; empty: nothing any more."""
        try:
            data: Any = self._stream.recv(PIECE)
        except libvirt.libvirtError:
            return b""
        self.heard_all = not data
        return None if data == AGAIN else bytes(data)

    def _sent(self, data: bytes) -> int:
        if self.ended.is_set():
            return 0
        try:
            return max(0, self._stream.send(data[:PIECE]))
        except libvirt.libvirtError:
            self.close()
            return 0

    def _keep(self, data: bytes) -> None:
        self._file.write(data)
        for pipe in self._taps:
            with contextlib.suppress(BlockingIOError):  # whoever does not look misses it; it is in the file
                os.write(pipe, data)
        self._said = self._file.tell()
        if self._said > self._cut + 3 * KEPT:
            punch(self._file.fileno(), KEPT, self._said - KEPT)
            self._cut = self._said

    def _untap(self, pipe: int) -> None:
        self._taps = tuple(each for each in self._taps if each != pipe)
        os.close(pipe)


class Terminal:
    """Somebody at a console; `held` is let go of when he leaves."""

    def __init__(self, reader: Reader, held: contextlib.ExitStack) -> None:
        self._reader = reader
        self._held = held
        self._out, self._in = (each.detach() for each in socket.socketpair())
        os.set_blocking(self._in, False)
        held.callback(os.close, self._out)
        reader.tap(self._in)

    def fileno(self) -> int:
        """Becomes readable when the guest has written something, or its machine has ended; it is always writable."""
        return self._out

    def read(self) -> bytes:
        """What the guest has written by now; empty if its machine has ended, or somebody else reads the console."""
        return os.read(self._out, PIECE)

    def write(self, data: bytes) -> None:
        """Type; if the machine has ended meanwhile, `read` tells."""
        self._reader.write(data)

    def close(self) -> None:
        """Let somebody else have it."""
        self._reader.untap(self._in)
        self._held.close()


def _locked(folder: Path) -> int:
    """A machine's folder, open and locked."""
    try:
        return seat.locked(os.open(folder, os.O_DIRECTORY | os.O_CLOEXEC))
    except FileNotFoundError:
        raise seat.refusal("the machine is not there") from None
