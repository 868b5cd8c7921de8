"""Golden images of a warehouse that is read by a web server: found, begun with, brought, and never believed."""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from block_servers import short_folder
from killed_keeping import START, sum_of
from layering import layer, written
from ranged import serving
from shell import until
from vmf.blocks import shelf, sums
from vmf.blocks.places import Origin
from vmf.disks import images, whole
from vmf.errors import SetupError
from vmf.files import parts
from vmf.files.nbd import open_served
from vmf.files.sparse import GRAIN
from vmf.hookspecs import unreported
from vmf.model import Disk, DiskFormat, Draft, File, Home, Image, Performed
from vmf.steps.golden import Request
from vmf.steps.graph import Graph, Node
from vmf.warehouse import offering
from vmf.warehouse.offering import Offered
from vmf.warehouse.remotes import Remotes
from vmf.warehouse.shelf import Warehouse

SIZE = 16 * GRAIN
BASE = bytes(range(256)) * (SIZE // 256)
A, B = "a" * 64, "b" * 64
OTHER = b"else" * (SIZE // 8)
BOTH = written(BASE, {1: b"1"}, {2: b"2"})


def fetching(_):
    return nullcontext(unreported)


def kept(warehouse, image, digests, grains):
    """The image upon which steps were done, the last of which has written this."""
    performed = tuple(Performed(name=each[0], digest=each, seconds=1.0, at=1.0) for each in digests)
    draft = Draft(name="box", start=START, performed=performed, image=image)
    path = warehouse.folders.images.parent / "changed"
    layer(path, grains, size=SIZE)
    with path.open("rb") as changed:
        return warehouse.publish(draft, {"disk0": changed}, sum_of=sum_of)


def built(folder: Path) -> Warehouse:
    """A warehouse with two images, one upon the other."""
    images = folder / "images"
    (images / "box").mkdir(parents=True)
    (images / "box/box.raw").write_bytes(BASE)
    (images / "box/vmlinuz").write_bytes(b"a kernel")
    warehouse = Warehouse(images)
    disk = Disk(file=File(path=images / "box/box.raw"), format=DiskFormat.RAW)
    box = Image(name="box", kernel=File(path=images / "box/vmlinuz"), disks=(disk,))
    first = kept(warehouse, box, [A], {1: b"1"})
    kept(warehouse, warehouse.image(first), [A, B], {2: b"2"})
    assert warehouse.offer() == {}
    return warehouse


@pytest.fixture
def far(tmp_path):
    with serving(built(tmp_path / "far").folders.images) as far:
        yield far


@pytest.fixture
def index(far):
    """Changes what the far warehouse says of an image."""

    def change(amend):
        path = far.folder / offering.INDEX
        every = [msgspec.json.decode(line, type=Offered) for line in path.read_bytes().splitlines()]
        path.write_bytes(b"".join(msgspec.json.encode(amend(each)) + b"\n" for each in every))

    return change


@pytest.fixture
def told():
    return []


@pytest.fixture
def home(far):
    with short_folder() as folder:
        yield Home(root=folder, remotes=(far.address,))


@pytest.fixture
def remotes(home, told):
    return Remotes(home, tell=told.append)


@pytest.fixture
def later(home, told):
    """Asks again, as the next command does, and finds the best image."""

    def best(*digests):
        remotes = Remotes(home, tell=told.append)
        remotes.ask()
        return found(remotes, *digests)

    return best


def request(*digests):
    nodes = tuple(Node(digest=each, name=each[0]) for each in digests)
    return Request(start=START, graph=Graph(nodes=nodes), memory=1, cpus=1)


def found(remotes, *digests, passed=()):
    return remotes.best(request(*digests), {}, passed)


def begun(remotes, best, held):
    remotes.begin(best, held, fetching)


def brought(remotes, best, _):
    remotes.bring(best, fetching)


def test_the_image_that_leaves_the_least_to_do_is_found(remotes):
    remotes.ask()
    best = found(remotes, A, B, "c" * 64)
    assert [each.digest for each in best.golden.performed] == [A, B]
    assert [each.digest for each in best.rest] == ["c" * 64]
    next_best = found(remotes, A, B, passed={best.golden.id})
    assert [each.digest for each in next_best.golden.performed] == [A]
    assert found(remotes, "c" * 64) is None


def test_an_image_is_read_before_it_has_come(remotes, far):
    remotes.ask()
    best = found(remotes, A, B)
    with ExitStack() as held:
        remotes.begin(best, held, fetching)
        image = remotes.image(best)
        images.inspect_image(replace(image, kernel=None))
        images.verify_image(image, checksum=lambda *_: pytest.fail("nobody reads it whole for its sum"))
        assert image.kernel.path.read_bytes() == b"a kernel"
        assert all(file.served for file in image.disks[0].files)
        with whole.opened(image.disks[0]) as disk:
            assert disk.read() == BOTH
    assert far.sent <= sum(part.size for part in best.offered.parts)


def test_an_image_that_was_brought_is_one_of_the_warehouse(remotes, far, home):
    remotes.ask()
    best = found(remotes, A, B)
    home.images.mkdir()
    local = Warehouse(home.images)
    golden = local.adopt(best.golden, remotes.bring(best, fetching))
    assert remotes.is_whole(best)
    assert golden.parents == frozenset()
    far.is_down = True
    with local.find(request(A, B), {}, sum_of=sum_of)[0] as taken:
        assert taken.golden.id == best.golden.id
        image = local.image(taken.golden)
        images.inspect_image(replace(image, kernel=None))
        with whole.opened(image.disks[0]) as disk:
            assert disk.read() == BOTH
    assert local.adopt(best.golden, {}) == golden


def test_a_warehouse_that_does_not_answer_counts_as_it_was(remotes, far, told, later):
    remotes.ask()
    far.is_down = True
    assert later(A).rest == ()
    (line,) = told
    assert f"remote warehouse {far.address}/ does not answer" in line


def test_a_warehouse_is_asked_once_for_all_jobs(remotes, far):
    remotes.ask()
    remotes.ask()
    assert len(far.asked) == 1


def test_what_has_half_come_comes_from_where_it_is_offered_now(remotes, far):
    remotes.ask()
    best = found(remotes, A, B)
    remotes.blocks.make()
    for part in best.offered.parts:
        listed = (far.folder / offering.BLOCKS / part.sha256).read_bytes()
        gone = Origin(address=far.address, path="gone", size=part.size, sha256=part.blocks)
        remotes.blocks.place(part.sha256).keep(gone, listed)
    files = remotes.bring(best, fetching)
    assert {part.sha256: files[part.sha256].stat().st_size for part in best.offered.parts} == {
        part.sha256: part.size for part in best.offered.parts
    }


@pytest.fixture
def claimed(remotes, far):
    """The place of an image's disk, of which another warehouse has said that it is something else."""
    remotes.ask()
    (far.folder / "other").write_bytes(OTHER)
    with (far.folder / "other").open("rb") as file:
        listed, _ = sums.listed(file, len(OTHER))
    place = remotes.blocks.place(found(remotes, A).golden.disks[0].base.sha256)
    remotes.blocks.make()
    digest = hashlib.sha256(listed).hexdigest()
    place.keep(Origin(address=far.address, path="other", size=len(OTHER), sha256=digest), listed)
    return place


def test_what_another_warehouse_says_of_a_disk_does_not_count(remotes, claimed):
    with ExitStack() as held:
        best = found(remotes, A, B)
        remotes.begin(best, held, fetching)
        with whole.opened(remotes.image(best).disks[0]) as disk:
            assert disk.read() == BOTH
    assert claimed.noted.path != "other"


def test_an_image_is_passed_over_whose_disk_is_served_as_something_else(remotes, claimed):
    with ExitStack() as held, remotes.blocks.hold([claimed]):
        remotes.blocks.serve([claimed])
        with pytest.raises(SetupError, match="has other blocks than what is here of that file"):
            remotes.begin(found(remotes, A), held, fetching)
        with open_served(claimed.socket) as file:
            assert file.read(4) == OTHER[:4]


def test_what_is_whole_is_never_taken_for_something_else(remotes, claimed):
    claimed.forget()
    remotes.bring(found(remotes, A), fetching)
    until(lambda: not claimed.socket.exists(), "nobody serves it any more")
    noted = claimed.noted
    other = replace(noted, path="other", sha256="0" * 64)
    assert not claimed.keep(other, b"")
    assert claimed.noted == noted
    assert claimed.whole.read_bytes() == BASE


def test_an_index_comes_again_only_if_it_has_changed(remotes, index, later):
    remotes.ask()
    catalogue = next(iter(remotes))._catalogue.path
    before = catalogue.stat().st_mtime_ns
    later(A)
    assert catalogue.stat().st_mtime_ns == before
    index(lambda each: replace(each, golden=replace(each.golden, name="other")))
    assert later(A).golden.name == "other"


def _other_id(each):
    return replace(each, golden=replace(each.golden, id="f" * 32))


def _rooted(each):
    disk = each.golden.disks[0]
    return replace(
        each, golden=replace(each.golden, disks=(replace(disk, base=replace(disk.base, path="/etc/passwd")),))
    )


def _unsummed(each):
    return replace(each, parts=each.parts[:1])


def _resized(each):
    return replace(each, parts=tuple(replace(part, size=part.size + 1) for part in each.parts))


def _escaping(each):
    return replace(each, parts=tuple(replace(part, path="../../secret") for part in each.parts))


def _nothing(each):
    disk = each.golden.disks[0]
    return replace(each, golden=replace(each.golden, disks=(replace(disk, base=None, layers=()),)))


@pytest.mark.parametrize("amend", [_other_id, _rooted, _unsummed, _resized, _escaping, _nothing])
def test_an_image_that_cannot_be_is_not_found(remotes, index, amend):
    index(amend)
    remotes.ask()
    assert found(remotes, A, B) is None


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"{}\n[]\nnull\n", b'{"golden":' * 9999, b"[" * 10**6])
def test_an_index_that_is_none_has_no_images(remotes, far, content):
    (far.folder / offering.INDEX).write_bytes(content)
    remotes.ask()
    assert found(remotes, A) is None


