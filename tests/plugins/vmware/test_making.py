"""Machines are made once, whatever breaks on the way; nothing of somebody else's goes with them."""

from __future__ import annotations

import fcntl
import time
from contextlib import suppress

import pytest
from msgspec.structs import replace

from vmf import plan
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import cdrom, disc, volume
from vmf.hookspecs import unreported
from vmf.model import (
    MEBIBYTE,
    Access,
    DiskFormat,
    Ending,
    Facts,
    Job,
    Machine,
    MachineDisk,
    Placement,
    Power,
    Results,
    Stop,
)
from vmf.spec.image import load_image
from vmf_vmware import descriptor, vmx
from vmf_vmware.connection import Connection
from vmf_vmware.notes import Notes

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

DEADLINE = 200.0
SCRIPT = "echo vmf-ready\necho made >made\n"
FACTS = Facts(identity="x", memory=2**34, cpus=8, arch="x86_64", accelerator="vmware")


@pytest.fixture
def connection(vsphere, vsphere_host, password, tmp_path):
    del password
    connection = Connection(vsphere_host(), tmp_path)
    yield connection
    vsphere.faults_clear()
    for name in connection.machines():
        connection.destroy(name)
    connection.close()


@pytest.fixture
def furnished(connection, vsphere_host, tiny, tmp_path):
    """Puts all that a machine of the tiny guest needs; the machine."""

    def furnished(script=SCRIPT, name="m"):
        image = load_image(str(tiny), beside=tiny, images=tiny)
        results = Results(files=("made",), size=MEBIBYTE)
        job = Job(name="j", image=image, memory=256 * MEBIBYTE, run=script, results=results)
        magic = volume.magic(volume.new_nonce())
        disc.write(tmp_path / plan.CDROM, cdrom.contents(job, magic), label=cdrom.LABEL)
        volume.make(tmp_path / plan.RESULTS, size=MEBIBYTE, magic=magic)
        placement = Placement(job=job, host=vsphere_host(), facts=FACTS, reasons=())
        files = {each: file.path for each, file in plan.brought(job, vsphere_host()).items()}
        for each, path in {**files, **{own: tmp_path / own for own in (plan.CDROM, plan.RESULTS)}}.items():
            connection.put(name, each, path, unreported)
        return replace(plan.blueprint(placement, name), nic=None)

    return furnished


def until(connection, power, name="m"):
    """Look until it is so; a host that does not answer for once is asked again, as the engine does."""
    deadline, state = time.monotonic() + DEADLINE, None
    while state is None or state.power is not power:
        assert time.monotonic() < deadline, state
        with suppress(HostFault):
            state = connection.state(name)
        time.sleep(0.05)
    return state


@pytest.mark.parametrize("mode", ["lose", "drop", "http"])
@pytest.mark.parametrize("method", ["CreateVM_Task", "PowerOnVM_Task", "MakeDirectory", "PUT", "RetrievePropertiesEx"])
def test_a_machine_is_made_once_whatever_breaks_on_the_way(vsphere, connection, furnished, method, mode):
    machine = furnished()
    vsphere.fault(method, mode=mode, count=1)
    for _ in range(3):
        try:
            connection.create(machine)
        except HostFault:
            continue
        break
    assert until(connection, Power.OFF).ending is Ending.SHUTDOWN
    connection.create(machine)
    assert connection.console("m", 0).count(b"vmf-ready") == 1
    assert connection.machines() == ("m",)


def test_whoever_comes_after_one_who_was_killed_starts_what_was_defined(connection, furnished, monkeypatch):
    machine = furnished()
    machines = connection.session.machines

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(machines, "set_power", killed)
        with pytest.raises(KeyboardInterrupt):
            connection.create(machine)
    assert connection.state("m").power is Power.OFF
    connection.create(machine)
    assert until(connection, Power.OFF).ending is Ending.SHUTDOWN
    assert connection.console("m", 0).count(b"vmf-ready") == 1


def test_one_who_was_killed_after_the_start_is_not_started_again(connection, furnished, monkeypatch):
    machine = furnished()
    start = connection.session.machines.set_power

    def killed(*how):
        start(*how)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection.session.machines, "set_power", killed)
        with pytest.raises(KeyboardInterrupt):
            connection.create(machine)
    until(connection, Power.OFF)
    connection.create(machine)
    assert connection.state("m").ending is Ending.SHUTDOWN
    assert connection.console("m", 0).count(b"vmf-ready") == 1


