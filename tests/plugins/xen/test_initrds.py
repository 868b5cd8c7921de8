from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmf.warehouse import cpio
from vmf_xen import initrds
from vmf_xen.initrds import modules
from vmf_xen.packed import Damaged

FRONT = "usr/lib/modules/6.1.0/kernel/drivers/block/xen-blkfront.ko"


def by_program(*words):
    return lambda data: subprocess.run(words, input=data, check=True, capture_output=True).stdout


BY_PROGRAM = {"zstd": by_program("zstd", "-qc"), "lz4": by_program("lz4", "-lqc")}
"""Programs that unpack by themselves all that follows."""


PACKERS = {"plain": bytes, "gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, **BY_PROGRAM}
MICROCODE = cpio.archive([cpio.file("kernel/x86/microcode/GenuineIntel.bin", b"m" * 70_001)])


def archive(*names, data=b"x" * 3000):
    return cpio.archive([cpio.folder("usr"), cpio.file("init", data), *(cpio.file(name, data) for name in names)])


def found(initrd):
    return set(modules(io.BufferedReader(io.BytesIO(initrd))))


def on_disk(tmp_path, initrd):
    """The same of a file, which a program can read."""
    (tmp_path / "initrd").write_bytes(initrd)
    with (tmp_path / "initrd").open("rb") as file:
        return set(modules(file))


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("before", [b"", MICROCODE, MICROCODE + bytes(508) + MICROCODE + bytes(4)])
def test_modules_are_found_however_they_are_packed_behind_the_microcode(tmp_path, name, before):
    assert on_disk(tmp_path, before + PACKERS[name](archive(FRONT, "lib/modules/isofs.ko.xz"))) == {
        "xen_blkfront",
        "isofs",
    }


def test_archives_that_were_put_together_are_all_read():
    plain, packed = archive("modules/19-xen_blkfront.ko"), gzip.compress(archive("b.ko") + bytes(300) + archive("c.ko"))
    assert found(gzip.compress(archive("a.ko")) + plain + packed) == {"a", "xen_blkfront", "b", "c"}


def test_what_is_built_into_the_kernel_counts():
    listed = b"kernel/drivers/block/xen-blkfront.ko\nkernel/fs/ext4/ext4.ko\n"
    initrd = cpio.archive([cpio.file("lib/modules/6.8/modules.builtin", listed), cpio.file("a/fat.ko.zst", b"")])
    assert found(initrd) == {"xen_blkfront", "ext4", "fat"}


def test_what_carries_no_modules_has_none():
    assert found(archive("bin/ko", "x.ko/y", "modules.dep")) == set()
    assert found(b"") == set()


@pytest.mark.parametrize("name", BY_PROGRAM)
def test_zeros_behind_what_a_program_unpacks_change_nothing(tmp_path, name):
    assert on_disk(tmp_path, PACKERS[name](archive(FRONT)) + bytes(508)) == {"xen_blkfront"}


WRONG = {
    "text": b"no archive at all",
    "lzo": b"\x89LZO\0\r\n\x1a\n" + bytes(100),
    "an archive without an end": archive(FRONT)[:-400],
    "a name that is too long": archive(FRONT)[:94] + b"00002000" + archive(FRONT)[102:],
    "a name of no length": archive(FRONT)[:94] + b"00000000" + archive(FRONT)[102:],
    "numbers that are none": archive(FRONT)[:54] + b"-0000001" + archive(FRONT)[62:],
    "a file that is too large": archive(FRONT)[:54] + b"ffffffff" + archive(FRONT)[62:],
    "damage": gzip.compress(archive(FRONT))[:-20],
    "something behind it": gzip.compress(archive(FRONT) + b"070701") + b"!",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_said_to_be_damaged(name):
    with pytest.raises(Damaged):
        found(WRONG[name])


def test_what_is_looked_at_is_bounded(monkeypatch):
    bomb = gzip.compress(archive(FRONT, data=bytes(2**22)))
    monkeypatch.setattr(initrds, "UNPACKED", 2**20)
    with pytest.raises(Damaged, match="too much"):
        found(bomb)
    with pytest.raises(Damaged, match="too large"):
        found(bytes(2**20 + 1))


@given(st.binary(max_size=400), st.sampled_from(sorted({*PACKERS} - {*BY_PROGRAM})))
def test_whatever_is_in_it_nothing_else_goes_wrong(data, name):
    for initrd in (data, PACKERS[name](data), archive("a.ko")[:110] + data, PACKERS[name](b"070701" + data)):
        with suppress(Damaged):
            found(initrd)
