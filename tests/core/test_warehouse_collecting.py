"""Which images go when room is wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmf.model import Golden, GoldenDisk, Shelved
from vmf.warehouse.collecting import Stocked, children, chosen

SUM = "0" * 64


def stocked(number, parents=(), *, size=10, used=0.0):
    """The image of a number, which lies on others."""
    layers = tuple(Shelved(image=f"{each:032x}", name="disk0.qcow2", size=1, sha256=SUM) for each in parents)
    disks = (GoldenDisk(size=512, layers=(*layers, Shelved(name="disk0.qcow2", size=1, sha256=SUM))),)
    golden = Golden(id=f"{number:032x}", name="i", start=SUM, performed=(), disks=disks, made=0.0, vmf="1")
    return Stocked(golden=golden, size=size, used=used)


def numbers(images):
    return [int(each.golden.id, 16) for each in images]


def test_the_least_recently_used_go_until_the_rest_fits():
    images = [stocked(1, used=3), stocked(2, used=1), stocked(3, used=2)]
    assert numbers(chosen(images, (), size=25)) == [2]
    assert numbers(chosen(images, (), size=10)) == [2, 3]
    assert numbers(chosen(images, (), size=0)) == [2, 3, 1]
    assert numbers(chosen(images, (), size=30)) == []
    assert numbers(chosen(images, ())) == []


def test_those_go_that_were_not_used_since():
    images = [stocked(1, used=3), stocked(2, used=1), stocked(3, used=2)]
    assert numbers(chosen(images, (), before=2.5)) == [2, 3]
    assert numbers(chosen(images, (), before=2.5, size=0)) == [2, 3, 1]


def test_what_lies_on_an_image_goes_before_it_or_keeps_it():
    images = [stocked(1, used=1), stocked(2, (1,), used=9), stocked(3, (1, 2), used=5)]
    assert numbers(chosen(images, (), size=0)) == [3, 2, 1]
    assert numbers(chosen(images, (), before=4)) == []
    assert numbers(chosen(images, {images[2].golden.id}, size=0)) == []
    assert numbers(chosen(images, {images[1].golden.id}, size=0)) == [3]


@st.composite
def warehouses(draw):
    images = []
    for number in range(draw(st.integers(0, 8))):
        parents = draw(st.sets(st.sampled_from(range(number)), max_size=3)) if number else ()
        images.append(stocked(number, sorted(parents), size=draw(st.integers(0, 9)), used=draw(st.integers(0, 9))))
    return images


@given(warehouses(), st.sets(st.integers(0, 7)), st.none() | st.integers(0, 9), st.none() | st.integers(0, 50))
def test_whatever_is_asked_for_what_stays_has_all_that_it_lies_on(images, kept, before, size):
    keep = {f"{each:032x}" for each in kept}
    gone = chosen(images, keep, before=before, size=size)
    assert not keep & {each.golden.id for each in gone}
    left = {each.golden.id: each for each in images}
    for each in gone:
        assert not children(other.golden for other in left.values()).get(each.golden.id)
        del left[each.golden.id]
    assert all(parent in left for each in left.values() for parent in each.golden.parents)
    if size is not None and sum(each.size for each in left.values()) > size:
        free = [each for id_, each in left.items() if not any(id_ in other.golden.parents for other in left.values())]
        assert all(each.golden.id in keep for each in free)
