from __future__ import annotations

import subprocess

import pytest

from vmf.testing import samples

SIZE = 2**20


@pytest.fixture
def convert(tmp_path):
    """Have QEMU read a disk, and write it in another layout; the file of that."""

    def convert(content, layout, other):
        (tmp_path / "disk").write_bytes(content)
        made = tmp_path / f"disk.{other}"
        subprocess.run(("qemu-img", "convert", "-f", layout, "-O", other, tmp_path / "disk", made), check=True)
        return made

    return convert


def test_qemu_reads_the_vmdk(convert):
    assert convert(samples.vmdk(b"a word", SIZE), "vmdk", "raw").read_bytes() == b"a word".ljust(SIZE, b"\0")


def test_the_beginning_of_what_qemu_writes_is_read(convert):
    with convert(b"a word".ljust(SIZE), "raw", "qcow2").open("rb") as disk:
        assert samples.beginning(disk, 6) == b"a word"


def test_a_disk_that_needs_another_file_is_none(tmp_path):
    command = ("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "other", tmp_path / "disk", "1M")
    subprocess.run(command, check=True)
    with (tmp_path / "disk").open("rb") as disk, pytest.raises(AssertionError, match="stands alone"):
        samples.beginning(disk, 6)
