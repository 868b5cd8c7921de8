"""Guests that wake from golden memory, in an engine of this process: what is kept, and what is done if they do not."""

from __future__ import annotations

import re
from contextlib import ExitStack

import msgspec
import pytest
from msgspec.structs import replace

from farm import FARM, Farm
from faults import ALWAYS
from vmf.errors import HostFault
from vmf.hookspecs import hookimpl
from vmf.model import CLONE, Checkpoint, Host, Image, Machine, Outcome, ResultDisks, Step
from vmf.run import life
from vmf.run.grounds import Grounds
from vmf.run.waking import anew
from vmf.state import Created, RestoreFailed, State, VacateAsked, Vacated
from vmf.steps import grounding
from vmf.testing.golden import LEFT
from vmf.warehouse.shelf import Warehouse

BARN = Host(name="barn", type="fake")
KEEPS = Checkpoint(on_eviction=True)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(life, "POLL_SECONDS", 0.02)


class Machines:
    """Sees what is made, and how often."""

    def __init__(self) -> None:
        self.made: list[Machine] = []

    @hookimpl(wrapper=True)
    def create(self, machine):
        self.made.append(machine)
        return (yield)


class Mute:
    """A site whose consoles say nothing."""

    @hookimpl(wrapper=True)
    def console(self):
        yield
        return b""


class Late:
    """A site that finds fault with guests that wake, once they have."""

    @hookimpl(wrapper=True)
    def create(self, connection, machine):
        handle = yield
        if machine.wakes:
            assert connection.state(machine.name).power == "running"
            raise HostFault("too late")
        return handle


def grounds(farm: Farm) -> Grounds:
    (farm.folder / "images").mkdir(exist_ok=True)
    return Grounds(farm.store, tell=lambda _: None, fetching=None)


def keep(farm: Farm, **more: object):
    """Have the memory of the image kept that the farm's jobs begin with; the job's last record."""
    built = grounding.builder(replace(farm.job("").image, **more))
    with ExitStack() as held:
        job, ground = grounds(farm).template(replace(built, memory=2**28), held)
    taken = farm.store.submit([(job, farm.folder / "kept")], (FARM,), {job.name: ground})
    return farm.engine.carry(taken)[0]


def submit(farm: Farm, *jobs, hosts=(FARM,)):
    with ExitStack() as held:
        stood = [grounds(farm).stand(job, held) for job in jobs]
    places = [(job, farm.folder / f"{job.name}.results") for job, _ in stood]
    return farm.store.submit(places, hosts, {job.name: ground for job, ground in stood if ground})


def carry(farm: Farm, *jobs, hosts=(FARM,)):
    return farm.engine.carry(submit(farm, *jobs, hosts=hosts))


def golden(farm: Farm):
    (found,) = (each for each in Warehouse(farm.store.home.images).every() if each.memory)
    return found


def said(record) -> str:
    return (record.results / "console.log").read_text()


def test_guests_wake_from_what_a_template_has_left_each_with_an_identity_of_its_own(make):
    farm = make(seen := Machines())
    assert keep(farm).verdict.outcome is Outcome.COMPLETED
    records = carry(farm, *(farm.job("who\nexit 4", name) for name in ("a", "b")))
    assert [record.verdict.exit_code for record in records] == [4, 4]
    assert [record.beginning.golden for record in records] == [golden(farm).id] * 2
    template, *woken = seen.made
    assert (template.template, template.nic, template.results) == (True, None, None)
    assert [machine.wakes.equipment for machine in woken] == [template.equipment] * 2
    assert ["host a" in said(records[0]), "host b" in said(records[1])] == [True, True]
    numbers = {re.search("^machine ([0-9a-f]{32})$", said(record), re.MULTILINE)[1] for record in records}
    assert len(numbers) == 2


def test_a_job_with_steps_of_its_own_wakes_and_does_them(make):
    farm = make()
    keep(farm)
    (record,) = carry(farm, replace(farm.job("exit 4"), steps=(Step(name="one", run="echo one"),)))
    assert record.beginning.golden == golden(farm).id
    assert (record.results / "steps/one.log").exists()


