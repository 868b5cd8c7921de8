"""A bound on the memory of some processes, by which their computer has to take back what it can: a control group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

ROOT = Path("/sys/fs/cgroup")


class Version(Struct, frozen=True, kw_only=True):
    """How one version of control groups calls things."""

    root: Path
    limit: str
    unbounded: str
    usage: str


V1 = Version(root=ROOT / "memory", limit="memory.limit_in_bytes", unbounded="-1", usage="memory.usage_in_bytes")
V2 = Version(root=ROOT, limit="memory.max", unbounded="max", usage="memory.current")


class Group:
    """Processes whose memory can be bounded together."""

    def __init__(self, folder: Path, version: Version) -> None:
        self._folder = folder
        self._version = version

    def take_in(self, pid: int) -> None:
        """Count a process from now on, and those that it starts."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def kept(self) -> int:
        """Bytes of theirs that cannot be had back without a place to swap to: all but what is of files."""
        stat = dict(line.split() for line in (self._folder / "memory.stat").read_text().splitlines())
        files = int(stat["active_file"]) + int(stat["inactive_file"])
        return int((self._folder / self._version.usage).read_text()) - files

    def bound(self, most: int) -> None:
        """Let them have so many bytes: what they have of files beyond that is taken back now."""
        (self._folder / self._version.limit).write_text(str(most))

    def close(self) -> None:
        """Bound them no more, and count them where they were counted before."""
        (self._folder / self._version.limit).write_text(self._version.unbounded)
        for pid in (self._folder / "cgroup.procs").read_text().split():
            (self._folder.parent / "cgroup.procs").write_text(pid)
        self._folder.rmdir()


@contextmanager
def group() -> Iterator[Group | None]:
    """A group of this computer's, until the block ends; None: this user may make none."""
    made = _made()
    try:
        yield made
    finally:
        if made:
            made.close()


def _made() -> Group | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        version = {"memory": V1, "": V2}.get(controllers)
        if version is None:
            continue
        folder = version.root / place.lstrip("/") / f"vmf-bench-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / version.limit).exists():
            return Group(folder, version)
        folder.rmdir()
    return None
