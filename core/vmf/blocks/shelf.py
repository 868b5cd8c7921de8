"""The remote files of which something is kept on this computer: served, made whole, removed."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from vmf.blocks.places import Place
from vmf.errors import SetupError
from vmf.files import nbd
from vmf.files.beside import naming
from vmf.hookspecs import Report, unreported
from vmf.model import File
from vmf.model.terms import SHA256

START_SECONDS = 10.0
"""How long a server may take to begin."""
WHOLE_SECONDS = 600.0
"""How long it may take to sum what has all come."""
TRY_SECONDS = 10.0
"""How long the first block of a file may take to come."""
LOOK_SECONDS = 0.02
SOCKET_PATH_MOST = 107
"""Bytes, as the kernel has it."""
_LOG = "server.log"


class Blocks:
    """What is below a folder of this computer."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when something comes to be in it; who passes its own folder passes it, too."""
        self._folder = folder

    @property
    def log(self) -> Path:
        """What servers had to say."""
        return self._folder / _LOG

    def make(self) -> None:
        """Have the folder there.

        Raises:
            SetupError: if it cannot be made, or has too long a path for the sockets in it.
        """
        if (more := len(os.fsencode(self.place("0" * 64).socket)) - SOCKET_PATH_MOST) > 0:
            what = f"{self._folder}: its path is {more} characters too long for the sockets in it"
            raise SetupError(what, hint="set VMF_HOME to a folder with a shorter path")
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(exist_ok=True)
                self._folder.chmod(0o711)
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def place(self, sha256: str) -> Place:
        """Where a file is kept."""
        return Place(folder=self._folder, sha256=sha256)

    def of(self, files: Iterable[File]) -> tuple[Place, ...]:
        """Those of some files that are kept here."""
        names = (file.path.name.removesuffix(".nbd") for file in files if file.path.parent == self._folder)
        return tuple(self.place(name) for name in dict.fromkeys(names) if re.match(SHA256, name))

    def every(self) -> Iterator[Place]:
        """All files of which something is kept."""
        names = {each.name.partition(".")[0] for each in self._folder.iterdir()} if self._folder.is_dir() else ()
        return (self.place(name) for name in sorted(names) if re.match(SHA256, name))

    def hold(self, places: Iterable[Place]) -> ExitStack:
        """Keep files from being removed, and have whoever serves them go on, until this is closed."""
        with ExitStack() as held:
            for place in places:
                held.callback(os.close, place.hold())
            return held.pop_all()

    def serve(self, places: Iterable[Place]) -> None:
        """Have files served, which are held; it takes no time if they are.

        Raises:
            SetupError: if they cannot be served.
        """
        wanted = [place for place in places if not place.is_served()]
        if not wanted:
            return
        command = (
            sys.executable,
            "-I",
            "-m",
            "vmf.blocks.server",
            str(self._folder),
            *(each.sha256 for each in wanted),
        )
        try:
            with naming(self.log), self.log.open("ab") as log:
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except (OSError, subprocess.CalledProcessError) as error:
            raise _unusable(self._folder, error) from error
        deadline = time.monotonic() + START_SECONDS
        for place in wanted:
            while not place.is_served():
                if time.monotonic() > deadline:
                    what = f"{place.whole} is not served after {START_SECONDS:.0f} s"
                    raise SetupError(what, hint=f"{self.log} says why")
                time.sleep(LOOK_SECONDS)

    def attempt(self, place: Place) -> None:
        """Have the first block of a file there that is served.

        Raises:
            TimeoutError: if it does not come within `TRY_SECONDS`.
            OSError: if what comes is not of that file, or no part of one.
        """
        with nbd.Served(place.socket, silent=TRY_SECONDS) as file:
            file.read(1)

    def complete(self, place: Place, report: Report = unreported) -> Path:
        """Have a file there that is held, whole; where it is.

        `report` is told how much of it is there; what that raises breaks it off. The next one goes on from there.

        Raises:
            SetupError: if it cannot be had now.
        """
        if not place.whole.exists():
            self.serve([place])
            try:
                self._read(place, report)
            except OSError as error:
                raise _unreached(place, f"{error.strerror or error}") from error
        return place.whole

    def _read(self, place: Place, report: Report) -> None:
        with nbd.Served(place.socket) as file:
            buffer, done = bytearray(nbd.PIECE), 0
            while count := file.readinto(buffer):
                report(done := done + count, file.size)
            deadline = time.monotonic() + WHOLE_SECONDS
            while not place.whole.exists():
                report(done, file.size)
                if not place.is_begun() or time.monotonic() > deadline:
                    raise OSError(errno.EIO, "what came is not the file that it should be")
                time.sleep(LOOK_SECONDS)


def _unusable(folder: Path, error: Exception) -> SetupError:
    return SetupError(f"remote files cannot be kept in {folder}: {error}", hint="check its permissions and the space")


def _unreached(place: Place, reason: str) -> SetupError:
    hint = f"try again later: what has come is kept; {place.folder / _LOG} says more"
    return SetupError(f"a file of a remote warehouse cannot be had: {reason}", hint=hint)
