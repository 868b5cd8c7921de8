"""The libvirt daemon of one host: found, or started. It serves every vmf process of its owner and ends when idle."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ClassVar
from urllib.parse import quote

from msgspec import Struct

from vmf.errors import HostLost, SetupError
from vmf.files import programs
from vmf.files.access import blocker
from vmf_kvm import unborn
from vmf_libvirt import client
from vmf_libvirt.account import Account

IDLE_SECONDS = 60
START_SECONDS = 10.0
"""Less than is waited for a link altogether: so the last words of a daemon that fails are heard."""
POLL_SECONDS = 0.01
LOG_TAIL = 2000
SOCKET_PATH_MAX = 107
DEEPEST = "conf/libvirt/qemu/lib/domain-99999-" + 20 * "x" + "/monitor.sock"
"""The longest path of a socket that libvirt makes below its folder: it cuts a machine's name to 20 characters."""
UNFIT = re.compile(r"[,=\x00-\x1f\ud800-\udfff\ufffe\uffff]")
"""What a path must not have: QEMU's options end at , and =, XML bears no controls, and a surrogate is no UTF-8."""
LISTENING = {"libvirtd": "libvirt-sock", "virtqemud": "virtqemud-sock"}
"""Program to the name of the socket that it listens on."""
QEMU = "qemu-system-x86_64"
PACKAGES = {
    "libvirtd": "libvirt-daemon-system (Debian, Ubuntu), libvirt-daemon-kvm (Fedora), libvirt (Arch)",
    QEMU: "qemu-system-x86 (Debian, Ubuntu), qemu-kvm (Fedora), qemu-base (Arch)",
    **programs.PACKAGES,
}


class Daemon(Struct, frozen=True, kw_only=True):
    """A daemon's place and user.

    Below `folder`: run, conf, cache and data are the daemon's own; machines holds a folder for each machine;
    daemon.lock is held by whoever starts the daemon; daemon.log is what it says.
    """

    folder: Path
    account: Account
    program: str

    cgroups: ClassVar[bool] = False
    """libvirt uses none in session mode."""
    prefix: str = ""
    """What the names of this host's machines begin with in libvirt: it has no others."""
    label: str = ""
    """Whom QEMU runs as, if not as the daemon."""

    @property
    def machines(self) -> Path:
        """Where every machine has its folder."""
        return self.folder / "machines"

    @property
    def logs(self) -> tuple[Path, *tuple[str, ...]]:
        """Folders, one below the other, of QEMU's own log of each machine."""
        return self.folder, "cache", "libvirt", "qemu", "log"

    @property
    def uri(self) -> str:
        """Where to dial; the path is data, whatever is in it."""
        socket = self.folder / "run" / "libvirt" / LISTENING[Path(self.program).name]
        return f"qemu:///session?socket={quote(str(socket), safe='')}"

    def link(self) -> client.Link:
        """A connection to the daemon, which is started if none answers.

        Raises:
            SetupError: if this computer lacks what the daemon needs, or the folder's path will not do.
            HostLost: if the daemon does not come up.
        """
        check_spelling(self.folder)
        try:
            return client.dial(self.uri)
        except HostLost:
            self._prepare()
        with self._starting():
            try:
                return client.dial(self.uri)  # another process has started it
            except HostLost:
                self._launch()
            return self._await()

    def _prepare(self) -> None:
        for name in (QEMU, programs.QEMU_IMG):
            programs.need(name, packages=PACKAGES)
        check_length(self.folder, DEEPEST)
        make_machines(self.folder, self.account)
        with blaming_setup():
            for name in ("run", "conf", "cache", "data"):
                give(self.folder / name, self.account)

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with self._begin("daemon.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _begin(self, name: str) -> IO[bytes]:
        with blaming_setup():
            return (self.folder / name).open("wb")

    def _launch(self) -> None:
        unborn.forget(self.folder)
        account = self.account
        launcher = Path(__file__).with_name("launcher.py")
        groups = ",".join(str(group) for group in account.groups)
        with self._begin("daemon.log") as log:
            subprocess.run(
                (
                    sys.executable, "-I", "-S", launcher, str(account.uid), str(account.gid), groups, self.machines,
                    self.program, "--timeout", str(IDLE_SECONDS),
                ),
                check=True, cwd="/", env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        folders = {"RUNTIME_DIR": "run", "CONFIG_HOME": "conf", "CACHE_HOME": "cache", "DATA_HOME": "data"}
        xdg = {f"XDG_{variable}": str(self.folder / name) for variable, name in folders.items()}
        return {"PATH": programs.PATH, "LANG": "C.UTF-8", "HOME": str(self.folder / "data"), **xdg}

    def _await(self) -> client.Link:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return client.dial(self.uri)
            except HostLost as error:
                if time.monotonic() > deadline:
                    tail = (self.folder / "daemon.log").read_text(errors="replace")[-LOG_TAIL:]
                    raise HostLost(
                        f"the libvirt daemon did not come up within {START_SECONDS:.0f} s; its last words:\n{tail}",
                        hint=f"its log is {self.folder / 'daemon.log'}",
                    ) from error
            time.sleep(POLL_SECONDS)


def daemon(folder: Path, account: Account) -> Daemon:
    """The daemon of the host that keeps its things in `folder`.

    Raises:
        SetupError: if libvirt's daemon is not installed.
    """
    found = [program for name in LISTENING if (program := programs.find(name))]
    if not found:
        raise SetupError("libvirt's daemon is not installed", hint=f"install {PACKAGES['libvirtd']}")
    return Daemon(folder=folder.absolute(), account=account, program=found[0])


def check_spelling(folder: Path) -> None:
    """Refuse a folder that libvirt and QEMU cannot work in.

    Raises:
        SetupError: naming the character.
    """
    if unfit := UNFIT.search(str(folder)):
        raise SetupError(
            f"{str(folder)!r}: libvirt and QEMU cannot work in a folder with {unfit[0]!r} in its path",
            hint="set VMF_HOME to a folder with plainer characters in its path",
        )


def check_length(folder: Path, deepest: str) -> None:
    """Refuse a folder below which a socket would have too long a path.

    Raises:
        SetupError: saying how long the folder's may be.
    """
    if len(str(folder / deepest)) > SOCKET_PATH_MAX:
        most = SOCKET_PATH_MAX - len(deepest) - 1
        raise SetupError(
            f"{folder}: the path is too long for the sockets in it; {most} characters are the most",
            hint="set VMF_HOME to a folder with a shorter path",
        )


def give(path: Path, account: Account) -> None:
    """Make a folder of the user who runs the guests; a race for it has no loser."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account.foreign:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def make_passable(path: Path) -> None:
    """Make a folder that every user may pass, whatever this process's umask; one that is there stays as it is."""
    with suppress(FileExistsError):
        path.mkdir()
        path.chmod(0o711)


def make_machines(folder: Path, account: Account) -> None:
    """Make the folder of the machines' folders, where the user who runs the guests can pass.

    Raises:
        SetupError: naming the folder that is in the way.
    """
    with blaming_setup():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_passable(folder)
        if closed := blocker(folder, uid=account.uid, gids=account.groups):
            raise SetupError(
                f"{closed}: user {account.name}, who runs the guests, may not pass through this folder",
                hint=f"`{account.opening(closed, 'x')}`, or set VMF_HOME to another folder",
            )
        make_passable(folder / "machines")


@contextmanager
def blaming_setup() -> Iterator[None]:
    """Say which of the daemon's own files stands in the way."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}", hint="set VMF_HOME to another folder") from error
