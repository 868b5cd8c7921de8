from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.model import (
    Access,
    Boot,
    Bus,
    Cdrom,
    Clock,
    CloudInit,
    Connection,
    Disk,
    DiskFormat,
    Facts,
    File,
    Firmware,
    Folder,
    Forward,
    Host,
    HostBoot,
    Image,
    Job,
    Layer,
    Limits,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineShare,
    Network,
    Networks,
    NetworkType,
    Placement,
    Protocol,
    Reboot,
    Results,
    Share,
    Slice,
    Ssh,
    Transport,
)
from vmf.plan import blueprint, explain, spare_drive

FACTS = Facts(identity="", memory=2**32, cpus=4, arch="x86_64", accelerator="tcg", note="kvm hangs")
IMAGE = Image(
    name="i",
    kernel=File(path=Path("/i/vmlinuz")),
    initrd=File(path=Path("/i/initrd")),
    kernel_parameters="quiet",
    disks=(Disk(file=File(path=Path("/i/a.raw")), format=DiskFormat.RAW),),
)
JOB = Job(name="j", image=IMAGE, memory=2**28, run="true", results=Results(files=("out",)))
PLACE = Placement(job=JOB, host=Host(name="h", type="kvm"), facts=FACTS, reasons=("it is free",))


def lines(placement: Placement) -> dict[str, tuple[str, str]]:
    return {line.what: (line.how, line.why) for line in explain(placement, blueprint(placement, "m"))}


def test_a_job_with_a_script_gets_a_cd_and_a_results_volume():
    machine = blueprint(PLACE, "m")
    assert (machine.kernel, machine.initrd, machine.cdroms) == ("kernel", "initrd", (MachineCdrom(file="cdrom"),))
    assert machine.results == MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE)
    assert machine.disks == (MachineDisk(file="/i/a.raw", format=DiskFormat.RAW),)
    assert (machine.memory, machine.cpus, machine.accelerator) == (2**28, 1, "tcg")
    assert not machine.reboots, "the script would run twice"


def test_a_job_without_a_script_gets_neither_and_boots_its_disk():
    job = replace(JOB, run=None, image=replace(IMAGE, kernel=None, initrd=None, kernel_parameters=""))
    machine = blueprint(replace(PLACE, job=job), "m")
    assert (machine.kernel, machine.initrd, machine.cdroms, machine.results) == (None, None, (), None)
    assert machine.reboots
    assert lines(replace(PLACE, job=job))["boot"] == ("the first disk", "image i")
    assert "changed disks" in lines(replace(PLACE, job=job))["results"][0]


LAYERED = replace(IMAGE.disks[0], layers=(Layer(file=File(path=Path("/w/1/disk0.qcow2")), sha256="0" * 64),))


@pytest.mark.parametrize(
    ("host", "abilities", "how"),
    [
        (Host(name="h", type="kvm"), ("disk-layers",), ""),
        (Host(name="h", type="xen"), (), "; it is brought to the host, made one file of several"),
        (
            Host(name="h", type="kvm", connection=Connection(transport=Transport.SSH, address="a")),
            ("disk-layers",),
            "; it is brought to the host, made one file of several",
        ),
    ],
)
def test_a_golden_images_disk_lies_where_it_is_or_is_brought_as_one(host, abilities, how):
    image = replace(IMAGE, disks=(LAYERED,))
    place = replace(PLACE, job=replace(JOB, image=image), host=host, capabilities=abilities)
    assert blueprint(place, "m").disks[0].layers == (() if how else ("/w/1/disk0.qcow2",))
    assert lines(place)["disk 0"] == (
        "overlay over /i/a.raw with 1 layer (raw)",
        f"originals stay as they are{how}",
    )


@pytest.mark.parametrize(
    ("abilities", "is_served", "how"),
    [
        (("disk-layers", "disk-served"), True, "what has not come of it yet is read on demand"),
        (("disk-layers",), False, "it is brought to the host"),
        ((), False, "it is brought to the host"),
    ],
)
def test_a_disk_that_is_served_is_read_there_or_is_brought(abilities, is_served, how):
    disk = replace(IMAGE.disks[0], file=File(path=Path("/remote/1.nbd"), served=True))
    place = replace(PLACE, job=replace(JOB, image=replace(IMAGE, disks=(disk,))), capabilities=abilities)
    machine = blueprint(place, "m").disks[0]
    assert (machine.file, machine.served) == (("/remote/1.nbd", ("/remote/1.nbd",)) if is_served else ("image0", ()))
    assert lines(place)["disk 0"][1].endswith(how)


