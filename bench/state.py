"""A state folder for one benchmark, with the images of the user's own."""

from __future__ import annotations

import os
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vmf.cli.places import home

PATIENCE_SECONDS = 10.0


@contextmanager
def fresh() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A folder to work in, and the environment in which vmf keeps its state there; nothing is left of either."""
    work = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))
    work.chmod(0o711)
    try:
        (work / "home").mkdir(mode=0o711)
        (work / "home" / "images").symlink_to(home(os.environ).images)
        yield work, environment(work)
    finally:
        _end_daemon(work)
        shutil.rmtree(work)


def environment(work: Path) -> Mapping[str, str]:
    """An environment in which vmf keeps its state in a folder, and is compiled once, as where it is installed."""
    ours = {"VMF_HOME": str(work / "home"), "PYTHONPYCACHEPREFIX": str(work / "bytecode")}
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}, **ours}


def _end_daemon(work: Path) -> None:
    """End the daemon and see it gone: it removes files of its own at its end."""
    for pid in work.glob("home/hosts/*/run/libvirt/*.pid"):
        daemon = os.pidfd_open(int(pid.read_text()))
        signal.pidfd_send_signal(daemon, signal.SIGTERM)
        select.select([daemon], [], [], PATIENCE_SECONDS)
        os.close(daemon)