def test_other_sums_than_the_index_knows_are_refused(remotes, far):
    remotes.ask()
    for each in (far.folder / offering.BLOCKS).iterdir():
        each.write_bytes(bytes(each.stat().st_size))
    with ExitStack() as held, pytest.raises(SetupError, match="are not those of its index"):
        remotes.begin(found(remotes, A), held, fetching)


def test_what_is_of_another_file_never_becomes_an_image(remotes, far):
    remotes.ask()
    for each in (far.folder / ".golden/whole").glob("*/disk0.qcow2"):
        each.write_bytes(bytes(each.stat().st_size))
    with pytest.raises(SetupError, match="cannot be had"):
        remotes.bring(found(remotes, A), fetching)


def overwritten(far):
    for each in (far.folder / ".golden/whole").glob("*/disk0.qcow2"):
        each.write_bytes(bytes(each.stat().st_size))


def without_ranges(far):
    far.faults.extend(["all"] * 100)


@pytest.mark.parametrize("spoil", [overwritten, without_ranges])
def test_an_image_counts_once_its_disks_are_seen_to_come(remotes, far, spoil):
    remotes.ask()
    spoil(far)
    with ExitStack() as held, pytest.raises(SetupError, match="the server gives no parts of it, or others") as told:
        remotes.begin(found(remotes, A, B), held, fetching)
    assert str(told.value).startswith(f"{far.address}/: ")