@pytest.mark.parametrize(
    ("run", "reboot", "reboots"),
    [("true", Reboot.CONTINUE, True), ("true", Reboot.END, False), (None, Reboot.END, False)],
)
def test_a_reboot_goes_on_if_the_jobs_owner_says_so(run, reboot, reboots):
    job = replace(PLACE.job, run=run, reboot=reboot)
    assert blueprint(replace(PLACE, job=job), "m").reboots is reboots


def test_every_line_has_its_reason():
    told = lines(PLACE)
    assert told["host"] == ("h", "it is free")
    assert told["accelerator"] == ("tcg", "kvm hangs")
    assert told["disk 0"][0] == "overlay over /i/a.raw (raw)"
    assert told["results"][0] == "out, into ./j.results"
    assert all(why for _, why in told.values())
    assert "amended" not in told


def test_what_the_kernel_is_told_has_a_line_with_who_says_it():
    assert lines(PLACE)["command line"] == ("quiet", "the words of image i")
    boot = Boot(root="/dev/vda", parameters="noapic")
    told = lines(replace(PLACE, job=replace(JOB, boot=boot)))["command line"]
    assert told == ("quiet root=/dev/vda noapic", "the words of image i and the job")
    own = replace(JOB, image=replace(IMAGE, kernel_parameters=""), boot=boot)
    assert lines(replace(PLACE, job=own))["command line"] == ("root=/dev/vda noapic", "the words of the job")


def test_where_nothing_is_told_to_a_kernel_there_is_no_line():
    for image in (replace(IMAGE, kernel_parameters=""), replace(IMAGE, kernel=None, initrd=None)):
        assert "command line" not in lines(replace(PLACE, job=replace(JOB, image=image)))


def test_blocks_of_other_hypervisors_are_named():
    told = lines(replace(PLACE, job=replace(JOB, settings={"xen": {"mode": "hvm"}, "kvm": {}})))
    assert told["block xen"][0] == "does not count on a host of type kvm"
    assert "block kvm" not in told


def test_an_amendment_is_shown_with_its_author():
    machine = replace(blueprint(PLACE, "m"), cpus=3, kernel_parameters="site=here")
    told = {line.what: (line.how, line.why) for line in explain(PLACE, machine, ("site",))}
    assert told["command line"] == ("site=here", "the words of image i and plugins")
    assert told["amended"] == ("cpus: 3; kernel parameters: site=here", "plugins changed the machine: site")


HOST = Host(
    name="h",
    type="kvm",
    networks=Networks(bridge="br0", together=True),
    folders={"data": Folder(path=Path("/srv/data"), write=True), "ro": Folder(path=Path("/srv/ro"))},
    limits=Limits(disk_growth=2**30),
)


def made(host: Host = HOST, capabilities: tuple[str, ...] = (), **wishes: object) -> Machine:
    place = replace(PLACE, job=replace(JOB, **wishes), host=host, capabilities=capabilities)
    return blueprint(place, "m", token="00ff10203040ffff")  # noqa: S106  # no secret


@pytest.mark.parametrize(
    ("wish", "limit", "growth"), [(None, None, None), (3, None, 3), (None, 10, 5), (3, 10, 3), (9, 10, 5)]
)
def test_an_overlay_grows_to_the_jobs_limit_or_its_share_of_the_hosts_whichever_is_less(wish, limit, growth):
    host = replace(HOST, limits=Limits(disk_growth=limit and limit + JOB.results.size))
    machine = made(host, disk_space=wish, disks=IMAGE.disks)
    assert [disk.growth for disk in machine.disks] == [growth, growth]


def test_a_disk_that_is_written_in_place_is_promised_to_be_nobody_elses_no_further_than_vmf_knows():
    """Not every hypervisor locks files, and no other computer tells which links it has."""
    image = replace(IMAGE, disks=(replace(IMAGE.disks[0], access=Access.IN_PLACE),))
    placement = replace(PLACE, job=replace(JOB, image=image))
    why = "the job says so; no other job of yours that names this path can use it meanwhile"
    assert lines(placement)["disk 0"][1] == why


