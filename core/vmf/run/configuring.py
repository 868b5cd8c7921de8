"""Steps in a guest that runs: handed in as files are, and reported back likewise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vmf.files import performed, steps
from vmf.files.source import Content, Read, Source
from vmf.hookspecs import Report
from vmf.model import Step
from vmf.result import STEP_LOGS, StepReport
from vmf.run.ways import Way


def configure(
    way: Way,
    wanted: Sequence[Step],
    logs: Path,
    *,
    read: Read,
    report: Report,
    check: Callable[[], None],
) -> tuple[StepReport, ...]:
    """Have a guest do steps, one after the other; how they went, as it tells it.

    Args:
        way: into the guest.
        wanted: in the order in which they are done; none is a host's.
        logs: a folder for what they say.
        read: opens a file of the host.
        report: is told how many bytes are done.
        check: is called often; what it raises gives up waiting for the guest.

    Raises:
        JobFault: if a file cannot be given to a guest.
        UsageError: if the guest does not answer, or refuses.
    """
    with tempfile.TemporaryDirectory(dir=logs, prefix=".configuring-") as folder:
        given, came, kept = (Path(folder, name) for name in ("given", "came", "kept"))
        given.mkdir()
        came.mkdir()
        (kept / STEP_LOGS).mkdir(parents=True)
        _write(steps.contents(wanted, read), given)
        found = way.perform(given, came, report, check)
        for number, step in enumerate(wanted, 1):
            (kept / STEP_LOGS / f"{step.name}.log").write_bytes(_head(found / f"{number}.log", performed.LOG_ROOM))
        told = _head(found / Path(performed.REPORT).name, performed.REPORT_MOST)
        reports = performed.reports(told, wanted, kept)
        shutil.copytree(kept / STEP_LOGS, logs, dirs_exist_ok=True)
    return reports


def _head(path: Path, most: int) -> bytes:
    """The first bytes of a file that a guest may have handed over."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(most)


def _write(contents: Mapping[str, Content], folder: Path) -> None:
    """Write what a disc would have into a folder."""
    for name, content in contents.items():
        path = folder / name
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, Source):
            with content.open() as stream, path.open("wb") as out:
                shutil.copyfileobj(stream, out)
            path.chmod(0o755 if content.executable else 0o644)
