"""What the engine learns of its hosts' pace, and where bids then send jobs; on the fake hypervisor."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from block_servers import short_folder
from farm import FARM
from vmf.blocks.places import Origin, Place
from vmf.errors import Refused, SetupError
from vmf.hookspecs import hookimpl
from vmf.model import Bid, File, Host, Pace, Slice, Wakes, Work
from vmf.run import Console, size_of
from vmf.state import State
from vmf.store import Store
from vmf.testing import golden

MIB = 2**20
KERNEL = bytes(0x1FE) + b"\x55\xaa" + b"\0\0HdrS"
"""How one begins."""
YARD = Host(name="yard", type="fake")


def written(path: Path, size: int) -> File:
    path.write_bytes(KERNEL.ljust(size, b"k"))
    return File(path=path)


def heard(farm):
    """Have a guest go on once what it said has been heard."""

    def watch(notice):
        if isinstance(notice, Console) and b"heard" not in notice.data:
            farm.tell(notice.record)

    farm.watch(watch)


def booting(farm, script: str, *, kernel: int, name: str = "j"):
    """A job whose kernel of so many bytes is brought to the host."""
    job = farm.job(script, name)
    return replace(job, image=replace(job.image, kernel=written(farm.folder / "vmlinuz", kernel)))


def test_what_a_host_took_and_how_its_guest_began_to_speak_is_kept(make):
    farm = make()
    heard(farm)
    (record,) = farm.carry(booting(farm, "sleep 0.3\necho hello\nhear\nexit 0", kernel=3 * MIB))
    assert record.state is State.COMPLETED
    paces = farm.store.paces("farm")
    assert paces[Work.STAGE].amount >= 3 * MIB
    assert paces[Work.STAGE].seconds > 0
    assert paces[Work.BOOT].amount == 1
    assert 0.3 <= paces[Work.BOOT].seconds < 30
    (offer,) = farm.hosts.offers((FARM,))
    assert offer.paces == paces


def test_how_fast_guests_wake_is_kept_apart_from_how_fast_they_boot(make, tmp_path):
    for name, left in golden.LEFT.items():
        (tmp_path / name).write_bytes(msgspec.json.encode(left))

    class Waker:
        @hookimpl
        def amend(self, machine):
            memory, state = (str(tmp_path / name) for name in golden.LEFT)
            wakes = Wakes(platform=golden.PLATFORM, equipment=machine.equipment, memory=memory, state=state)
            return replace(machine, wakes=wakes)

    farm = make(Waker())
    heard(farm)
    (record,) = farm.carry(farm.job("echo hello\nhear\nexit 0"))
    assert record.state is State.COMPLETED
    assert farm.store.paces("farm").keys() == {Work.WAKE}


def test_what_tells_nothing_of_a_hosts_pace_is_not_kept(make):
    farm = make()
    farm.carry(booting(farm, "exit 0", kernel=MIB // 2))
    assert farm.store.paces("farm").keys() <= {Work.BOOT}


def test_a_pace_that_cannot_be_kept_keeps_no_job_from_its_end(make, monkeypatch):
    def full(*_):
        raise SetupError("no space is left")

    monkeypatch.setattr(Store, "keep_pace", full)
    farm = make()
    (record,) = farm.carry(booting(farm, "echo hello\nexit 0", kernel=3 * MIB))
    assert record.state is State.COMPLETED


def test_a_job_goes_to_the_host_that_was_seen_to_be_quicker(make):
    farm = make()
    farm.hosts.offers((FARM, YARD))
    farm.store.keep_pace("farm", Work.BOOT, Pace(amount=1, seconds=1000.0))
    heard(farm)
    farm.carry(farm.job("echo early\nhear\nexit 0", "quick"), hosts=(YARD,))
    (record,) = farm.carry(farm.job("exit 0"), hosts=(FARM, YARD))
    assert record.placement.host == YARD
    assert record.placement.bid.seconds == pytest.approx(farm.store.paces("yard")[Work.BOOT].each)


class Site:
    """Bids by a price for each host; None: it does not bid."""

    def __init__(self, **prices):
        self.prices = prices
        self.asked = []

    @hookimpl
    def bid(self, placement):
        self.asked.append(placement.host.name)
        if self.prices[placement.host.name] is None:
            raise Refused("the power is dear")
        return Bid(cost=self.prices[placement.host.name])


def test_a_plugins_bid_decides(make):
    farm = make(Site(farm=3, yard=2))
    (record,) = farm.carry(farm.job("exit 0"), hosts=(FARM, YARD))
    assert (record.state, record.placement.host, record.placement.bid) == (State.COMPLETED, YARD, Bid(cost=2))


def test_a_job_that_nobody_bids_for_waits_until_somebody_does(make):
    site = Site(farm=None)
    farm = make(site)
    told = threading.Event()

    def watch(notice):
        if "waits" in getattr(notice, "text", "") and not told.is_set():
            told.set()
            site.prices["farm"] = 1

    farm.watch(watch)
    (record,) = farm.carry(farm.job("exit 0"))
    assert record.state is State.COMPLETED
    assert farm.remarks()[0] == "waits: farm: it does not bid: the power is dear"


def test_nobody_waits_for_the_store_while_a_plugin_thinks(make, caplog):
    """Each host is asked once for a placement, and another process can write meanwhile."""
    asked = []

    class Thinker:
        @hookimpl
        def bid(self, placement):
            asked.append(placement.host.name)
            with closing(sqlite3.connect(farm.store.home.store, timeout=5)) as other:
                other.execute("DELETE FROM checksums")
                other.commit()

    farm = make(Thinker())
    (record,) = farm.carry(farm.job("exit 0"), hosts=(FARM, YARD))
    assert record.state is State.COMPLETED
    assert "does not count" not in caplog.text
    assert sorted(asked) == ["farm", "yard"]


def test_the_size_of_a_file_is_what_travels_of_it(tmp_path):
    file = written(tmp_path / "f", 10_000)
    assert size_of(file) == 10_000
    assert size_of(replace(file, part=Slice(offset=0, size=4096))) == 4096
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(2**30)
    assert size_of(File(path=tmp_path / "hole")) == 0
    assert size_of(File(path=tmp_path / "nothing")) == 0


def test_the_size_of_a_file_that_is_served_is_that_of_the_whole():
    with short_folder() as folder:
        place = Place(folder=folder, sha256="a" * 64)
        file = File(path=place.socket, served=True)
        assert size_of(file) == 0
        place.keep(Origin(address="http://far", path="disk", size=2**30, sha256="b" * 64), b"")
        assert size_of(file) == 2**30