def test_only_overlays_have_a_limit():
    disks = tuple(replace(IMAGE.disks[0], access=access) for access in (Access.READ, Access.IN_PLACE))
    assert [disk.growth for disk in made(disks=disks).disks] == [2**30 - JOB.results.size, None, None]


@pytest.mark.parametrize("bus", [Bus.IDE, None])
def test_what_vmf_adds_is_on_the_bus_of_the_first_disk(bus):
    """A guest that has a driver for its first disk has one for the CD-ROM and the results volume."""
    image = replace(IMAGE, disks=(replace(IMAGE.disks[0], bus=bus, device="hda"),))
    machine = made(image=image, cdrom=Cdrom(iso=File(path=Path("/x.iso")), device="hdc"), cloud_init=CloudInit())
    assert (machine.disks[0].bus, machine.disks[0].device) == (Bus.IDE, "hda")
    assert machine.results.bus is Bus.IDE
    assert [(each.file, each.bus, each.device) for each in machine.cdroms] == [
        ("cdrom", Bus.IDE, None), ("files", Bus.IDE, "hdc"), ("seed", Bus.IDE, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "job", "why"),
    [
        (True, None, "the image uses it"),
        (True, CloudInit(), "the job says so"),
        (False, CloudInit(), "the job says so"),
    ],
)
def test_a_guest_that_uses_cloud_init_has_a_seed(image, job, why):
    place = replace(PLACE, job=replace(JOB, image=replace(IMAGE, cloud_init=image), cloud_init=job))
    machine = blueprint(place, "m")
    assert [each.file for each in machine.cdroms] == ["cdrom", "seed"]
    assert [line.why for line in explain(place, machine) if line.how == "the seed for cloud-init"] == [why]


@pytest.mark.parametrize(
    ("first", "device", "bus"),
    [
        ({}, None, None),
        ({}, "hdc", Bus.IDE),
        ({"bus": Bus.SATA}, "sdc", Bus.SATA),
        ({"device": "sda"}, "sdc", Bus.SCSI),
        ({"bus": Bus.IDE}, "sdc", Bus.SCSI),
        ({"bus": Bus.IDE}, "cd0", Bus.IDE),
    ],
)
def test_a_cdrom_is_on_the_bus_of_the_first_disk_unless_its_name_says_otherwise(first, device, bus):
    image = replace(IMAGE, disks=(replace(IMAGE.disks[0], **first),))
    _, drive = made(image=image, cdrom=Cdrom(iso=File(path=Path("/x.iso")), device=device)).cdroms
    assert (drive.bus, drive.device) == (bus, device)


@pytest.mark.parametrize(
    ("wishes", "number"),
    [
        ({}, 1),
        ({"cdrom": Cdrom(iso=File(path=Path("/x.iso"))), "cloud_init": CloudInit()}, 3),
        ({"image": replace(IMAGE, disks=(replace(IMAGE.disks[0], bus=Bus.SCSI),))}, 1),
        ({"image": replace(IMAGE, disks=(replace(IMAGE.disks[0], bus=Bus.IDE),))}, None),
        ({"image": replace(IMAGE, disks=(replace(IMAGE.disks[0], device="hda"),))}, None),
        ({"run": None}, None),
    ],
)
def test_a_guest_with_a_script_is_asked_by_a_drive_that_is_empty(wishes, number):
    place = replace(PLACE, job=replace(JOB, **wishes), capabilities=("live-results", "media-change"))
    empty = [at for at, drive in enumerate(blueprint(place, "m").cdroms) if drive.file is None]
    assert (empty, spare_drive(place)) == ([] if number is None else [number], number)
    for less in ((), ("live-results",), ("media-change",)):
        assert spare_drive(replace(place, capabilities=less)) is None
        assert all(drive.file for drive in blueprint(replace(place, capabilities=less), "m").cdroms)


