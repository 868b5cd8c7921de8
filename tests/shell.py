"""A user at a shell: `vmf` in processes of its own, in a state folder of its own, on fake hosts."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from faults import will_fail
from forked import Forker
from vmf.model import Home
from vmf.store import Record, Store

DEADLINE = 100.0
"""Seconds: on a busy computer everything takes several times as long as alone."""
WITH_GRACE = str(Path(__file__).with_name("with_grace.py"))

VMF = ("-m", "vmf")
SIGNALS = ("env", "--default-signal=HUP,INT,TERM")

HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {{name: {name}}}
spec: {{type: fake{more}}}
"""

JOB = """\
apiVersion: vmf/v1
kind: Job
metadata:
  name: {name}
spec:
  image: {image}
  memory: 256MiB
  results: {{files: [out.txt]}}
  run: |
{script}
"""

GOOD = """\
apiVersion: vmf/v1
kind: Job
metadata:
  name: j
spec:
  image: box.raw
  memory: 256MiB
  env: {A: b}
  run: exit 0
"""


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read anything, so root steps down for a moment."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


def until(state: Callable[[], object], what: str) -> None:
    """Wait for a state, with a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


def waits_for_lock(pid: int) -> bool:
    """Whether a process has asked for a lock that is taken."""
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


class Command(subprocess.Popen[str]):
    """A command under way; left by an error, it is killed instead of waited for."""

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *rest)


@dataclass
class Shell:
    """A folder to work in, and what is typed there."""

    folder: Path
    home: Path
    environment: dict[str, str]
    hosts: tuple[str, ...] = ("--hosts", "hosts")
    """The hosts that are meant where none are named."""
    within: tuple[str, ...] = ()
    """What stands before every command, such as what enters a namespace."""
    program: tuple[str, ...] = VMF
    """What Python is to run."""
    image: str = "box.raw"
    forker: Forker | None = None
    """Whom to ask for commands that may be forked; None: each is started."""

    def job(self, script: str, name: str = "j") -> Path:
        path = self.folder / f"{name}.yaml"
        lines = "\n".join(f"    {line}" for line in script.splitlines())
        path.write_text(JOB.format(name=name, image=self.image, script=lines))
        return path

    def host(self, name: str = "farm", more: str = "") -> Path:
        path = self.folder / "hosts" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOST.format(name=name, more=more))
        return path

    def fault(self, verb: str, kind: str, brief: str, *, times: int = 1, host: str = "farm", ability: str = "") -> None:
        will_fail(self.home / "hosts" / host, verb, kind, brief, times=times, ability=ability)

    def start(self, *words: str) -> Command:
        """Type `vmf` and these words; signals have their effect even where the tests run under `nohup`."""
        return Command(
            [*SIGNALS, *self.within, sys.executable, "-P", *self.program, *self._whole(words)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _whole(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words, with the hosts that are meant."""
        return (*words, *self.hosts) if words[0] in {"run", "plan", "doctor"} and "--hosts" not in words else words

    def vmf(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type `vmf` and these words, and wait for its end."""
        if self.forker and self.program == VMF and not self.within and self.forker.can(self.environment):
            whole = self._whole(words)
            return self.forker.run(whole, folder=self.folder, environment=self.environment, seconds=DEADLINE)
        with self.start(*words) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def refused(self, *words: str, code: int = 78) -> str:
        """What `vmf run` says of a job that it refuses; it must leave everything as it was."""
        before = contents(self.folder)
        done = self.vmf("run", *(words or ("j.yaml",)))
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert all(each.isprintable() or each == "\n" for each in done.stderr)
        assert "Traceback" not in done.stderr
        assert self.records() == []
        assert self.left_behind() == []
        assert contents(self.folder) == before
        return done.stderr

    def reaches(self, name: str, state: str) -> None:
        until(lambda: [each.state for each in self.records(name)][-1:] == [state], f"{name} becomes {state}")

    def tell(self, name: str, line: str = "go on") -> None:
        """Type a line on the console of the guest of the latest job of this name."""
        record = self.records(name)[-1]
        assert record.placement is not None
        machine = self.home / "hosts" / record.placement.host.name / "machines" / record.machine
        with (machine / "keys").open("a") as keys:
            keys.write(f"{line}\n")

    def orphan(self, script: str, name: str = "j") -> None:
        """A running job whose engine was killed."""
        self.job(script, name)
        with self.start("run", f"{name}.yaml") as process:
            self.reaches(name, "running")
            process.kill()

    def records(self, name: str = "") -> list[Record]:
        """The jobs of this name, or all, as the store has them, oldest first."""
        if not (self.home / "store.db").exists():
            return []
        store = Store(Home(root=self.home))
        try:
            return [each for each in store.records() if name in {"", each.job.name}]
        finally:
            store.close()

    def holders(self) -> tuple[Record, ...]:
        """The jobs that hold room on a host."""
        with closing(Store(Home(root=self.home))) as store:
            return store.holders()

    def row(self, name: str) -> str:
        """The latest job of this name as `vmf ps` shows it."""
        rows = self.vmf("ps", "--all").stdout.splitlines()
        return next((row for row in reversed(rows) if f" {name} " in row), "")

    def machines(self, host: str = "farm") -> list[str]:
        folder = self.home / "hosts" / host / "machines"
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    def processes(self, program: str = "") -> dict[int, str]:
        """The processes of a program, or of all, that have to do with this state folder, with their command lines."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is another user's
                line, environment = ((folder / name).read_bytes() for name in ("cmdline", "environ"))
                if os.fsencode(program) in line and os.fsencode(self.home) in line + environment:
                    found[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def left_behind(self) -> list[str]:
        """What a job must not leave: machines, workshops, sockets, half results."""
        sockets = [str(each) for each in (self.home / "engines").glob("*")]
        workshops = [str(each) for each in (self.home / "jobs").glob("*/workshop")]
        parts = [str(each) for each in self.folder.glob(".*.part")]
        return [*self.machines(), *sockets, *workshops, *parts]


@dataclass
class RealShell(Shell):
    """The same on the built-in host `local`: real guests in a real QEMU, and a libvirt daemon of its own."""

    hosts: tuple[str, ...] = ()
    image: str = "tiny"

    @property
    def local(self) -> Path:
        return self.home / "hosts/local"

    def machine(self, name: str) -> str:
        """What the hypervisor calls the latest job of this name."""
        return self.records(name)[-1].machine

    def machines(self, host: str = "local") -> list[str]:
        return super().machines(host)

    def says(self, name: str, words: str) -> None:
        """Wait until the job's guest has written these words to its console."""
        self.reaches(name, "running")
        log = self.local / "machines" / self.machine(name) / "console.log"
        until(lambda: log.exists() and words in log.read_text(errors="replace"), f"{name} says {words}")

    def tell(self, name: str, line: str = "go on") -> None:
        """The same."""
        with self.typing(name, line):
            """A short line gets there at once."""

    @contextmanager
    def typing(self, name: str, line: str) -> Iterator[None]:
        """Type a line on the console of the job's guest, and stay: who goes takes along what it has not read yet."""
        digest = hashlib.sha256(self.machine(name).encode()).hexdigest()[:16]
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.local / "run/console" / digest))
            console.sendall(f"{line}\n".encode())
            yield

    def guest(self, name: str) -> int:
        """The process of the job's guest."""
        return int((self.local / f"run/libvirt/qemu/run/{self.machine(name)}.pid").read_text())

    def daemon(self) -> int:
        """The libvirt daemon's process."""
        (path,) = self.local.glob("run/libvirt/*d.pid")
        return int(path.read_text())

    def left_behind(self) -> list[str]:
        domains = self.local.glob("conf/libvirt/qemu/*.xml")
        running = set(self.local.glob("run/libvirt/qemu/run/*.pid")) - {self.local / "run/libvirt/qemu/run/driver.pid"}
        files = (*domains, *running, *self.local.glob("run/console/*"), *self.local.glob("cache/libvirt/qemu/log/*"))
        return [*super().left_behind(), *map(str, files), *self.processes("qemu-system").values()]

    def end(self) -> None:
        """End the daemon and its launcher, if they are there."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            daemon = self.daemon()
            launcher = int(Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()[1])
            kill(daemon, signal.SIGTERM)
            gone(launcher)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every path below a folder, with what is in the files."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def kill(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Kill a process; return when it is gone."""
    os.kill(pid, how)
    gone(pid)


def gone(pid: int) -> None:
    """Return when a process is gone."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            assert select.select([process], [], [], DEADLINE)[0], f"process {pid} does not end"
        finally:
            os.close(process)


class Apart:
    """A mount namespace of its own, in which a test mounts what it likes; root or any user may make one."""

    def __init__(self) -> None:
        root = os.geteuid() == 0
        words = ["unshare", "--mount", *([] if root else ["--map-root-user"]), "sh", "-c", "echo ready && exec cat"]
        self._holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout.readline() == "ready\n"
        others = [] if root else ["--user", "--preserve-credentials"]
        self._enter = ("nsenter", f"--target={self._holder.pid}", "--mount", *others)

    def mount(self, *words: str | Path) -> None:
        subprocess.run([*self._enter, "mount", *words], check=True)

    def within(self, folder: Path) -> tuple[str, ...]:
        """What stands before a command that is to run in here, in this folder."""
        return (*self._enter, "env", "-C", str(folder))

    def path(self, path: Path) -> Path:
        """The path of something in here, seen from outside."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def close(self) -> None:
        self._holder.communicate()
