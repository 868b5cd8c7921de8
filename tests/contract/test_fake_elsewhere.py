"""The contract suite on a host that is another computer, and on one whose guests stop while they are taken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from guests.fake import GUESTS
from made_up import HOST, hypervisor, loaded, says, without
from vmf.hookspecs import hookimpl
from vmf.model import Connection, Disk, DiskFormat, File, HostBoot, Image, MachineDisk, Suspend, Transport
from vmf.testing import fake
from vmf.testing.bench import Bench
from vmf.testing.contract import HypervisorContract
from vmf.testing.contract_checkpoints import taken

CONTRACT = HypervisorContract()
FAR = replace(HOST, connection=Connection(transport=Transport.SSH, address="a"))
NEW = dict.fromkeys(("transport-ssh", "transport-tls", "default-kernel"), "It can.")


@pytest.fixture
def make(tmp_path):
    """Opens a bench; `image` is what its machines are made of."""
    made = []

    def make(*others, host=FAR, image=Image(name="none"), capabilities=None):  # noqa: B008  # a frozen value
        able = says(capabilities={**fake.ABILITIES, **NEW} if capabilities is None else capabilities)
        plugins = loaded(*others, hypervisor=hypervisor(hypervisor=able))
        made.append(Bench(plugins.connect(host, tmp_path / "world"), image=image, guests=GUESTS, folder=tmp_path))
        return made[-1], plugins

    yield make
    for bench in made:
        bench.close()


def raw(path):
    path.write_bytes(f"contract-{path.name}\n".encode().ljust(4096, b"\0"))
    return path


def test_a_machine_has_the_disks_of_this_computer_in_its_folder_and_the_hosts_own_where_they_lie(make, tmp_path):
    here, there, more = (raw(tmp_path / name) for name in ("here", "there", "more"))
    image = Image(
        name="i",
        kernel=File(path=Path("/boot/vmlinuz"), on_host=True),
        disks=(
            Disk(file=File(path=here), format=DiskFormat.RAW),
            Disk(file=File(path=there, on_host=True), format=DiskFormat.RAW),
        ),
    )
    bench, _ = make(image=image)
    added = MachineDisk(file=str(more), format=DiskFormat.RAW)
    handle = bench.run(GUESTS.keeps, amend=lambda machine: replace(machine, disks=(*machine.disks, added)))
    machine = bench.made[handle.machine]
    assert machine.kernel == "/boot/vmlinuz"
    assert [disk.file for disk in machine.disks] == ["image0", str(there), "image2"]
    files = tmp_path / "world/machines"
    for name, path in (("image0", here), ("image2", more)):
        assert (files / handle.machine / "files" / name).read_bytes() == path.read_bytes()
    bench.until(lambda: bench.console(handle), lambda console: b"count 3" in console)
    other = bench.restore(handle, taken(bench, handle, 1, tmp_path))
    assert [disk.file for disk in bench.made[other.machine].disks] == ["image0", str(there), "image2"]
    assert (files / other.machine / "files/image2").read_bytes() == more.read_bytes()


def test_only_what_a_hosts_spec_lets_be_tried_is_tried(make):
    bench, plugins = make()
    assert {"transport-ssh", "transport-tls", "default-kernel"} & bench.able(plugins) == {"transport-ssh"}
    bench, plugins = make(host=replace(HOST, boot=HostBoot(kernel=File(path=Path("/boot/vmlinuz"), on_host=True))))
    assert {"transport-ssh", "transport-tls", "default-kernel"} & bench.able(plugins) == {"default-kernel"}


def test_the_hosts_kernel_is_tried_with_a_machine_that_has_it(make, tmp_path):
    seen = []

    class Looker:
        @hookimpl(wrapper=True)
        def create(self, machine):
            seen.append(machine.kernel)
            return (yield)

    image = Image(name="i", kernel=File(path=raw(tmp_path / "vmlinuz")))
    boot = HostBoot(kernel=File(path=Path("/boot/vmlinuz"), on_host=True))
    bench, _ = make(Looker(), host=replace(FAR, boot=boot), image=image)
    CONTRACT.test_a_machine_boots_its_hosts_kernel(bench, image, GUESTS, tmp_path)
    assert seen == ["/boot/vmlinuz"]


def test_the_way_to_a_host_is_tried(make, tmp_path):
    bench, _ = make()
    CONTRACT.test_what_is_on_its_way_to_a_host_is_told_and_can_be_broken_off(bench, tmp_path)


class Slack:
    """Lets a guest that stands still run for a moment before it is taken."""

    @hookimpl(wrapper=True)
    def checkpoint(self, connection, handle):
        log = connection.machine(handle.machine) / "console.log"
        before = log.stat().st_size
        connection.resume(handle.machine)
        deadline = time.monotonic() + GUESTS.seconds
        while log.stat().st_size == before and time.monotonic() < deadline:
            time.sleep(0.01)
        connection.suspend(handle.machine, Suspend.SOFT)
        return (yield)


def test_only_a_hypervisor_that_takes_no_guest_live_may_let_one_run_that_stood_still(make, tmp_path):
    bench, plugins = make(Slack(), host=HOST, capabilities=without("live-checkpoint"))
    original = MachineDisk(file=str(raw(tmp_path / "disk")), format=DiskFormat.RAW)

    def tried(able):
        handle = bench.run(GUESTS.keeps, amend=lambda machine: replace(machine, portable=True, disks=(original,)))
        bench.until(lambda: bench.console(handle), lambda console: b"count 3" in console)
        CONTRACT.test_a_guest_that_stands_still_is_taken_so(bench, handle, frozenset(able), tmp_path)

    tried(bench.able(plugins))
    with pytest.raises(AssertionError):
        tried(bench.able(plugins) | {"live-checkpoint"})
