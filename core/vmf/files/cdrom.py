"""The input CD: what a guest is given, on a read-only disc labelled `VMF`.

Joliet and Rock Ridge carry the real names; the names of plain ISO 9660 are numbers, since nothing else fits eight
capital letters. `docs/guest.md` describes the disc to whoever builds a guest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from pycdlib import PyCdlib
from pycdlib.dr import DirectoryRecord
from pycdlib.pycdlibexception import PyCdlibException

from vmf.errors import HoldCode, JobFault, VmfError
from vmf.files.beside import replacing
from vmf.files.volume import END, end_line
from vmf.model import Job

LABEL = "VMF"

_HINT = "the disk may be failing; if it is not, please report this"


def contents(job: Job, magic: bytes) -> dict[str, bytes]:
    """The files of the guest contract for a job, by name.

    Args:
        job: whose script, environment and wanted results go in.
        magic: the 512 bytes that the job's results volume starts with.

    Raises:
        JobFault: if the script or a value has a character that UTF-8 does not know.
    """
    return {
        "magic": magic,
        "env": _encoded("".join(f"export {name}={_quoted(value)}\n" for name, value in job.env.items()), "env"),
        "run": _encoded(job.run or "", "run"),
        "results": _encoded("".join(f"{name}\n" for name in job.results.files), "results.files"),
        END: end_line(magic),
    }


def write(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a disc with these files at its root, and read it back.

    Raises:
        VmfError: if the disc cannot be made or does not hold what was given; `path` is then as it was.
        OSError: if it cannot be written.
    """
    try:
        with replacing(path) as file:
            _build(file, contents)
            file.flush()
            _verify(file, contents)
    except PyCdlibException as error:
        raise VmfError(f"{path}: the input CD could not be made: {error}", hint="please report this") from error


def _quoted(value: str) -> str:
    return "'" + value.replace("'", r"'\''") + "'"


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise JobFault(
            f"{where}: character {error.start + 1} is half a character",
            code=HoldCode.MACHINE_INVALID,
            hint="write it as UTF-8, without a lone \\ud800 … \\udfff",
        ) from error


def _build(file: BinaryIO, contents: Mapping[str, bytes]) -> None:
    disc = PyCdlib()
    disc.new(interchange_level=1, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
    for number, (name, content) in enumerate(contents.items(), 1):
        short = f"/A{number:07}.;1"
        disc.add_fp(BytesIO(content), len(content), iso_path=short, rr_name=name, joliet_path=f"/{name}")
    disc.write_fp(file)
    disc.close()


def _verify(file: BinaryIO, contents: Mapping[str, bytes]) -> None:
    disc = PyCdlib()
    disc.open_fp(file)
    rock_ridge, joliet = _placed(disc, "rr_path"), _placed(disc, "joliet_path")
    if rock_ridge != joliet or rock_ridge.keys() != contents.keys():
        raise VmfError("the input CD does not hold the files that were written to it", hint=_HINT)
    for name, content in contents.items():
        found = BytesIO()
        disc.get_file_from_iso_fp(found, rr_path=f"/{name}")
        if found.getbuffer() != content:
            raise VmfError(f"the input CD holds {name} otherwise than it was written", hint=_HINT)
    disc.close()


_NAME: Mapping[str, Callable[[DirectoryRecord], str]] = MappingProxyType({
    "rr_path": lambda record: record.rock_ridge.name().decode() if record.rock_ridge else "",
    "joliet_path": lambda record: record.file_identifier().decode("utf-16-be"),
})  # fmt: skip


def _placed(disc: PyCdlib, tree: str) -> dict[str, tuple[int, int]]:
    """The files at the root of one of the disc's trees: where each begins, and its bytes."""
    found = {}
    for record in disc.list_children(**{tree: "/"}):
        if record.is_file():
            found[_NAME[tree](record)] = (record.extent_location(), record.get_data_length())
    return found