def test_what_comes_back_of_a_disk_lies_upon_what_the_guest_woke_with(make):
    farm = make()
    keep(farm)
    job = farm.job("exit 4")
    (record,) = carry(farm, replace(job, results=replace(job.results, disks=ResultDisks.CHANGED)))
    (disk,) = msgspec.json.decode((record.results / "result.json").read_bytes())["disks"]
    assert [layer["file"] for layer in disk["base"]["layers"]] == [
        str(farm.store.home.images / ".golden/whole" / golden(farm).id / "disk0.qcow2")
    ]


@pytest.mark.parametrize("changed", [{"memory": 2**27}, {"cpus": 2}])
def test_of_other_hardware_there_is_no_memory(make, changed):
    farm = make()
    keep(farm)
    (record,) = carry(farm, replace(farm.job("exit 4"), **changed))
    assert (record.beginning, record.ground, record.verdict.exit_code) == (None, None, 4)


def test_a_guest_that_cannot_wake_boots_from_what_it_would_otherwise_have(make):
    farm = make(seen := Machines())
    keep(farm)
    (record,) = carry(farm, replace(farm.job("exit 4"), vnc=True))
    assert record.beginning.why.startswith("its machine has another word about a screen")
    assert (seen.made[-1].wakes, seen.made[-1].disks[0].file) == (None, str(farm.folder / "box.raw"))


def test_memory_that_was_damaged_is_found_before_a_guest_wakes_which_boots_then(make):
    farm = make(seen := Machines())
    keep(farm)
    taken = submit(farm, farm.job("exit 4"))
    memory = farm.store.home.images / ".golden/whole" / golden(farm).id / "memory"
    memory.write_bytes(memory.read_bytes().replace(b"memory", b"menory"))
    (record,) = farm.engine.carry(taken)
    assert (record.verdict.exit_code, record.attempt) == (4, 1)
    assert record.beginning.why.startswith("it did not wake: ")
    assert [machine.wakes for machine in seen.made[1:]] == [None]
    with ExitStack() as held:
        assert grounds(farm).stand(farm.job(""), held)[1] is None


@pytest.mark.parametrize("kind", ["job", "host"])
def test_a_guest_that_does_not_wake_boots_in_the_same_attempt(make, kind):
    farm = make(seen := Machines())
    keep(farm)
    farm.fault("create", kind, "no way")
    (record,) = carry(farm, farm.job("exit 4"))
    assert (record.verdict.exit_code, record.attempt) == (4, 1)
    assert record.beginning.why == "it did not wake: no way"
    assert [bool(machine.wakes) for machine in seen.made[1:]] == [True, False]
    assert farm.hosts.hypervisor(FARM).machines() == ()


def test_a_host_that_fails_to_wake_one_is_not_asked_to_again_for_a_while(make):
    farm = make()
    keep(farm)
    farm.fault("create", "host", "out of order")
    carry(farm, farm.job("exit 4"))
    assert "out of order" in farm.store.setbacks("farm")[CLONE].reason
    (record,) = carry(farm, farm.job("exit 4", "k"))
    assert "out of order; set aside" in record.beginning.why
    farm.store.recover("farm", {CLONE})
    (record,) = carry(farm, farm.job("exit 4", "l"))
    assert record.beginning.golden


def test_a_guest_that_has_woken_is_not_booted_as_well_whatever_is_wrong_then(make):
    farm = make(Late())
    keep(farm)
    (record,) = carry(farm, farm.job("echo once\nhang"))
    assert (record.state, record.verdict.outcome) == (State.FAILED, Outcome.HOST_FAULT)
    assert record.beginning.golden == golden(farm).id


def test_a_host_that_is_lost_meanwhile_is_asked_again_and_the_guest_wakes(make):
    farm = make()
    keep(farm)
    farm.fault("create", "lost", "no route")
    (record,) = carry(farm, farm.job("exit 4"))
    assert (bool(record.beginning.golden), record.verdict.exit_code, record.attempt) == (True, 4, 1)


def test_what_keeps_a_job_from_booting_as_well_holds_it(make):
    farm = make()
    keep(farm)
    farm.fault("create", "job", "never", times=ALWAYS)
    (record,) = carry(farm, farm.job("exit 4"))
    assert (record.state, record.verdict.reason) == (State.HELD, "never")


