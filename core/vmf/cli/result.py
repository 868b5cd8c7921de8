"""`vmf result rebase`: a whole disk of one that the guest changed and of what that lies on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO

from msgspec import Struct

from vmf.cli.say import say
from vmf.disks import flatten, images
from vmf.disks.reading import Unfit
from vmf.errors import JobFault, SetupError, UsageError
from vmf.files import programs, sparse
from vmf.files.access import open_disk
from vmf.files.beside import naming, replacing
from vmf.files.source import shown
from vmf.hookspecs import Report
from vmf.model import Disk, DiskFormat, File
from vmf.result import Base, ReturnedDisk
from vmf.run.results import told

LAYOUTS = MappingProxyType({".qcow2": DiskFormat.QCOW2, ".raw": DiskFormat.RAW})
"""What the suffix of the output says."""


class Changed(Struct, frozen=True, kw_only=True):
    """A changed disk that came back, and what it lies on."""

    overlay: Path
    base: Base
    host: str

    def __str__(self) -> str:
        return shown(self.overlay)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf result`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    sentence = "make a whole disk of one that the guest changed"
    rebase = verbs.add_parser("rebase", allow_abbrev=False, help=sentence, description=f"{sentence.capitalize()}.")
    rebase.add_argument("place", metavar="FOLDER_OR_OVERLAY", type=Path, help="a results folder, or a disk in one")
    rebase.add_argument("--base", metavar="PATH", type=Path, help="the original, if it is not where it was")
    rebase.add_argument(
        "-o", "--output", metavar="WHOLE", type=Path, required=True, help="the new disk, *.qcow2 or *.raw"
    )


def act(options: argparse.Namespace) -> int:
    """Check that the base is the one that the job had, and put the overlay and it together."""
    layout = _layout(options.output)
    changed = _changed(options.place)
    path = _base(changed, options.base)
    scratch = lambda: TemporaryFile(dir=options.output.parent)  # noqa: E731, SIM115  # whoever makes one closes it
    tool = flatten.QemuImg(program=programs.need(programs.QEMU_IMG), scratch=scratch)
    with open_disk(changed.overlay) as overlay, open_disk(path) as base:
        _verify(base, path, changed)
        beneath = flatten.Base(file=base, format=changed.base.format, part=changed.base.part)
        with naming(options.output), replacing(options.output) as new:
            try:
                flatten.flatten(tool, overlay, beneath, new=new, layout=layout)
            except Unfit as error:
                raise UsageError(f"{changed}: {error}", hint=error.hint) from error
            except flatten.Unmade as error:
                raise SetupError(f"{options.output} cannot be made: {error}", hint="check the space there") from error
    print(f"{options.output}: {changed} and what it lay on, {shown(path)}")
    return 0


def _layout(output: Path) -> DiskFormat:
    layout = LAYOUTS.get(output.suffix.lower())
    if layout is None:
        raise UsageError(f"{output}: its name does not say its format", hint=f"end it in {' or '.join(LAYOUTS)}")
    if output.is_symlink() or output.exists():
        raise UsageError(f"{output} is there already", hint="name a file that is not there yet")
    return layout


def _changed(place: Path) -> Changed:
    """The disk that is meant by a results folder, or by a file in one."""
    if not place.exists():
        raise UsageError(f"{place} is not there", hint="name a results folder, or a disk in one")
    folder = place if place.is_dir() else place.parent
    result = told(folder)
    if result is None:
        raise UsageError(f"{folder / 'result.json'} is not there, or none of vmf's", hint="it says what disks lie on")
    disk = _meant(place, result.disks)
    if disk.base is None:
        raise UsageError(f"{shown(folder / disk.file)} is whole already", hint="use it as it is")
    return Changed(overlay=folder / disk.file, base=disk.base, host=result.host)


def _meant(place: Path, disks: tuple[ReturnedDisk, ...]) -> ReturnedDisk:
    """The disk that is named, or the only one; what comes from elsewhere does not lead out of the folder."""
    known = {disk.file: disk for disk in disks if disk.file == Path(disk.file).name}
    meant = list(known.values()) if place.is_dir() else [known[place.name]] if place.name in known else []
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(f"{place}: several disks came back: {_listed(known)}", hint="name one of the files")
    hint = f"these are: {_listed(known)}" if known else "a job whose `results.disks` is changed brings some back"
    raise UsageError(f"{place}: result.json tells of no such disk", hint=hint)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shown(Path(name)) for name in names)


def _base(changed: Changed, given: Path | None) -> Path:
    """The base's path; what is there is what it is said to be, and stands alone."""
    base = changed.base
    if given is None and base.sha256 is None:
        raise UsageError(
            f"result.json has no checksum of {shown(Path(base.file))}, which {changed} lies on",
            hint="if you are sure that it has not changed, name it: --base PATH",
        )
    path = Path(base.file) if given is None else given.absolute()
    if not path.exists():
        where = f"; it was on host {shown(Path(changed.host))}" if base.on_host else ""
        raise UsageError(f"{shown(path)}, which {changed} lies on, is not there{where}", hint="name it: --base PATH")
    try:
        images.inspect(Disk(file=File(path=path, part=base.part), format=base.format))
    except JobFault as fault:
        raise UsageError(f"what {changed} lies on: {fault.brief}", hint=fault.hint) from fault
    return path


def _verify(file: IO[bytes], path: Path, changed: Changed) -> None:
    needed = changed.base.sha256
    if needed is None:
        say(f"vmf: nobody knows whether {shown(path)} is what {changed} lies on")
        return
    with _telling(f"checking {shown(path)}") as report:
        found = sparse.sha256(file, changed.base.part, check=report)
    if found != needed:
        raise UsageError(
            f"{shown(path)} is not what {changed} lies on: its SHA-256 is {found} and should be {needed}",
            hint="it has changed since, or is another file: --base PATH names the right one",
        )


@contextmanager
def _telling(what: str) -> Iterator[Report]:
    """Say on a terminal how far something is, as long as it takes."""
    terminal = sys.stderr.isatty()

    def report(done: int, size: int) -> None:
        if terminal:
            print(f"\r{what}: {100 * done // max(size, 1)} %\033[K", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        if terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
