"""Files into a guest that runs, and out of it, by the agent in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath

from vmf.errors import UsageError
from vmf.files import sparse
from vmf.files.faults import shown
from vmf.files.reported import reported
from vmf.hookspecs import Report
from vmf.model import Handle
from vmf.plugins import Hypervisor
from vmf.result import Refusal


class ByAgent:
    """A way into a guest and out of it: files only."""

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