def test_on_the_next_host_the_guest_may_wake_again_and_until_then_the_job_boots(make):
    farm = make()
    keep(farm)
    farm.fault("create", "host", "out of order", times=2, host="barn")
    (record,) = carry(farm, farm.job("exit 4"), hosts=(BARN, FARM))
    assert (record.verdict.exit_code, record.placement.host, record.attempt) == (4, FARM, 2)
    assert record.beginning.golden == golden(farm).id
    again = anew(replace(record, placement=None))
    assert again.job.image.disks == record.ground.warm.cold


def test_a_guest_that_woke_goes_on_from_its_checkpoint_as_one_that_has_woken(make):
    farm = make(seen := Machines())
    keep(farm)
    farm.watch(lambda notice: isinstance(getattr(notice, "event", None), Created) and vacate(farm, notice.record))
    farm.speak(Created, since=2)
    (record,) = carry(farm, replace(farm.job("hear\nexit 4"), checkpoint=KEEPS), hosts=(BARN, FARM))
    assert (record.verdict.exit_code, record.attempt) == (4, 2)
    _, woken, restored = seen.made
    assert (bool(restored.restored), restored.wakes, restored.disks) == (True, woken.wakes, woken.disks)


def vacate(farm: Farm, record) -> None:
    if record.attempt == 1 and record.ground and not record.ground.building:
        farm.engine.ask(record.id, VacateAsked())


def test_a_guest_whose_checkpoint_is_spoilt_begins_anew_and_wakes(make):
    farm = make()
    keep(farm)
    spoilt = farm.store.home.checkpoints(2)

    def spoil(notice):
        if not isinstance(getattr(notice, "event", None), Vacated):
            return
        for manifest in spoilt.glob("*/memory"):
            manifest.write_bytes(b"")

    farm.watch(lambda notice: isinstance(getattr(notice, "event", None), Created) and vacate(farm, notice.record))
    farm.watch(spoil)
    farm.speak(Created, since=2)
    (record,) = carry(farm, replace(farm.job("hear\nexit 4"), checkpoint=KEEPS), hosts=(BARN, FARM))
    assert any(isinstance(moment.event, RestoreFailed) for moment in farm.store.history(record.id))
    assert (record.verdict.exit_code, record.beginning.golden) == (4, golden(farm).id)


@pytest.mark.parametrize(
    ("limit", "outcome"), [("READY_SECONDS", Outcome.TIME_LIMIT), ("QUIET_SECONDS", Outcome.SILENT)]
)
def test_a_guest_that_is_never_ready_leaves_no_memory(make, monkeypatch, limit, outcome):
    monkeypatch.setattr(grounding, limit, 1)
    farm = make(Mute())
    record = keep(farm)
    assert (record.state, record.verdict.outcome) == (State.COMPLETED, outcome)
    assert Warehouse(farm.store.home.images).ids() == ()


def test_a_template_that_cannot_be_imprinted_is_ended(make):
    farm = make()
    farm.fault("imprint", "job", "no memory of such", times=ALWAYS)
    record = keep(farm)
    assert "nothing can be kept of its memory: no memory of such" in farm.remarks()
    assert record.state is State.COMPLETED
    assert record.verdict.outcome is not Outcome.COMPLETED
    assert farm.hosts.hypervisor(FARM).machines() == ()


def test_the_golden_image_says_all_that_whoever_wakes_has_to_know(make):
    farm = make(seen := Machines())
    keep(farm, name="box")
    found = golden(farm)
    assert (found.name, found.hardware.memory, found.hardware.cpus, found.performed) == ("box", 2**28, 1, ())
    assert found.memory.equipment == seen.made[0].equipment
    folder = farm.store.home.images / ".golden/whole" / found.id
    assert msgspec.json.decode((folder / "memory").read_bytes()) == LEFT["memory"]


def test_a_job_without_an_image_has_nothing_to_wake_from(make):
    farm = make()
    keep(farm)
    job = farm.job("exit 4")
    (record,) = carry(farm, replace(job, image=None, disks=job.image.disks))
    assert (record.beginning, record.verdict.exit_code) == (None, 4)
    assert isinstance(job.image, Image)
