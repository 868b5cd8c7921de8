"""One disk made of an overlay and what it lies on, by qemu-img.

What the overlay's header says of the file beneath is never followed: the whole chain is stated, by descriptors of
files that are open, so that neither a name nor a link can lead anywhere else. Both headers are looked at once more: a
file may have changed since its guest was started, and qemu-img, unlike a guest, runs in no cage.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import reduce
from typing import IO, Any

from msgspec import Struct

from vmf.disks import images, qcow2
from vmf.disks.reading import Unfit
from vmf.files import programs, sparse
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat, Slice

LOOK_SECONDS = 0.1
"""How often it is told how far qemu-img is."""
_WORDS_MOST = 4096


class Base(Struct, frozen=True, kw_only=True):
    """What lies beneath an overlay: an open file, and how it is to be read."""

    file: IO[bytes]
    format: DiskFormat
    part: Slice | None = None
    layers: tuple[IO[bytes], ...] = ()
    """Open qcow2 files that lie upon it, each on the one before, and beneath the overlay."""


class QemuImg(Struct, frozen=True, kw_only=True):
    """The program, and how it is to be run."""

    program: str
    """Its full path."""
    scratch: Callable[[], IO[bytes]]
    """Makes an empty file where there is room for a copy of an overlay."""
    process: Mapping[str, Any] = {}
    """Arguments of `subprocess`, such as the user who is to do it; it has to be able to read and write the files
    themselves, whatever folders they lie in."""


class UnfitBase(Unfit):
    """What an overlay lies on must not be used."""


class Unmade(Exception):
    """The disk could not be made; the text has qemu-img's words."""


def flatten(
    qemu_img: QemuImg,
    overlay: IO[bytes],
    base: Base,
    *,
    new: IO[bytes],
    layout: DiskFormat = DiskFormat.QCOW2,
    report: Report = unreported,
) -> None:
    """Make one disk, raw or qcow2, of an overlay and its base in the file `new`; what was in it is lost.

    The overlay and the base are open to read; `new` is open to read and write. `report` is told how many bytes the new
    file takes.

    Raises:
        Unfit: if the overlay is none, or must not be used.
        UnfitBase: if the base must not.
        Unmade: if qemu-img fails, such as for want of room.
    """
    qcow2.check_overlay(overlay)
    try:
        images.check(images.within(base.file, base.part), base.format)
        for layer in base.layers:
            qcow2.check_overlay(layer)
    except Unfit as error:
        raise UnfitBase(f"what it lies on: {error}", error.hint) from error
    with _stating(overlay, base, qemu_img.scratch, report) as (chain, files):
        _convert(qemu_img, chain, files, new=new, layout=layout, report=report)


def convert(qemu_img: QemuImg, image: Base, *, new: IO[bytes], layout: DiskFormat, report: Report = unreported) -> None:
    """Make a disk of another format of an image that stands alone; otherwise as `flatten`.

    Raises:
        Unfit: if the image is not what it is stated to be, or must not be used.
        Unmade: if qemu-img fails, such as for want of room.
    """
    images.check(images.within(image.file, image.part), image.format)
    inner: dict[str, Any] = _opening(image.file)
    if image.part:
        inner = {"driver": "raw", "file": inner, "offset": image.part.offset, "size": image.part.size}
    chain = {"driver": image.format, "file": inner, **({} if image.format is DiskFormat.RAW else {"backing": None})}
    _convert(qemu_img, chain, (image.file,), new=new, layout=layout, report=report)


