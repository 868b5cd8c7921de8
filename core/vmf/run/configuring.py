"""Steps in a guest that runs: handed in on a disc while its script runs, as files are, and reported back likewise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vmf.files import performed, steps
from vmf.files.source import Content, Read, Source
from vmf.hookspecs import Report
from vmf.model import Step
from vmf.result import StepReport
from vmf.run.exchange import Exchange


def configure(
    way: Exchange,
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
        report: is told how many bytes have come back.
        check: is called often; what it raises gives up waiting for the guest.

    Raises:
        JobFault: if a file cannot be given to a guest.
        UsageError: if the guest does not answer, or refuses.
    """
    with tempfile.TemporaryDirectory(dir=logs, prefix=".configuring-") as folder:
        given, came = Path(folder, "given"), Path(folder, "came")
        given.mkdir()
        came.mkdir()
        _write(steps.contents(wanted, read), given)
        found = way.perform(given, came, report, check)
        (came / performed.LOGS).mkdir()
        for number, step in enumerate(wanted, 1):
            if (said := found / f"{number}.log").is_file():
                said.rename(came / performed.LOGS / f"{step.name}.log")
        told = found / Path(performed.REPORT).name
        reports = performed.reports(told.read_bytes() if told.is_file() else b"", wanted, came)
        shutil.copytree(came / performed.LOGS, logs, dirs_exist_ok=True)
    return reports


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
