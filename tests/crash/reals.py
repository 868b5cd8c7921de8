"""Lives on the built-in host, with real guests in a real QEMU."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crash.lives import Life
from crash.place import Place
from shell import RealShell, kill, until
from vmf.store import Record

REAL = ("plain", "suspended", "saved", "kept", "restored", "stopped", "held")
"""The lives that take one sound host."""


class RealPlace(Place):
    """A folder to work in, in a state folder and on a host that many lives share, one after the other."""

    image = "tiny"
    memory = "256MiB"
    script = "echo one\nread -r go </dev/console\necho heard $go\necho made >out.txt\nexit 5"

    def __init__(self, life: Life, home: Path) -> None:
        super().__init__(life, home)
        self._shell = RealShell(folder=self.work, home=home, environment={})
        self._told = set[str]()

    def alive(self) -> list[str]:
        return list(self._shell.processes("qemu-system").values())

    def left_behind(self) -> list[str]:
        return self._shell.left_behind()

    def kill(self, record: Record) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            kill(self._shell.guest(record.job.name))

    def fail(self, chance: float) -> None:  # noqa: ARG002  # there is one way: its daemon is killed
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            kill(self._shell.daemon())

    def has_begun(self, record: Record) -> bool:
        """Whether it has spoken: one whose memory is taken while its kernel looks for a clock may never find one."""
        with suppress(OSError):  # it has not come so far, or has just ended
            said = (self.home.host("local") / "machines" / record.machine / "console.log").read_bytes()
            before = self.home.said(record.id)  # a guest that goes on from a checkpoint has spoken before that
            return b"one\r\n" in said + (before.read_bytes() if before.exists() else b"")
        return False

    def go_on(self, record: Record) -> bool:
        if record.machine not in self._told and self.has_begun(record):
            self._told.add(record.machine)
            with suppress(OSError):  # it has just ended, told by a process before this one
                self._shell.tell(record.job.name, "go")
        return record.machine in self._told


@contextmanager
def real_home(tiny: Path) -> Iterator[Path]:
    """A state folder with the tiny guest in its warehouse, and in the end without its daemon."""
    home = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))  # sockets need a short path
    try:
        home.chmod(0o711)
        shutil.copytree(tiny, home / "images/tiny")
        yield home
    finally:
        shell = RealShell(folder=home, home=home, environment={})
        shell.end()
        until(lambda: not shell.processes(), "no process is left")
        shutil.rmtree(home)
