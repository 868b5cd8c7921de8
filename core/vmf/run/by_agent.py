"""Files into a guest that runs and out of it, and steps in it, by the agent in it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath

from vmf.errors import HostFault, JobFault, UsageError
from vmf.files import performed, request, sparse
from vmf.files.faults import shown
from vmf.files.reported import reported
from vmf.files.volume import new_nonce
from vmf.hookspecs import Report
from vmf.model import Handle
from vmf.plugins import Hypervisor
from vmf.result import STEPS, Refusal

LOOK_SECONDS = 0.1
_LEAVE = 'mkdir "$1/idle" || rm -rf "$1"'
"""Removes the folder `$1`, unless something goes on there, which then does so in the end."""
_PERFORM = f'cd "$1/given" && rmdir ../idle && sh ./run </dev/null >/dev/console 2>&1; {_LEAVE}'


class ByAgent:
    """A way into a guest and out of it: files only, no folders. The guest needs to keep no contract."""

    def __init__(self, hypervisor: Hypervisor, handle: Handle) -> None:
        self._hypervisor = hypervisor
        self._handle = handle

    def copy_in(self, files: Mapping[str, Path], folder: str, report: Report) -> None:
        """Copy files into a folder of the guest, under these names, one after the other.

        Raises:
            UsageError: if one is a folder; then none is copied.
            JobFault: if the guest refuses.
        """
        for file in files.values():
            if file.is_dir():
                raise UsageError(f"{shown(file)} is a folder", hint="copy its files, or an archive of it")
        for name, file in files.items():
            with file.open("rb") as stream:
                counted = reported(stream, report, total=os.fstat(stream.fileno()).st_size)
                self._hypervisor.copy_in(self._handle, counted, str(PurePosixPath(folder) / name))

    def copy_out(self, path: str, into: Path, report: Report) -> tuple[Path, tuple[Refusal, ...]]:
        """Copy a file into an empty folder, synced; the copy, and what of it is not taken: nothing.

        Raises:
            JobFault: if the guest refuses.
        """
        copy = into / "file"
        with closing(self._hypervisor.copy_out(self._handle, path)) as stream, copy.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            shutil.copyfileobj(reported(stream, report), out, sparse.PIECE)
            out.flush()
            os.fsync(out.fileno())
        return copy, ()

    def perform(self, steps: Path, into: Path, report: Report, check: Callable[[], None]) -> Path:
        """Have the guest do the steps of a folder, and bring their report into an empty one; where it is there.

        It is waited for as long as `check`, which is called often, raises nothing. A log that is too long is cut.

        Raises:
            Exception: what `check` raises; the guest then goes on with what it has begun.
            UsageError: if a file changes meanwhile, or the guest cannot do steps.
            JobFault: if the guest refuses.
        """
        with self._folder(check) as folder:
            self._hand_in(steps, folder, report, check)
            self._end("sh", "-c", _PERFORM, "vmf-steps", folder, check=check)
            try:
                return self._reported(f"{folder}/given/{STEPS}", into, most=len([*steps.glob("steps/*")]))
            except JobFault as fault:
                words, hint = f"the guest reports no steps: {fault.brief}", "docs/images.md says what it has to have"
                raise UsageError(words, hint=hint) from fault

    @contextmanager
    def _folder(self, check: Callable[[], None]) -> Iterator[str]:
        """A folder in the guest, its root's alone; removed in the end. `idle` in it says that nothing goes on there."""
        folder = f"/tmp/vmf-{new_nonce()}"  # noqa: S108  # in the guest; nobody knows its name, and it must not be there
        if self._end("mkdir", "-m", "700", folder, f"{folder}/idle", check=check):
            raise UsageError("the guest makes no folder below its /tmp", hint="see whether its disk is full")
        try:
            yield folder
        finally:
            with suppress(JobFault, HostFault):  # a guest that keeps it does nobody else harm
                self._hypervisor.execute(self._handle, ("sh", "-c", _LEAVE, "vmf-leave", folder))

    def _hand_in(self, steps: Path, folder: str, report: Report, check: Callable[[], None]) -> None:
        def told(done: int, total: int) -> None:
            check()
            report(done, total)

        tar = f"{folder}/given.tar"
        with tempfile.TemporaryFile(dir=steps.parent) as stream:
            request.archive(stream, {"given": steps})
            size = stream.tell()
            stream.seek(0)
            self._hypervisor.copy_in(self._handle, reported(stream, told, total=size), tar)
        if self._end("tar", "-xf", tar, "-C", folder, check=check):
            raise UsageError("the guest does not unpack what it is given", hint="see whether its disk is full")

    def _end(self, *command: str, check: Callable[[], None]) -> int:
        """Run a program in the guest to its end; its exit code."""
        execution = self._hypervisor.execute(self._handle, command)
        while (code := execution.poll()) is None:
            check()
            time.sleep(LOOK_SECONDS)
        return code

    def _reported(self, folder: str, into: Path, *, most: int) -> Path:
        """Bring the report, and a log for each of its lines, of which there are at most so many."""
        told = self._head(f"{folder}/report", performed.REPORT_MOST)
        (into / "report").write_bytes(told)
        for number in range(1, min(told.count(b"\n"), most) + 1):
            (into / f"{number}.log").write_bytes(self._head(f"{folder}/{number}.log", performed.LOG_ROOM))
        return into

    def _head(self, path: str, most: int) -> bytes:
        with closing(self._hypervisor.copy_out(self._handle, path)) as stream:
            return stream.read(most)