@pytest.mark.parametrize("way", [begun, brought])
def test_an_image_is_not_waited_for_whose_server_has_gone(remotes, far, way, monkeypatch):
    monkeypatch.setattr(shelf, "TRY_SECONDS", 0.5)
    remotes.ask()
    best = found(remotes, A, B)
    far.faults.extend(["503"] * 100)
    with ExitStack() as held, pytest.raises(SetupError, match="nothing of it has come within"):
        way(remotes, best, held)


def test_what_cannot_be_read_from_elsewhere_is_not_offered(tmp_path):
    warehouse = built(tmp_path / "far")
    alone = tmp_path / "alone.raw"
    alone.write_bytes(BASE)
    image = Image(name="alone", disks=(Disk(file=File(path=alone), format=DiskFormat.RAW),))
    outside = kept(warehouse, image, ["d" * 64], {3: b"3"})
    left = warehouse.offer()
    assert left == {outside.id: f"it lies on {alone}, which is not all of a file in the warehouse"}


def test_the_index_follows_who_comes_and_goes(later, far):
    warehouse = Warehouse(far.folder)
    first = later(A).golden
    new = kept(warehouse, warehouse.image(first), [A, "e" * 64], {5: b"5"})
    assert later(A, "e" * 64).golden.id == new.id
    warehouse.remove([new.id])
    assert later(A, "e" * 64).golden.id == first.id


def test_what_is_no_address_is_refused_without_its_password(home):
    with pytest.raises(SetupError, match="VMF_REMOTE: far/images: an address begins with http") as told:
        Remotes(replace(home, remotes=("ftp://ada:secret@far/images",)), tell=print)
    assert "secret" not in str(told.value)


def test_who_adopts_an_image_waits_for_the_disk_that_another_one_copies(remotes, home, monkeypatch):
    remotes.ask()
    best = found(remotes, A)
    files = remotes.bring(best, fetching)
    home.images.mkdir()
    base = home.images / f".downloads/{best.golden.disks[0].base.sha256}.raw"
    base.parent.mkdir()
    tried = []

    def link(_, path):
        tried.append(path)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", link)
    other = parts.hold(parts.beside(base), parts.FILE)
    with ThreadPoolExecutor() as workers:
        adopted = workers.submit(Warehouse(home.images).adopt, best.golden, files)
        try:
            until(lambda: tried.count(base) > 1, "it is tried again")
            assert not adopted.done()
        finally:
            os.close(other)
        adopted.result()
    assert base.read_bytes() == BASE
