"""Results volumes as guests write them, good and bad."""

from __future__ import annotations

import io
import tarfile

from vmf.files import volume
from vmf.files.volume import Limits

NONCE = "5eed5eed5eed5eed5eed5eed5eed5eed"
MAGIC = volume.magic(NONCE)
BEGIN = ("exit-code", b"7\n")
END = ("vmf-end", NONCE.encode() + b"\n")
LIMITS = Limits(bytes=2**20)


def member(name, content=b"", **fields):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry, content


def tar(*members, format=tarfile.GNU_FORMAT, begin=BEGIN, end=END):  # noqa: A002  # tarfile's own word
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for entry, content in (member(*begin), *members, *([member(*end)] if end else [])):
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def read(data, folder, *, wanted=(), limits=LIMITS, steps=()):
    return volume.read(io.BytesIO(data), magic=MAGIC, wanted=wanted, folder=folder, limits=limits, steps=steps)


def refusals(word):
    return {each.name: each.reason for each in word.refused}
