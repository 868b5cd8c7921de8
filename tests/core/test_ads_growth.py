from __future__ import annotations

from pathlib import Path

import pytest

from vmf.ads import least_growth, overlay_share
from vmf.model import Access, Disk, DiskFormat, File, Host, Image, Job, Limits, Results

MIB = 2**20


def disk(access=Access.SNAPSHOT):
    return Disk(file=File(path=Path("/d.raw")), format=DiskFormat.RAW, access=access)


def job(disks=(), *, run="true", size=64 * MIB):
    image = Image(name="i", disks=(disk(),))
    return Job(name="j", image=image, memory=MIB, disks=tuple(disks), run=run, results=Results(size=size))


def share(wishing, limit):
    return overlay_share(wishing, Host(name="h", type="kvm", limits=Limits(disk_growth=limit)))


@pytest.mark.parametrize(
    ("wishing", "least"),
    [
        (job(), 65 * MIB),
        (job(size=MIB + 1), 3 * MIB),
        (job(run=None), MIB),
        (job([disk()] * 63), 128 * MIB),
        (job([disk(Access.READ), disk(Access.IN_PLACE)], size=MIB), 2 * MIB),
    ],
)
def test_a_machine_writes_its_volume_in_whole_mebibytes_and_one_for_each_overlay(wishing, least):
    assert least_growth(wishing) == least


@pytest.mark.parametrize("disks", [0, 1, 2, 63])
@pytest.mark.parametrize("size", [MIB, MIB + 1, 64 * MIB])
@pytest.mark.parametrize("more", [0, 1, 1000 * MIB + 1])
def test_volume_and_overlays_together_never_take_more_than_the_limit(disks, size, more):
    wishing = job([disk()] * disks, size=size)
    limit = least_growth(wishing) + more
    each = share(wishing, limit)
    assert each >= MIB
    assert limit - disks - 1 <= wishing.results.volume + (disks + 1) * each <= limit


def test_where_nothing_grows_or_no_limit_is_there_is_no_share():
    assert share(job(), None) is None
    bare = Job(name="j", memory=MIB, run="true", disks=(disk(Access.READ),))
    assert share(bare, 2**30) is None
    assert share(job(), MIB) == 0
