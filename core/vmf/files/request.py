"""A request to a guest that runs its script: a disc without a file system, whose answer comes on the results volume.

The disc begins with assignments for the guest's shell, filled up to `HEAD` bytes with newlines; where files go in, one
tar stream of them follows. `docs/guest.md` describes it to whoever builds a guest.
"""

from __future__ import annotations

import os
import shlex
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from vmf.errors import UsageError
from vmf.files.beside import appearing
from vmf.files.faults import shown

HEAD = 16 * 1024
"""Bytes: whole sectors of a CD-ROM, as all that follow are."""
_PERMISSIONS = 0o777
_TRAVEL = frozenset({stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK})


def write_in(path: Path, *, nonce: str, to: str, files: Mapping[str, Path]) -> None:
    """Write a request to take files and folders in.

    Args:
        path: the disc's file; it is the owner's alone.
        nonce: 32 hexadecimal digits that no other request has.
        to: the folder in the guest; relative to where its script runs.
        files: by their names in that folder; a folder goes with all that is in it.

    Raises:
        UsageError: if one is neither a file nor a folder, or changes meanwhile, or the path is too long.
        OSError: if one cannot be read, or the disc not be written.
    """
    _write(path, _head(nonce, to=to), files)


def _write(path: Path, head: bytes, files: Mapping[str, Path]) -> None:
    with appearing(path) as disc:
        disc.write(head)
        archive(disc, files)


def archive(out: IO[bytes], files: Mapping[str, Path]) -> None:
    """Write files and folders as one tar stream, by their names in it; all else as for `write_in`."""
    for file in files.values():
        _check(file)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, file in files.items():
            _add(tar, name, file)


def write_out(path: Path, *, nonce: str, out: str) -> None:
    """Write a request to hand out the file or folder `out`; all else as for `write_in`."""
    head = _head(nonce, out=out)
    with appearing(path) as disc:
        disc.write(head)


def write_steps(path: Path, *, nonce: str, name: str, folder: Path, out: str) -> None:
    """Write a request to do the steps of a folder, and to hand out what they report.

    Args:
        path: as for `write_in`, like all that is raised.
        nonce: likewise.
        name: what the folder is called in the guest, beside what its script made.
        folder: what `vmf.files.steps.contents` has for a disc.
        out: the folder of the report.
    """
    _write(path, _head(nonce, to=".", run=name, out=out), {name: folder})


def _head(nonce: str, *, to: str = "", run: str = "", out: str = "") -> bytes:
    given = {"vmf_request": nonce, "to": to, "run": run, "out": out}
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items()).encode()
    if len(lines) > HEAD:
        raise UsageError("the path in the guest is too long", hint="Linux takes 4095 bytes")
    return lines.ljust(HEAD, b"\n")


def _check(top: Path) -> None:
    """See that there are only files, folders and links: tarfile leaves out sockets without a word."""
    top = top.resolve(strict=True)  # a link in a folder stays one
    folders = os.walk(top, onerror=_raise) if top.is_dir() else ()
    below = (Path(folder, name) for folder, _, names in folders for name in names)
    for path in (top, *below):
        if stat.S_IFMT(path.lstat().st_mode) not in _TRAVEL:
            hint = "a device, a pipe or a socket is none: remove it, or copy what is beside it"
            raise UsageError(f"{shown(path)} is neither a file nor a folder", hint=hint)


def _raise(error: OSError) -> None:
    raise error


def _add(tar: tarfile.TarFile, name: str, file: Path) -> None:
    try:
        tar.add(file.resolve(strict=True), arcname=name, filter=_unowned)
    except OSError as error:
        if error.errno is None:  # it is tarfile's own: there was less to read than it had announced
            raise UsageError(f"{shown(file)} changed while it was read") from error
        raise


def _unowned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """As the guest's root has it."""
    return member.replace(
        uid=0, gid=0, uname="root", gname="root", mode=stat.S_IMODE(member.mode) & _PERMISSIONS, deep=False
    )
