from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from vmf.model import Disk, DiskFormat, Facts, File, Host, Image, Job, MachineDisk, Placement, Results
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
    assert (machine.kernel, machine.initrd, machine.cdrom, machine.results) == ("kernel", "initrd", "cdrom", "results")
    assert machine.disks == (MachineDisk(file="/i/a.raw", format=DiskFormat.RAW, overlay=True),)
    assert (machine.memory, machine.cpus, machine.accelerator) == (2**28, 1, "tcg")
    assert not machine.reboots, "the script would run twice"


def test_a_job_without_a_script_gets_neither_and_boots_its_disk():
    job = replace(JOB, run=None, image=replace(IMAGE, kernel=None, initrd=None, kernel_parameters=""))
    machine = blueprint(replace(PLACE, job=job), "m")
    assert (machine.kernel, machine.initrd, machine.cdrom, machine.results) == (None, None, None, None)
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


def test_an_amendment_is_shown_with_its_author():
    machine = replace(blueprint(PLACE, "m"), cpus=3, kernel_parameters="site=here")
    told = {line.what: (line.how, line.why) for line in explain(PLACE, machine, ("site",))}
    assert told["amended"] == ("cpus: 3; kernel parameters: site=here", "plugins changed the machine: site")
