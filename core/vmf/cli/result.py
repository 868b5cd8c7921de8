"""`vmf result rebase`: a whole disk of one that the guest changed and of what that lies on."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO

from vmf.cli.say import say
from vmf.cli.telling import telling
from vmf.disks import flatten
from vmf.disks.reading import Unfit
from vmf.errors import SetupError, UsageError
from vmf.files import programs
from vmf.files.access import open_disk
from vmf.files.beside import creating, naming
from vmf.files.faults import shown
from vmf.model import DiskFormat
from vmf.run import rebase

LAYOUTS = MappingProxyType({".qcow2": DiskFormat.QCOW2, ".raw": DiskFormat.RAW})
"""What the suffix of the output says."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf result`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    sentence = "make a whole disk of one that the guest changed"
    command = verbs.add_parser("rebase", allow_abbrev=False, help=sentence, description=f"{sentence.capitalize()}.")
    command.add_argument("place", metavar="FOLDER_OR_OVERLAY", type=Path, help="a results folder, or a disk in one")
    command.add_argument("--base", metavar="PATH", type=Path, help="the original, if it is not where it was")
    command.add_argument(
        "-o", "--output", metavar="WHOLE", type=Path, required=True, help="the new disk, *.qcow2 or *.raw"
    )


def act(options: argparse.Namespace) -> int:
    """Check that the base is the one that the job had, and put the overlay and it together."""
    layout = _layout(options.output)
    changed = rebase.changed(options.place)
    path = rebase.find_base(changed, options.base)
    scratch = lambda: TemporaryFile(dir=options.output.parent)  # noqa: E731, SIM115  # whoever makes one closes it
    tool = flatten.QemuImg(program=programs.need(programs.QEMU_IMG), scratch=scratch)
    with ExitStack() as files, _opened(changed) as overlay, open_disk(path) as base:
        with telling(f"checking {shown(path)}") as report:
            known = rebase.verify(base, path, changed, report=report)
        if not known:
            say(f"vmf: nobody knows whether {shown(path)} is what {changed} lies on")
        with telling("checking the layers between them") as report:
            layers = rebase.open_layers(changed, files, report=report)
        beneath = flatten.Base(file=base, format=changed.base.format, part=changed.base.part, layers=layers)
        try:
            with (
                naming(options.output),
                creating(options.output) as new,
                telling(f"making {shown(options.output)}") as report,
            ):
                flatten.flatten(tool, overlay, beneath, new=new, layout=layout, report=report)
        except FileExistsError as error:
            raise _taken(options.output) from error
        except Unfit as error:
            raise rebase.Mismatch(f"{changed}: {error}", hint=error.hint) from error
        except flatten.Unmade as error:
            raise SetupError(f"{options.output} cannot be made: {error}", hint="check the space there") from error
    print(f"{options.output}: {changed} and what it lay on, {shown(path)}")
    return 0


def _opened(changed: rebase.Changed) -> IO[bytes]:
    try:
        return open_disk(changed.overlay)
    except OSError as error:
        hint = "result.json tells of it: bring it back there, and see that it can be read"
        raise UsageError(f"{changed} cannot be used: {error.strerror or error}", hint=hint) from error


def _layout(output: Path) -> DiskFormat:
    layout = LAYOUTS.get(output.suffix.lower())
    if layout is None:
        raise UsageError(f"{output}: its name does not say its format", hint=f"end it in {' or '.join(LAYOUTS)}")
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is no folder that is there", hint="make it, or name a file elsewhere")
    if output.is_symlink() or output.exists():
        raise _taken(output)
    return layout


def _taken(output: Path) -> UsageError:
    return UsageError(f"{output} is there already", hint="name a file that is not there yet")
