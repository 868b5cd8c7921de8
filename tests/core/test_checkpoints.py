"""Checkpoints on the submitting side: complete or absent, as they were kept or unusable."""

from __future__ import annotations

import io
import os

import msgspec
import pytest

from vmf import checkpoints
from vmf.checkpoints import MANIFEST, Making, Manifest, Unusable
from vmf.hookspecs import unreported
from vmf.model import Platform

PLATFORM = Platform(type="fake", accelerator="none", version="1", machine="m", cpu="c")
LAYERS = {"disk0.0": b"below", "disk0.1": b"above"}


def describe(parts):
    return Manifest(
        job="j", id=1, number=3, attempt=1, at=1.0, stopped=0.5, nonce="n", originals={}, platform=PLATFORM, parts=parts
    )


def silent(_):
    return unreported


@pytest.fixture
def make(tmp_path):
    """Keeps files as a checkpoint: where it is, what it is, and the sum of that."""

    def kept(number=3, **files):
        making = Making(tmp_path, number, check=lambda: None)
        making.begin()
        for name, data in {"memory": b"all of it", **files}.items():
            making.bring(name, io.BytesIO(data), unreported, lasts=False)
        return tmp_path / str(number), *making.finish(describe)

    return kept


def test_what_is_kept_is_read_again_with_the_sizes_and_sums_of_its_files(make):
    place, manifest, sha256 = make(**LAYERS)
    assert checkpoints.read(place, sha256) == manifest
    checkpoints.verify(place, manifest, silent)
    assert manifest.size == sum(path.stat().st_size for path in place.iterdir() if path.name != MANIFEST)
    assert manifest.layers(0) == ("disk0.0", "disk0.1")
    assert manifest.layers(1) == ()


@pytest.mark.parametrize("lasts", [True, False])
def test_what_its_host_goes_on_writing_to_is_copied(tmp_path, lasts):
    there = tmp_path / "there"
    there.write_bytes(b"all of it")
    making = Making(tmp_path / "here", 1, check=lambda: None)
    making.begin()
    with there.open("rb") as stream:
        making.bring("memory", stream, unreported, lasts=lasts)
    manifest, _ = making.finish(describe)
    kept = tmp_path / "here/1/memory"
    assert (kept.stat().st_ino == there.stat().st_ino) is lasts
    there.unlink()
    checkpoints.verify(tmp_path / "here/1", manifest, silent)


def test_a_file_that_cannot_be_summed_is_no_part_of_a_checkpoint(tmp_path):
    def leave():
        raise KeyError

    making = Making(tmp_path, 1, check=leave)
    making.begin()
    making.bring("memory", io.BytesIO(b"all of it"), unreported, lasts=False)
    with pytest.raises(KeyError):
        making.finish(describe)
    making.drop()
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(make):
    place, *_ = make()
    assert place.stat().st_mode & 0o077 == 0


def test_until_it_is_complete_there_is_none(tmp_path):
    making = Making(tmp_path, 1, check=lambda: None)
    making.begin()
    making.bring("memory", io.BytesIO(b"half"), unreported, lasts=False)
    assert [each.name for each in tmp_path.iterdir() if not each.name.startswith(".")] == []
    making.drop()
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_begun_by_a_killed_engine_is_gone_with_the_next(tmp_path, make):
    half = Making(tmp_path, 1, check=lambda: None)
    half.begin()
    half.bring("memory", io.BytesIO(b"half"), unreported, lasts=False)
    make()
    assert [each.name for each in tmp_path.iterdir()] == ["3"]


def test_a_file_that_an_earlier_one_has_takes_no_room_of_its_own_and_outlives_it(tmp_path, make):
    place, manifest, _ = make(**LAYERS)
    making = Making(tmp_path, 4, check=lambda: None)
    making.begin()
    making.bring("memory", io.BytesIO(b"later"), unreported, lasts=False)
    making.link("disk0.0", place, manifest.parts["disk0.0"])
    later, sha256 = making.finish(describe)
    assert (tmp_path / "4/disk0.0").stat().st_ino == (place / "disk0.0").stat().st_ino
    checkpoints.remove(place)
    checkpoints.verify(tmp_path / "4", checkpoints.read(tmp_path / "4", sha256), silent)
    assert later.layers(0) == ("disk0.0",)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def change(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [cut, change, pipe, folder, os.unlink])
@pytest.mark.parametrize("name", [MANIFEST, "memory", "disk0.1"])
def test_what_is_not_as_it_was_kept_is_unusable_and_named(make, spoil, name):
    place, _, sha256 = make(**LAYERS)
    spoil(place / name)
    with pytest.raises(Unusable, match=f"{place}/{name}"):
        checkpoints.verify(place, checkpoints.read(place, sha256), silent)


@pytest.mark.parametrize("change", [{"version": 2}, {"more": 1}])
def test_one_of_another_version_is_unusable_and_says_so(make, change):
    place, manifest, _ = make()
    data = msgspec.json.encode({**msgspec.to_builtins(manifest), **change})
    (place / MANIFEST).write_bytes(data)
    with pytest.raises(Unusable, match="another version of vmf"):
        checkpoints.read(place, checkpoints._sum(data))


def test_it_is_told_how_far_each_file_is(make):
    place, manifest, _ = make()
    told = []
    checkpoints.verify(place, manifest, lambda name: lambda done, total: told.append((name, done, total)))
    assert told == [("memory", 0, 9)]


def test_what_is_removed_may_be_gone_already(make):
    place, *_ = make()
    checkpoints.remove(place)
    checkpoints.remove(place)
    assert not place.exists()
