"""The contract about what a machine is made of, as tests: disks, drives, firmware, clock, screen, shared folders.

One machine has as much of it as its host can, and its guest tells what it finds.
"""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from vmf.disks import differing, images
from vmf.errors import JobFault, Refused
from vmf.files import cdrom, disc, sparse
from vmf.model import (
    MEBIBYTE,
    Access,
    Bus,
    Clock,
    DiskFormat,
    Ending,
    Firmware,
    Handle,
    Host,
    Image,
    Limits,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineShare,
    Power,
    Stop,
)
from vmf.plugins import Plugins
from vmf.testing import samples
from vmf.testing.abilities import requires, tries
from vmf.testing.bench import Bench, Guests, break_off
from vmf.testing.serving import serving

SIZE = 2 * MEBIBYTE
PLAIN = "plain"
"""A disk of a job that says nothing of it but its file and format."""
DISKS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    PLAIN: {},
    **{f"disk-{bus}": {"bus": bus} for bus in Bus},
    "disk-read": {"access": Access.READ},
    "disk-in-place": {"access": Access.IN_PLACE},
    "disk-vmdk": {"format": DiskFormat.VMDK},
    "disk-rate": {},
    "device": {},
})  # fmt: skip
"""A disk for each ability, and what is peculiar to it; it begins with the word `contract-ABILITY`."""
CHANGED = b"contract-changed\n"
"""What the guest writes over the beginning of each."""
DISCS = ("disc1", "disc2")
SHARES: Mapping[str, bool] = MappingProxyType({"contract-read": False, "contract-write": True})
"""Shared folders by name: whether the guest may write in it."""
GROWTH = 4 * MEBIBYTE
RATE = MEBIBYTE
QUARTER = 900
"""Seconds: time zones differ by so many, or by a multiple."""


class Furnished(Struct, frozen=True, kw_only=True):
    """A machine with all that its host can give, whose guest tells of it and stays."""

    handle: Handle
    disks: Mapping[str, MachineDisk]
    """Those of `DISKS` that it has, in their order."""


class DisksContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def on_host(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder of the host, which this computer knows by the same path; override it if the host is another one."""
        return tmp_path_factory.mktemp("on-host")

    @pytest.fixture(scope="class")
    @classmethod
    def bootable(cls, image: Image) -> tuple[MachineDisk, ...]:
        """Disks that boot the image's guest without a kernel, by every firmware; override it if its own do not."""
        return tuple(MachineDisk(file=str(disk.file.path), format=disk.layout) for disk in image.disks)

    @pytest.fixture(scope="class")
    @classmethod
    def offered(cls, plugins: Plugins, host: Host, bench: Bench) -> frozenset[str]:
        """The abilities of the host."""
        return frozenset(plugins.types[host.type].capabilities.keys() - bench.facts.missing.keys())

    @pytest.fixture(scope="class")
    @classmethod
    def furnished(
        cls,
        bench: Bench,
        guests: Guests,
        offered: frozenset[str],
        on_host: Path,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Furnished:
        """A machine with everything that its host can give."""
        name = bench.new_name()
        discs = DISCS if "cdroms" in offered else ()
        for word in discs:
            path = tmp_path_factory.mktemp("disc") / word
            disc.write(path, {"word": f"{word}\n".encode()}, label=cdrom.LABEL)
            bench.hypervisor.put(name, word, path)
        disks = {word: _disk(on_host, word, guests) for word in DISKS if word in {PLAIN, *offered}}
        shares = tuple(_share(on_host, share) for share in SHARES if "shares" in offered)

        def furnish(machine: Machine) -> Machine:
            return replace(
                machine,
                disks=(*machine.disks, *disks.values()),
                cdroms=(*machine.cdroms, *(MachineCdrom(file=word) for word in discs)),
                clock=Clock.LOCAL if "clock-local" in offered else Clock.UTC,
                agent="guest-agent" in offered,
                vnc="vnc" in offered,
                shares=shares,
                limits=Limits(disk_rate=RATE if "disk-rate" in offered else None),
            )

        return Furnished(handle=bench.run(guests.tells, name, amend=furnish), disks=disks)

    @pytest.fixture(scope="class")
    @classmethod
    def beside(cls, bench: Bench, guests: Guests, furnished: Furnished) -> Handle:
        """A plain machine, which runs at the same time and has the disk that is only read, too."""
        disks = tuple(disk for disk in furnished.disks.values() if disk.access is Access.READ)
        return bench.run(guests.tells, amend=lambda machine: replace(machine, disks=(*machine.disks, *disks)))

    def test_an_original_stays_as_it_is(self, bench: Bench, furnished: Furnished) -> None:
        """The guest writes to its disk, and the file does not change."""
        bench.told(furnished.handle, rf"disk \S+ {SIZE} contract-{PLAIN}")
        bench.told(furnished.handle, f"wrote contract-{PLAIN}")
        assert _begins(furnished.disks[PLAIN], _content(PLAIN))

    @tries(*(f"disk-{bus}" for bus in Bus), "disk-vmdk")
    def test_disks_of_every_kind_are_found_whole(self, bench: Bench, furnished: Furnished) -> None:
        """Each has the size and the content that its file stands for, and can be written to."""
        for word, disk in furnished.disks.items():
            bench.told(furnished.handle, rf"disk \S+ {SIZE} contract-{word}")
            if disk.access is not Access.READ:
                bench.told(furnished.handle, f"wrote contract-{word}")

    @tries("disk-read")
    def test_a_disk_that_is_only_read_is_shared(self, bench: Bench, furnished: Furnished, beside: Handle) -> None:
        """The guest cannot write to it, and neither can that of another machine, which has it at the same time."""
        for handle in (furnished.handle, beside):
            bench.told(handle, "kept contract-disk-read")
        assert bench.hypervisor.state(furnished.handle).power is Power.RUNNING
        assert _begins(furnished.disks["disk-read"], _content("disk-read"))

    @tries("disk-in-place")
    def test_a_disk_in_place_is_changed(self, bench: Bench, furnished: Furnished) -> None:
        """What the guest writes is in the very file; of a host elsewhere, that is none of this computer's."""
        bench.told(furnished.handle, "wrote contract-disk-in-place")
        if not bench.hypervisor.host.elsewhere:
            bench.until(lambda: _begins(furnished.disks["disk-in-place"], CHANGED), bool)

    @tries("device")
    def test_a_disk_is_called_what_the_job_calls_it(self, bench: Bench, guests: Guests, furnished: Furnished) -> None:
        """The last disk has the name that the first one would have."""
        assert bench.told(furnished.handle, r"disk (\S+) \d+ contract-device")[1] == guests.device

    @tries("cdroms")
    def test_a_machine_has_several_discs(self, bench: Bench, furnished: Furnished) -> None:
        """Beside the one with its script."""
        for word in DISCS:
            bench.told(furnished.handle, f"disc {word}")

    @tries("clock-local")
    def test_clocks_show_what_they_are_set_to(
        self, bench: Bench, furnished: Furnished, beside: Handle, offered: frozenset[str]
    ) -> None:
        """The host's local time, and UTC, to the quarter of an hour."""
        local = datetime.now(UTC).astimezone().utcoffset() if "clock-local" in offered else None
        for handle, ahead in ((furnished.handle, local), (beside, None)):
            shown = int(bench.told(handle, r"clock (\d+)")[1])
            assert round((shown - time.time() - (ahead or timedelta()).total_seconds()) / QUARTER) == 0

    @tries("vnc")
    def test_a_machine_has_a_screen_if_it_is_to_have_one(
        self, bench: Bench, furnished: Furnished, beside: Handle
    ) -> None:
        """It is known how to reach it."""
        assert bench.hypervisor.facts(furnished.handle).screen
        assert not bench.hypervisor.facts(beside).screen

    @tries("shares")
    def test_folders_are_shared_to_be_read_or_written(self, bench: Bench, furnished: Furnished, on_host: Path) -> None:
        """The guest sees what is in them, and writes in the one that it may write in."""
        for share, may_write in SHARES.items():
            bench.told(furnished.handle, f"share {share} {share}-word")
            bench.told(furnished.handle, f"{'wrote' if may_write else 'kept'} {share}")
            assert (on_host / share / "made").exists() is may_write

    @tries("disk-rate")
    def test_a_disk_is_no_faster_than_it_may_be(self, bench: Bench, furnished: Furnished) -> None:
        """All of it takes at least half of the time that the rate says: what was read before counts, too."""
        seconds = float(bench.told(furnished.handle, r"read contract-disk-rate (\S+)")[1])
        assert seconds >= SIZE / RATE / 2

    @tries("disk-growth")
    def test_an_overlay_grows_no_further_than_it_may(self, bench: Bench, guests: Guests, on_host: Path) -> None:
        """Its machine stands still then, says which limit that is, and can be ended."""
        file = on_host / "growth"
        file.touch(mode=0o644)
        os.truncate(file, 16 * GROWTH)
        disk = MachineDisk(file=str(file), format=DiskFormat.RAW, growth=GROWTH)
        handle = bench.run(guests.fills, amend=lambda machine: replace(machine, disks=(disk,)))
        state = bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is not Power.RUNNING)
        assert (state.power, bool(state.limit)) == (Power.PAUSED, True)
        assert bench.hypervisor.shut_down(handle, Stop.FORCE).ending is Ending.KILLED
        with bench.hypervisor.fetch(handle, "disk0") as overlay:
            assert 0 < len(overlay.read(GROWTH + 1)) <= GROWTH
        bench.hypervisor.destroy(handle)

    @tries("whole-disks")
    def test_a_whole_disk_comes_back(self, bench: Bench, guests: Guests, on_host: Path) -> None:
        """What was in the original and what the guest changed, in one file; it can be broken off, and needs both.

        The original is gone if it is a file of this computer: a host elsewhere has its own.
        """
        disk = _disk(on_host, "whole", guests)
        handle = bench.run(guests.tells, amend=lambda machine: replace(machine, disks=(disk,)))
        bench.told(handle, "wrote contract-whole")
        bench.hypervisor.shut_down(handle, Stop.ASK)
        bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
        with pytest.raises(Refused):
            bench.hypervisor.fetch(handle, "whole0", break_off)
        with bench.hypervisor.fetch(handle, "whole0") as stream:
            assert samples.beginning(stream, len(CHANGED)) == CHANGED
        if not bench.hypervisor.host.elsewhere:
            Path(disk.file).unlink()
            with pytest.raises(JobFault):
                bench.hypervisor.fetch(handle, "whole0")
        bench.hypervisor.destroy(handle)

    @tries("disk-layers")
    def test_a_disk_of_several_files_is_one(
        self, bench: Bench, guests: Guests, offered: frozenset[str], on_host: Path
    ) -> None:
        """What each file has hides what those beneath have; none of them changes, and the whole comes back."""
        disk = _layered(on_host)
        files = [Path(each) for each in (disk.file, *disk.layers)]
        before = [each.read_bytes() for each in files]
        handle = bench.run(guests.tells, amend=lambda machine: replace(machine, disks=(disk,)))
        bench.told(handle, rf"disk \S+ {SIZE} contract-disk-layers")
        bench.told(handle, "wrote contract-disk-layers")
        bench.hypervisor.shut_down(handle, Stop.ASK)
        bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
        assert [each.read_bytes() for each in files] == before
        if "whole-disks" in offered:
            with bench.hypervisor.fetch(handle, "whole0") as stream:
                assert samples.beginning(stream, len(CHANGED)) == CHANGED
        bench.hypervisor.destroy(handle)

    @tries("disk-served")
    def test_a_disk_is_read_where_it_is_served(self, bench: Bench, guests: Guests, on_host: Path) -> None:
        """With its layers, over which the guest writes as over any."""
        disk = _layered(on_host)
        with served(disk) as sockets:
            handle = bench.run(guests.tells, amend=lambda machine: replace(machine, disks=(sockets,)))
            bench.told(handle, rf"disk \S+ {SIZE} contract-disk-layers")
            bench.told(handle, "wrote contract-disk-layers")
            bench.hypervisor.destroy(handle)

    @tries("default-kernel")
    def test_a_machine_boots_its_hosts_kernel(self, bench: Bench, image: Image, guests: Guests, tmp_path: Path) -> None:
        """If its job names none."""
        bare = replace(image, kernel=None, initrd=None)
        other = Bench(bench.hypervisor, image=bare, guests=guests, folder=tmp_path)
        bench.hypervisor.destroy(other.run(guests.hangs))

    @requires("kernel-included")
    @tries(*(f"firmware-{firmware}" for firmware in Firmware), "kernel-included")
    def test_a_machine_boots_from_its_disk(
        self, bench: Bench, guests: Guests, offered: frozenset[str], bootable: tuple[MachineDisk, ...]
    ) -> None:
        """By each firmware that there is; where one cannot be asked for, by the host's usual one."""
        asked: Iterable[Firmware | None] = [each for each in Firmware if f"firmware-{each}" in offered] or [None]
        for firmware in asked:
            handle = bench.run(guests.tells, amend=partial(without_kernel, bootable, firmware))
            assert bench.told(handle, r"firmware (\S+)")[1] in ([firmware] if firmware else Firmware)
            bench.hypervisor.destroy(handle)


def without_kernel(disks: tuple[MachineDisk, ...], firmware: Firmware | None, machine: Machine) -> Machine:
    """A machine that boots from its disks."""
    return replace(machine, kernel=None, initrd=None, kernel_parameters="", firmware=firmware, disks=disks)


def _disk(folder: Path, word: str, guests: Guests) -> MachineDisk:
    """A disk that begins with its word, in a file that everybody can write."""
    given = DISKS.get(word, {})
    file = folder / word
    layout = given.get("format", DiskFormat.RAW)
    file.write_bytes(_LAYOUTS[layout](_content(word), SIZE))
    file.chmod(0o666)
    device = guests.device if word == "device" else None
    return MachineDisk(file=str(file), device=device, **{"format": layout, **given})


def _layered(folder: Path) -> MachineDisk:
    """A disk of three files: only the uppermost begins with the word."""
    base = folder / "layered"
    base.write_bytes(b"beneath".ljust(SIZE, b"\0"))
    return layered(base, b"hidden", _content("disk-layers"))


def layered(base: Path, *starts: bytes) -> MachineDisk:
    """A disk of a raw file and of layers upon it, each of which begins with other words, or holds nothing."""
    layers = [base.with_name(f"{base.name}.{number}") for number in range(len(starts))]
    for layer, start in zip(layers, starts, strict=True):
        with layer.open("w+b") as file:
            grains = [(0, start.ljust(sparse.GRAIN, b"\0"))] if start else []
            differing.write(file, grains, size=base.stat().st_size, name=images.BENEATH, layout=DiskFormat.RAW)
    for each in (base, *layers):
        each.chmod(0o644)
    return MachineDisk(file=str(base), format=DiskFormat.RAW, layers=tuple(map(str, layers)))


@contextmanager
def served(disk: MachineDisk) -> Iterator[MachineDisk]:
    """A disk whose files are served at sockets beside them, until the end of the block."""
    files = (disk.file, *disk.layers)
    with ExitStack() as stack, ThreadPoolExecutor() as workers:
        sockets = [str(stack.enter_context(serving(Path(each), workers))) for each in files]
        yield replace(disk, file=sockets[0], layers=tuple(sockets[1:]), served=tuple(sockets))


_LAYOUTS: Mapping[DiskFormat, Callable[[bytes, int], bytes]] = MappingProxyType({
    DiskFormat.RAW: lambda start, size: start.ljust(size, b"\0"),
    DiskFormat.VMDK: samples.vmdk,
})  # fmt: skip


def _share(folder: Path, name: str) -> MachineShare:
    """A folder with a word in it, which everybody can write in."""
    inside = folder / name
    inside.mkdir()
    inside.chmod(0o777)
    (inside / "word").write_text(f"{name}-word\n")
    (inside / "word").chmod(0o644)
    return MachineShare(name=name, folder=str(inside), write=SHARES[name])


def _content(word: str) -> bytes:
    return f"contract-{word}\n".encode()


def _begins(disk: MachineDisk, start: bytes) -> bool:
    with Path(disk.file).open("rb") as file:
        return file.read(len(start)) == start
