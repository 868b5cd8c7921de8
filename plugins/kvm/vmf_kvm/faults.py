"""Sentences by which QEMU, failing to start, blames what the job gave it."""

from __future__ import annotations

from vmf.errors import HoldCode
from vmf_libvirt.errors import Sentence

_COPY = "get a good copy of the image, and state the format that it has"
_ACCESS = "let the user who runs the guests read it, or put it elsewhere"

SENTENCES = (
    Sentence(words="Image is not in qcow2 format", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Unsupported qcow2 version", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Image is corrupt", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="invalid kernel header", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="linux kernel too old", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="could not load kernel", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="initrd is too large", code=HoldCode.MACHINE_INVALID, hint="raise the job's memory"),
    Sentence(words="error reading initrd", code=HoldCode.IMAGE_INVALID, hint="name the kernel's own initial RAM disk"),
    Sentence(words="Permission denied", code=HoldCode.IMAGE_UNREADABLE, hint=_ACCESS),
    Sentence(words="No such file or directory", code=HoldCode.IMAGE_MISSING, hint="check the image's paths"),
)
