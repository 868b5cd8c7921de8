"""Lives on fake hosts, whose guests are forked as well."""

from __future__ import annotations

import math
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

from crash import awake
from crash.lives import Life
from crash.place import Place, host_of
from faults import ALWAYS, will_fail
from shell import HOST, gone
from vmf.model import MEBIBYTE
from vmf.run import checksums
from vmf.store import Record
from vmf.testing import guest, world
from vmf.testing.world import ALIVE, World

LOOK_SECONDS = 0.005
"""Between two looks of a guest, and of whoever watches it: more often than otherwise, as nothing else is waited for."""
LENT = ", actions: {note: {program: /bin/true}}"
"""What every host lends."""
IMAGE = """\
apiVersion: vmf/v1
kind: Image
metadata: {name: base}
spec:
  disks: [{file: box.raw}]
  hardware: {memory: 16MiB}
  steps: [{name: one, run: echo a}]
"""
FALLIBLE = (
    "connect", "probe", "watch", "put", "create", "state", "console", "suspend", "resume", "checkpoint", "fold",
    "shut_down", "fetch", "destroy",
)  # fmt: skip
KINDS = ("job", "host", "lost")
FAULTS_MOST = 3


class FakePlace(Place):
    """A fresh state folder with fake hosts."""

    image = "box.raw"
    memory = "16MiB"
    script = "echo one\nhear\nwrite out.txt made\nexit 5"

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        (self.work / "box.raw").write_bytes(bytes(4096))
        (self.work / "base.image.yaml").write_text(IMAGE)
        hosts = self.root / "vmf/hosts"
        hosts.mkdir(parents=True)
        for name in life.hosts:
            (hosts / f"{name}.yaml").write_text(HOST.format(name=name, more=LENT))
        if life.wakes:
            awake.keep(self.home, self.work / "box.raw", 16 * MEBIBYTE)
        for verb, kind, brief in life.faults:
            will_fail(self.home.host(life.hosts[0]), verb, kind, brief, times=ALWAYS)
        self._starts = self.root / "starts"

    def prepare(self) -> None:
        super().prepare()
        world.WATCH_SECONDS = guest.LOOK_SECONDS = LOOK_SECONDS
        world._start = self._start  # type: ignore[assignment]
        if self.life.wakes:
            checksums.SETTLED_SECONDS = math.inf  # a sum is worked out each time, however long ago its file was made

    def alive(self) -> list[str]:
        machines = sorted(self.home.root.glob("hosts/*/machines/*"))
        return [str(each) for each in machines if World(each.parents[1]).state(each.name).power in ALIVE]

    def left_behind(self) -> list[str]:
        for pid in self._ghosts():
            with suppress(AssertionError):  # it is told below
                gone(pid)
        return [f"process {pid}" for pid in self._ghosts()]

    def kill(self, record: Record) -> None:
        machine = World(self.home.host(host_of(record))).machine(record.machine)
        world._signal(machine, signal.SIGKILL)
        world._bury(machine)

    def fail(self, chance: float) -> None:
        choice = random.Random(chance)  # noqa: S311  # to be the same again is what is wanted of it
        host, verb, kind = (
            choice.choice(self.life.hosts),
            choice.choice(FALLIBLE),
            choice.choice(("job", "host", "lost")),
        )
        times = choice.randint(1, FAULTS_MOST)
        will_fail(self.home.host(host), verb, kind, f"{verb} fails by chance", times=times)

    def go_on(self, record: Record) -> bool:
        with (World(self.home.host(host_of(record))).machine(record.machine) / "keys").open("ab") as keys:
            if not keys.tell():
                keys.write(b"go\n")
        return True

    def twice(self) -> list[str]:
        return [line for line in self._lines() if not line.isdecimal()]

    def folders(self) -> tuple[Path, ...]:
        return (self.work, self.home.root)

    def close(self) -> None:
        for pid in self._ghosts():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().close()

    def _lines(self) -> list[str]:
        """What is known of the guests that were started: the number of each one's process, and what was wrong."""
        return self._starts.read_text().splitlines() if self._starts.exists() else []

    def _ghosts(self) -> list[int]:
        """The processes of guests that are still there."""
        return [pid for line in self._lines() if line.isdecimal() and _runs(pid := int(line))]

    def _start(self, folder: Path, lock: int) -> None:
        """Start a guest as the fake's world does, but by a fork; its start is kept."""
        beside = self.alive()
        if not (starter := os.fork()):
            _be_guest(folder, lock)
        os.waitpid(starter, 0)
        with self._starts.open("a") as starts:
            starts.write(f"{(folder / 'pid').read_text()}\n")
            starts.writelines(f"{folder} was started beside {each}\n" for each in beside)


def _be_guest(folder: Path, lock: int) -> None:
    """Be the starter of a guest, as if it were started anew: with nothing of what its engine holds."""
    try:
        os.setsid()
        console = os.open(folder / "console.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for number, what in enumerate((os.open(os.devnull, os.O_RDWR), console, console, lock)):
            os.dup2(what, number)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        sys.argv = ["guest", str(folder), "3"]
        guest.main()
    finally:
        os._exit(1)


def _runs(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
