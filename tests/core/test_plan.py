from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from vmf.model import (
    Access,
    Boot,
    Disk,
    DiskFormat,
    Facts,
    File,
    Host,
    Image,
    Job,
    MachineCdrom,
    MachineDisk,
    Placement,
    Results,
)
from vmf.plan import blueprint, explain

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
    told = lines(replace(PLACE, job=replace(JOB, settings={"xen": {"hardware": True}, "kvm": {}})))
    assert told["block xen"][0] == "does not count on a host of type kvm"
    assert "block kvm" not in told


def test_an_amendment_is_shown_with_its_author():
    machine = replace(blueprint(PLACE, "m"), cpus=3, kernel_parameters="site=here")
    told = {line.what: (line.how, line.why) for line in explain(PLACE, machine, ("site",))}
    assert told["amended"] == ("cpus: 3; kernel parameters: site=here", "plugins changed the machine: site")