def commit(qemu_img: QemuImg, top: IO[bytes], bottom: IO[bytes], layout: DiskFormat) -> None:
    """Write what an overlay holds into what it lies on; doing so again changes nothing.

    `top` is a qcow2 overlay, open to read; `bottom` is an overlay as well (`layout` is qcow2), or a raw disk. The user
    who does it can write both. What else lies beneath is not opened, for overlays are changed by whole clusters: an
    empty file stands for it.

    Raises:
        Unfit: if one of them is no overlay, or must not be used.
        Unmade: if qemu-img fails, such as for want of room.
    """
    size = qcow2.check_overlay(top).size
    with qemu_img.scratch() as nothing:
        beneath: dict[str, Any] = {"driver": layout, "file": _opening(bottom)}
        if layout is DiskFormat.QCOW2:
            qcow2.check_overlay(bottom)
            nothing.truncate(size)
            beneath["backing"] = {"driver": "raw", "file": _opening(nothing)}
        process = subprocess.Popen(
            # -d: the overlay is not emptied, so that a commit that was killed can be done again
            (qemu_img.program, "commit", "-q", "-d", f"json:{json.dumps(_over(top, beneath))}"),
            pass_fds=[each.fileno() for each in (top, bottom, nothing)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **qemu_img.process,
        )
        _check(process, process.communicate()[1])


def _convert(
    qemu_img: QemuImg,
    chain: Mapping[str, Any],
    files: tuple[IO[bytes], ...],
    *,
    new: IO[bytes],
    layout: DiskFormat,
    report: Report,
) -> None:
    process = subprocess.Popen(
        programs.dying_with_us(qemu_img.program, "convert", "-O", layout, f"json:{json.dumps(chain)}", _named(new)),
        pass_fds=[each.fileno() for each in (*files, new)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **qemu_img.process,
    )
    words = _await(process, lambda: report(os.fstat(new.fileno()).st_blocks * sparse.BLOCK, 0))
    _check(process, words)


def _check(process: subprocess.Popen[bytes], words: bytes) -> None:
    if process.returncode:
        said = words[-_WORDS_MOST:].decode(errors="replace").strip()
        raise Unmade(said or f"qemu-img ended with code {process.returncode}")


def _await(process: subprocess.Popen[bytes], look: Callable[[], None]) -> bytes:
    """What a program says until it ends; it is killed if `look`, which is called often, raises."""
    with process:
        try:
            while True:
                look()
                with suppress(subprocess.TimeoutExpired):
                    return process.communicate(timeout=LOOK_SECONDS)[1]
        except BaseException:
            process.kill()
            raise


@contextmanager
def _stating(
    overlay: IO[bytes], base: Base, scratch: Callable[[], IO[bytes]], report: Report
) -> Iterator[tuple[dict[str, Any], tuple[IO[bytes], ...]]]:
    """The chain in QEMU's words, and the files that it names."""
    beneath = _opening(base.file)
    lowest, *upper = (*base.layers, overlay)
    part = {"offset": base.part.offset, "size": base.part.size} if base.part else {}
    if base.format is DiskFormat.RAW:
        yield _chain(lowest, upper, {"driver": "raw", "file": beneath, **part}), (base.file, lowest, *upper)
    elif not part:
        yield (
            _chain(lowest, upper, {"driver": base.format, "file": beneath, "backing": None}),
            (base.file, lowest, *upper),
        )
    else:
        # If the base's own file has no plain name, QEMU looks for one in the header above: so that has none.
        with scratch() as nameless:
            sparse.copy(lowest, nameless, report)
            qcow2.forget_backing(nameless)
            inner = {"driver": "raw", "file": beneath, **part}
            stated = _chain(nameless, upper, {"driver": base.format, "file": inner, "backing": None})
            yield stated, (base.file, nameless, *upper)


def _chain(lowest: IO[bytes], upper: Iterable[IO[bytes]], beneath: dict[str, Any]) -> dict[str, Any]:
    """Overlays, each over the one before, and the lowest over what is beneath."""
    return reduce(lambda below, each: _over(each, below), (lowest, *upper), beneath)


def _over(overlay: IO[bytes], beneath: dict[str, Any]) -> dict[str, Any]:
    return {"driver": "qcow2", "file": _opening(overlay), "backing": beneath}


def _opening(file: IO[bytes]) -> dict[str, str]:
    block = stat.S_ISBLK(os.fstat(file.fileno()).st_mode)
    return {"driver": "host_device" if block else "file", "filename": _named(file)}


def _named(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}"
