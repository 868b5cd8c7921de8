"""What jobs with steps ask of the warehouse, and what they become upon what it has."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from vmf.model import (
    LAYERS_MOST,
    CloudInit,
    Disk,
    DiskFormat,
    File,
    Golden,
    GoldenDisk,
    Hardware,
    Image,
    Job,
    Layer,
    NetworkType,
    Performed,
    ResultDisks,
    Step,
)
from vmf.steps.golden import explain, left
from vmf.steps.graph import digest, to_do
from vmf.steps.grounding import builder, building, files, handed_over, is_same, kept, request, start, upon
from vmf.warehouse.listing import candidate

KERNEL, DATA = File(path=Path("/k")), File(path=Path("/d"))
DISK = Disk(file=File(path=Path("/disk")), format=DiskFormat.RAW, sha256="a" * 64)
SUMS = {KERNEL: "b" * 64, DATA: "c" * 64}
ONE, TWO = Step(name="one", run="echo 1"), Step(name="two", files={"/etc/x": DATA}, after=("one",))
IMAGE = Image(
    name="box", kernel=KERNEL, disks=(DISK,), steps=(ONE, TWO), hardware=Hardware(memory=2**29, types=("kvm",))
)
JOB = Job(name="j", image=IMAGE, memory=2**28, run="x", steps=(Step(name="three", run="echo 3"),))


def performed(step, **more):
    return Performed(name=step.name, digest=digest(step, SUMS), seconds=1.0, at=0.0, **more)


def golden(*steps, **more):
    done = tuple(performed(step, **more) for step in steps)
    first = start(IMAGE, SUMS)
    return Golden(id="5" * 32, name="box", start=first, performed=done, disks=(GoldenDisk(size=1),), made=0.0, vmf="0")


def names(job):
    return [step.name for step in to_do(job)]


def test_a_start_is_known_by_what_is_in_it_not_by_where_it_lies():
    moved = replace(IMAGE, name="other", disks=(replace(DISK, file=File(path=Path("/elsewhere"))),), steps=())
    assert start(moved, SUMS) == start(IMAGE, SUMS)
    for other in (
        replace(IMAGE, kernel_parameters="quiet"),
        replace(IMAGE, disks=()),
        replace(IMAGE, disks=(replace(DISK, sha256="d" * 64),)),
        replace(IMAGE, disks=(replace(DISK, format=DiskFormat.QCOW2),)),
        replace(IMAGE, kernel=None),
    ):
        assert start(other, SUMS) != start(IMAGE, SUMS)


def test_the_files_that_have_to_be_read_are_those_whose_sums_nobody_states():
    assert set(files(JOB)) == {KERNEL, DATA}


def test_a_job_upon_nothing_does_all_of_its_image_s_steps_and_its_own():
    run, ground = upon(JOB, None, SUMS)
    assert names(run) == ["one", "two", "three"]
    assert run.image == replace(IMAGE, steps=())
    assert (ground.golden, ground.done, ground.asked) == ("", (), JOB)
    assert ground.left == tuple(digest(step, SUMS) for step in (ONE, TWO, JOB.steps[0]))


def test_a_job_upon_a_golden_image_does_the_rest_on_what_that_has():
    found, boots = golden(ONE, attributes={"Port": "80"}), Image(name="golden")
    assert explain(request(JOB, SUMS), candidate(found)) is None
    run, ground = upon(JOB, (found, boots), SUMS)
    assert names(run) == ["two", "three"]
    assert run.image == boots
    assert (ground.golden, ground.attributes) == (found.id, {"Port": "80"})
    assert ground.left == tuple(each.digest for each in left(request(JOB, SUMS), candidate(found)))


def test_a_guest_that_uses_cloud_init_does_so_upon_a_golden_image_too():
    job = replace(JOB, image=replace(IMAGE, cloud_init=True))
    run, _ = upon(job, (golden(ONE), Image(name="golden")), SUMS)
    assert run.seed == kept(job).seed == kept(replace(JOB, cloud_init=CloudInit())).seed == CloudInit()
    assert upon(JOB, (golden(ONE), IMAGE), SUMS)[0].seed is None
    assert kept(JOB).seed is None


def test_an_action_that_is_asked_for_twice_is_done_once():
    run, ground = upon(replace(JOB, steps=(replace(ONE, name="again"),)), None, SUMS)
    assert names(run) == ["one", "two"]
    assert len(ground.left) == 2


def test_what_a_spec_publishes_counts_over_what_the_golden_image_has_of_a_step():
    found = golden(ONE, attributes={"Version": "1", "Seen": "7"})
    later = replace(ONE, name="again", publish={"Version": "3", "Extra": "true"})
    job = replace(JOB, image=replace(IMAGE, steps=(replace(ONE, publish={"Version": "2"}), TWO)), steps=(later,))
    assert upon(job, (found, IMAGE), SUMS)[1].attributes == {"Version": "3", "Seen": "7", "Extra": "true"}
    run, ground = upon(job, None, SUMS)
    assert (names(run), ground.attributes) == (["one", "two"], {})
    assert run.steps[0].publish == {"Version": "3", "Extra": "true"}


def test_a_job_that_is_run_asks_for_nothing_else_when_it_is_taken_up_again():
    run, ground = upon(JOB, None, SUMS)
    assert upon(run, None, SUMS)[1].left == ground.left


def test_an_image_is_built_on_its_own_hardware_with_a_network_if_there_is_one():
    job = builder(IMAGE)
    assert (job.name, job.memory, job.types, job.network.type) == ("build-box", 2**29, ("kvm",), NetworkType.DEFAULT)
    assert (job.run, job.result_disks, job.contract) == (None, ResultDisks.CHANGED, True)
    assert building(job).name == "box"
    assert len(builder(replace(IMAGE, name="n" * 63)).name) == 63


def test_the_image_of_a_job_that_keeps_it_has_all_its_steps_and_its_hardware():
    job = kept(JOB)
    assert (job.name, job.memory, names(job)) == ("build-j", 2**28, ["one", "two", "three"])
    assert request(job, SUMS).graph == request(JOB, SUMS).graph
    assert building(job).name == "j"


def test_disks_come_back_whole_where_no_layer_can_lie_on_them():
    def handed(disk):
        return handed_over(replace(JOB, image=replace(IMAGE, disks=(disk,)))).result_disks

    layers = tuple(Layer(file=File(path=Path(f"/{number}")), sha256="e" * 64) for number in range(LAYERS_MOST - 1))
    assert handed(DISK) is ResultDisks.CHANGED
    assert handed(replace(DISK, format=DiskFormat.VMDK)) is ResultDisks.WHOLE
    assert handed(replace(DISK, file=File(path=Path("/h"), on_host=True))) is ResultDisks.WHOLE
    assert handed(replace(DISK, layers=layers)) is ResultDisks.WHOLE
    assert handed(replace(DISK, layers=layers[1:])) is ResultDisks.CHANGED


def test_two_builds_are_the_same_whatever_each_begins_upon():
    early, late = (upon(JOB, found, SUMS)[1] for found in (None, (golden(ONE), IMAGE)))
    assert is_same(early, late)
    assert not is_same(early, upon(builder(IMAGE), None, SUMS)[1])
