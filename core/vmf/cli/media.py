"""`vmf media`: changing the disc in a CD-ROM drive of a guest that runs."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from vmf.cli.guest import Guest, add_job, occupied, reached
from vmf.cli.session import Session
from vmf.cli.telling import telling
from vmf.files import disc, gathering, iso9660
from vmf.files.source import here
from vmf.model import File
from vmf.plan import spare_drive
from vmf.run.staging import FILES_LABEL

ISO = ".iso"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf media`."""
    add_job(parser)
    parser.add_argument(
        "--drive",
        metavar="N",
        type=_drive,
        help="which drive, from 0; that of `cdrom` if not given, else the spare one",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--insert", metavar="PATH", type=Path, nargs="+", help="an ISO, or what a disc is to be made of")
    what.add_argument("--eject", action="store_true", help="leave the drive empty")


def act(options: argparse.Namespace) -> int:
    """Change the disc; what was in the drive is taken out first."""
    session = Session(options)
    with reached(session, options.job) as guest, occupied(session, guest):
        job = guest.record.job
        drive = _usual(guest) if options.drive is None else options.drive
        change = partial(guest.hypervisor.change_media, guest.handle, drive)
        if options.eject:
            change("")
        else:
            with _ready(guest, options.insert, session.home.exchange(guest.record.id)) as made:
                change("")  # a drive that is not there, or is held on to, costs no copy
                with telling(f"copying {made.name}") as report:
                    change(guest.hypervisor.put(guest.handle.machine, f"media-{drive}", made, report))
    print(f"{job.name}: drive {drive} {'is empty' if options.eject else 'has another disc'}")
    return 0


def _usual(guest: Guest) -> int:
    """The drive that is meant where none is named."""
    job = guest.record.job
    spare = None if job.cdrom else spare_drive(guest.placement)
    return int(job.contract) if spare is None else spare


def _drive(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a drive; they count from 0")
    return int(text)


@contextmanager
def _ready(guest: Guest, paths: list[Path], folder: Path) -> Iterator[Path]:
    """A disc on this computer: an ISO as it is, or one made of files and folders.

    Raises:
        JobFault: if a file cannot be read, or cannot be on a disc.
    """
    if len(paths) == 1 and paths[0].suffix.lower() == ISO:
        iso9660.inspect(here(paths[0]))
        yield paths[0]
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix="media-") as workshop:
        made = Path(workshop) / "disc"
        contents = gathering.gather([File(path=each.absolute()) for each in paths], guest.hypervisor.read)
        with telling("making a disc") as report:
            disc.write(made, contents, label=FILES_LABEL, report=report)
        yield made