def test_a_disk_that_is_written_in_place_stays_when_its_machine_goes(vsphere, connection, furnished):
    lies = vsphere.datastore / "kept"
    lies.mkdir(exist_ok=True)
    (lies / "kept-flat.vmdk").write_bytes(b"kept\n".ljust(MEBIBYTE, b"\0"))
    (lies / "kept.vmdk").write_text(
        '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n'
        'RW 2048 VMFS "kept-flat.vmdk"\nddb.adapterType = "lsilogic"\n'
    )
    machine = furnished("echo changed >/dev/sda\nsync\n")
    file = "/vmfs/volumes/store1/kept/kept-flat.vmdk"
    disk = MachineDisk(file=file, format=DiskFormat.RAW, access=Access.IN_PLACE)
    connection.create(replace(machine, disks=(disk,)))
    until(connection, Power.OFF)
    connection.destroy("m")
    assert sorted(each.name for each in lies.iterdir()) == ["kept-flat.vmdk", "kept.vmdk"]
    assert (lies / "kept-flat.vmdk").read_bytes().startswith(b"changed\n")


BARE = Machine(name="m", memory=256 * MEBIBYTE, cpus=1, accelerator="vmware")
LYING = descriptor.flat("d", MEBIBYTE)
UNFIT = [
    (LYING.replace(b"d-flat", b"e-flat"), "not in d-flat.vmdk alone"),
    (LYING.replace(b"d-flat", b"../secret/s-flat"), "not beside it"),
    (LYING.replace(b"ffffffff", b"0a1b2c3d") + b'parentFileNameHint="/vmfs/volumes/s/s.vmdk"\n', "change of another"),
    (LYING.replace(b'd-flat.vmdk"', b'd-flat.vmdk" 8'), "not in d-flat.vmdk alone"),
    (LYING + b'RW 2048 VMFS "e-flat.vmdk"\n', "not in d-flat.vmdk alone"),
    (LYING.replace(b"RW 2048", b"RW 4096"), "has 1048576"),
    (b"KDMV".ljust(512, b"\0"), "no descriptor"),
]
"""Descriptors of disks that are not what they are called after, and what is told of them."""


@pytest.mark.parametrize("access", [Access.SNAPSHOT, Access.IN_PLACE])
@pytest.mark.parametrize(("said", "told"), UNFIT)
def test_a_disk_on_the_host_is_the_file_that_the_job_names_or_none(vsphere, connection, said, told, access):
    _lie(vsphere, said)
    disk = MachineDisk(file="/vmfs/volumes/store1/lies/d-flat.vmdk", format=DiskFormat.RAW, access=access)
    _refused(connection, replace(BARE, disks=(disk,)), told)


@pytest.mark.parametrize(("said", "told"), UNFIT)
def test_so_is_a_disk_of_a_folder_on_the_host(vsphere, connection, said, told):
    _lie(vsphere, said)
    settings = {"folder": {"path": "/vmfs/volumes/store1/lies", "on_host": True}}
    _refused(connection, replace(BARE, settings=settings), told)


def _lie(vsphere, said):
    """A machine's folder on the datastore whose disk has this descriptor."""
    lies = vsphere.datastore / "lies"
    lies.mkdir(exist_ok=True)
    (lies / "d.vmdk").write_bytes(said)
    (lies / "d.vmx").write_bytes(vmx.write({"scsi0.present": "TRUE", "scsi0:0.fileName": "d.vmdk"}))
    for name in ("d-flat.vmdk", "e-flat.vmdk"):
        (lies / name).write_bytes(bytes(MEBIBYTE))


def _refused(connection, machine, told):
    with pytest.raises(JobFault, match=told) as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.IMAGE_INVALID
    assert "vmkfstools -i" in caught.value.hint
    assert connection.session.machines.names() == ()


def test_what_a_disk_is_stated_to_be_counts(connection, furnished):
    machine = furnished()
    disks = tuple(replace(disk, format=DiskFormat.QCOW2) for disk in machine.disks)
    with pytest.raises(JobFault, match="is stated to be qcow2 and is a raw image") as caught:
        connection.create(replace(machine, disks=disks))
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_what_is_noted_of_an_end_by_force_nobody_else_writes_over(connection, furnished, monkeypatch):
    connection.create(furnished("while :; do sleep 1; done\n"))
    alone = []
    keep = Notes.keep

    def kept(notes, machine, note):
        with (notes.of(machine) / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alone.append(note.forced)
        return keep(notes, machine, note)

    monkeypatch.setattr(Notes, "keep", kept)
    connection.shut_down("m", Stop.FORCE)
    assert alone == [True, True]  # that it was asked for, and how it ended


def test_a_machine_that_is_off_by_force_was_killed(connection, furnished):
    connection.create(furnished("echo vmf-ready\nwhile :; do sleep 1; done\n"))
    until(connection, Power.RUNNING)
    assert connection.shut_down("m", Stop.FORCE).ending is Ending.KILLED
    assert connection.shut_down("m", Stop.FORCE).ending is Ending.KILLED
