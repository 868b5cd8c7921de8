"""Sentences by which QEMU, failing to start, blames what the job gave it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from vmf.errors import HoldCode
from vmf_libvirt.errors import Sentence

_COPY = "get a good copy of the image, and state the format that it has"
_ACCESS = "let the user who runs the guests read it, or put it elsewhere"

CONTENTS = (
    Sentence(words="Image is not in qcow2 format", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Unsupported qcow2 version", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Image is corrupt", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="invalid kernel header", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="linux kernel too old", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="could not load kernel", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="initrd is too large", code=HoldCode.MACHINE_INVALID, hint="raise the job's memory"),
)
"""What is in a file, or how much of it there is: QEMU looks into nothing but the machine's files."""
ACCESS = (
    Sentence(words="Permission denied", code=HoldCode.IMAGE_UNREADABLE, hint=_ACCESS),
    Sentence(words="No such file or directory", code=HoldCode.IMAGE_MISSING, hint="check the image's paths"),
)
"""Said of any file: of libvirt's log, of QEMU's own program, of the copies that vmf put into the machine's folder."""


def sentences(files: Iterable[str]) -> tuple[Sentence, ...]:
    """All that blame the job, of a machine that uses these files where the job has them."""
    return (*CONTENTS, *(replace(each, file=file) for file in files for each in ACCESS))