def test_a_mac_address_is_the_jobs_or_made_of_its_token():
    nat = NetworkType.NAT
    assert made(network=Network(type=nat, mac="52:54:00:00:00:01")).nic.mac == "52:54:00:00:00:01"
    assert made(network=Network(type=nat)).nic.mac == "02:ff:10:20:30:40"
    assert made().nic is None


@pytest.mark.parametrize(
    ("networks", "capabilities", "type_"),
    [
        (Networks(), ("network-bridge", "network-user"), NetworkType.USER),
        (Networks(), ("network-bridge", "network-user", "network-nat"), NetworkType.NAT),
        (Networks(types=(NetworkType.BRIDGE, NetworkType.NAT)), ("network-bridge", "network-nat"), NetworkType.BRIDGE),
        (Networks(types=(NetworkType.BRIDGE, NetworkType.NAT)), ("network-nat",), NetworkType.NAT),
        (Networks(default=NetworkType.USER), ("network-nat", "network-user"), NetworkType.USER),
        (Networks(default=NetworkType.USER), ("network-nat",), NetworkType.NAT),
    ],
)
def test_the_default_network_is_the_hosts_word_or_the_first_that_it_has(networks, capabilities, type_):
    assert made(replace(HOST, networks=networks), capabilities, network=Network()).nic.type is type_


def test_ssh_has_its_port_forwarded_unless_the_job_forwards_it():
    user = NetworkType.USER
    assert made(network=Network(type=user), ssh=Ssh()).nic.forwards == (Forward(port=22),)
    own = Network(type=user, forwards=(Forward(port=2222, host_port=1),))
    assert made(network=own, ssh=Ssh(port=2222)).nic.forwards == own.forwards
    datagrams = Forward(port=22, protocol=Protocol.UDP)
    other = Network(type=user, forwards=(datagrams,))
    assert made(network=other, ssh=Ssh()).nic.forwards == (datagrams, Forward(port=22))


def test_folders_are_those_of_the_host_and_written_only_if_both_say_so():
    shares = (Share(name="data", write=True), Share(name="ro", write=True), Share(name="data"))
    assert made(shares=shares).shares == (
        MachineShare(name="data", folder="/srv/data", write=True),
        MachineShare(name="ro", folder="/srv/ro", write=False),
        MachineShare(name="data", folder="/srv/data", write=False),
    )


def test_every_wish_has_a_line():
    bridge = Network(type=NetworkType.BRIDGE)
    job = replace(
        JOB, boot=Boot(firmware=Firmware.UEFI), clock=Clock.LOCAL, vnc=True, agent=True, network=bridge,
        shares=(Share(name="data"),), cdrom=Cdrom(files=(File(path=Path("/a/b.txt")),)), disk_space=2**20,
        disks=(replace(IMAGE.disks[0], access=Access.READ, bus=Bus.SATA, device="sdb"),),
    )  # fmt: skip
    told = lines(replace(PLACE, job=job, host=HOST))
    assert told["firmware"][0] == "uefi"
    assert told["clock"][0] == "local time"
    assert told["disk 0"][0] == "overlay over /i/a.raw (raw), which may grow to 1 MiB"
    assert told["disk 1"][0] == "/i/a.raw, which the guest cannot write (raw, sata, as sdb)"
    assert told["network"] == (
        "bridge br0, a MAC address of vmf's making", "the job says so; it reaches other machines there",
    )  # fmt: skip
    assert told["folder data"][0] == "/srv/data of the host, read"
    assert {"screen", "agent", "cdrom"} <= told.keys()


def test_forwards_are_told_and_that_user_networks_lead_nowhere_else():
    forwards = (Forward(port=80, host_port=8080), Forward(port=53, protocol=Protocol.UDP))
    how, why = lines(replace(PLACE, job=replace(JOB, network=Network(type=NetworkType.USER, forwards=forwards))))[
        "network"
    ]
    assert how.endswith("tcp 8080 of the host leads to 80, udp a free port of the host leads to 53")
    assert why.endswith("it reaches nothing outside the machine")


ELSEWHERE = Connection(transport=Transport.SSH, address="a")


def on_host(name: str) -> File:
    return File(path=Path("/there", name), on_host=True)


