from __future__ import annotations

import io
import subprocess
from contextlib import ExitStack

import pytest

from vmf.disks.layered import COMPRESSED, Layered
from vmf.disks.reading import Unfit
from vmf.errors import HostFault

SIZE = 3 * 2**20
CLUSTER = 2**16


def img(*words):
    subprocess.run(("qemu-img", *map(str, words)), check=True, stdout=subprocess.DEVNULL)


def write(path, *commands):
    options = [word for command in commands for word in ("-c", command)]
    subprocess.run(("qemu-io", "-f", "qcow2", *options, path), check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def layers(tmp_path):
    """A raw disk with two overlays: what each has begins and ends within a cluster, or hides what lies beneath."""
    base, lower, upper = (tmp_path / name for name in ("base", "lower", "upper"))
    base.write_bytes(b"base" * (SIZE // 4))
    img("create", "-f", "qcow2", "-F", "raw", "-b", base, lower)
    write(lower, "write -P 1 100 200000", "write -P 2 1M 64k", "write -z 2M 128k")
    img("create", "-f", "qcow2", "-F", "qcow2", "-b", lower, upper)
    write(upper, "write -P 3 1000 10", "write -P 4 2M 64k", f"write -P 5 {SIZE - 512} 512")
    return base, lower, upper


@pytest.fixture
def opened(layers):
    with ExitStack() as stack:
        base, *overlays = [stack.enter_context(path.open("rb")) for path in layers]
        yield stack.enter_context(Layered(base, overlays))


def test_layers_are_read_as_qemu_reads_them(layers, opened, tmp_path):
    img("convert", "-O", "raw", layers[-1], tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    reader = io.BufferedReader(opened)
    assert reader.read() == whole
    for start, size in ((0, 1), (990, 40), (CLUSTER - 1, 2), (SIZE - 5, 100), (SIZE, 1), (SIZE + CLUSTER, 1)):
        reader.seek(start)
        assert reader.read(size) == whole[start : start + size]


def reopened(layers):
    base, *overlays = [io.BytesIO(path.read_bytes()) for path in layers]
    return base, overlays


def test_what_is_written_meanwhile_is_there_for_who_comes_next(layers):
    write(layers[-1], "write -P 9 0 64k")
    assert Layered(*reopened(layers)).read(CLUSTER) == b"\x09" * CLUSTER


def test_the_files_are_closed_with_what_they_make(layers):
    base, overlays = reopened(layers)
    Layered(base, overlays).close()
    assert base.closed
    assert all(each.closed for each in overlays)


def entry(overlay):
    """Where the first entry of the first table of clusters is."""
    data = overlay.read_bytes()
    first = int.from_bytes(data[40:48], "big")
    return int.from_bytes(data[first : first + 8], "big") & ~(1 << 63)


def test_clusters_that_qemu_never_wrote_are_not_read(layers):
    base, overlays = reopened(layers)
    overlays[-1].seek(entry(layers[-1]))
    overlays[-1].write((COMPRESSED | CLUSTER).to_bytes(8, "big"))
    with pytest.raises(HostFault, match="compressed"):
        Layered(base, overlays).read(1)


def test_tables_that_lead_nowhere_read_as_zeros(layers):
    base, overlays = reopened(layers)
    overlays[-1].seek(entry(layers[-1]))
    overlays[-1].write((2**50).to_bytes(8, "big"))
    assert Layered(base, overlays).read(4) == bytes(4)


@pytest.mark.parametrize("options", [("-o", "extended_l2=on"), ()])
def test_what_is_no_overlay_of_ours_is_not_read(layers, tmp_path, options):
    base, *_ = layers
    other = tmp_path / "other"
    beneath = ("-F", "raw", "-b", base) if options else ()
    img("create", "-f", "qcow2", *options, *beneath, other, SIZE)
    with pytest.raises(Unfit), base.open("rb") as file, other.open("rb") as overlay:
        Layered(file, [overlay])