def test_on_a_host_elsewhere_files_of_this_computer_are_in_the_machines_folder_and_the_hosts_own_where_they_are():
    stretch = replace(IMAGE.disks[0], file=File(path=Path("/i/b.ova"), part=Slice(offset=512, size=512)))
    there = replace(IMAGE.disks[0], file=on_host("c.raw"))
    image = replace(IMAGE, kernel=on_host("vmlinuz"), disks=(*IMAGE.disks, stretch, there))
    cdrom = Cdrom(iso=on_host("some.iso"))
    machine = made(replace(HOST, connection=ELSEWHERE), image=image, cdrom=cdrom)
    assert (machine.kernel, machine.initrd) == ("/there/vmlinuz", "initrd")
    assert [(disk.file, disk.part) for disk in machine.disks] == [
        ("image0", None),
        ("image1", None),
        ("/there/c.raw", None),
    ]
    assert [drive.file for drive in machine.cdroms] == ["cdrom", "/there/some.iso"]
    here = made(image=image, cdrom=cdrom)
    assert (here.kernel, here.initrd) == ("kernel", "initrd")
    assert [disk.file for disk in here.disks] == ["/i/a.raw", "/i/b.ova", "/there/c.raw"]
    assert here.disks[1].part == stretch.file.part
    assert [drive.file for drive in here.cdroms] == ["cdrom", "files"]


def test_a_disk_that_travels_is_said_to():
    job = replace(JOB, disks=(replace(IMAGE.disks[0], file=on_host("c.raw")),))
    told = lines(replace(PLACE, job=job, host=replace(HOST, connection=ELSEWHERE)))
    assert told["disk 0"][1] == "originals stay as they are; it is brought to the host"
    assert told["disk 1"][1] == "originals stay as they are"
    assert lines(replace(PLACE, job=job))["disk 0"][1] == "originals stay as they are"


DEFAULT = HostBoot(kernel=on_host("vmlinuz"), initrd=File(path=Path("/etc/initrd")))


@pytest.mark.parametrize("elsewhere", [Connection(), ELSEWHERE])
def test_a_job_that_names_no_kernel_boots_the_hosts(elsewhere):
    host = replace(HOST, boot=DEFAULT, connection=elsewhere)
    job = replace(
        JOB, image=replace(IMAGE, kernel=None, initrd=None, kernel_parameters=""), boot=Boot(root="/dev/xvda")
    )
    place = replace(PLACE, job=job, host=host)
    machine = blueprint(place, "m")
    assert (machine.kernel, machine.initrd) == ("/there/vmlinuz" if host.elsewhere else "kernel", "initrd")
    assert machine.kernel_parameters == "root=/dev/xvda"
    told = lines(place)
    assert told["boot"] == ("kernel /there/vmlinuz of the host", "the host's kernel, for jobs that name none")
    assert told["command line"] == ("root=/dev/xvda", "the words of the job")


@pytest.mark.parametrize("boot", [HostBoot(), HostBoot(initrd=DEFAULT.initrd), None])
def test_a_host_without_a_kernel_boots_the_disks_own(boot):
    job = replace(JOB, image=replace(IMAGE, kernel=None, initrd=None))
    assert lines(replace(PLACE, job=job, host=replace(HOST, boot=boot)))["boot"] == ("the first disk", "image i")


def test_a_job_that_names_a_kernel_boots_that():
    host = replace(HOST, boot=DEFAULT)
    for job, kernel in (
        (JOB, ("kernel /i/vmlinuz", "image i")),
        (replace(JOB, image=None, boot=Boot(kernel=File(path=Path("/k")))), ("kernel /k", "the job says so")),
        (replace(JOB, boot=Boot(kernel="included")), ("the first disk", "image i")),
    ):
        place = replace(PLACE, job=job, host=host)
        assert lines(place)["boot"] == kernel
        assert (blueprint(place, "m").kernel is None) == (kernel[0] == "the first disk")


def test_a_machine_has_the_jobs_block_for_its_hypervisor():
    job = replace(JOB, settings={"xen": {"mode": "hvm"}, "kvm": {"wordy": True, "n": 2}})
    assert blueprint(replace(PLACE, job=job), "m").settings == {"wordy": True, "n": 2}
    assert lines(replace(PLACE, job=job))["block kvm"] == ("wordy: true, n: 2", "the job says so")
    assert blueprint(PLACE, "m").settings == {}
