from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf import match as matching
from vmf import plan as planning
from vmf.classad import World
from vmf.model import (
    Access,
    Cdrom,
    Claim,
    CloudInit,
    Connection,
    Disk,
    DiskFormat,
    Facts,
    File,
    Finally,
    Folder,
    Host,
    Image,
    ImageRoot,
    Job,
    Limits,
    Network,
    Networks,
    NetworkType,
    Offer,
    Platform,
    Results,
    Share,
    Step,
    Transport,
)
from vmf.plan import Unplaced

GIB = 2**30
JOB = Job(name="j", image=Image(name="i", kernel=File(path=Path("/k"))), memory=GIB, cpus=2)
FACTS = Facts(identity="", memory=4 * GIB, cpus=4, arch="x86_64", accelerator="tcg")


def match(job, offers, kept=None):
    return matching.match(job, offers, world=World(), kept=kept)


def plan(jobs, offers):
    return planning.plan(jobs, offers, world=World())


def offer(name: str = "h", taken: Claim | None = None, **policy: object) -> Offer:
    return Offer(host=Host(name=name, **{"type": "kvm", **policy}), facts=FACTS, taken=taken or Claim())


@pytest.mark.parametrize(
    ("host", "clause", "reason", "passing"),
    [
        (offer(type="xen"), "type", "type kvm wanted, host is xen", False),
        (offer(memory=GIB // 2), "memory", "memory 1 GiB wanted, 512 MiB in all", False),
        (offer(cpus=1), "cpus", "cpus 2 wanted, 1 in all", False),
        (offer(taken=Claim(memory=4 * GIB)), "free memory", "memory 1 GiB wanted, 0 bytes free", True),
        (offer(taken=Claim(cpus=3)), "free cpus", "cpus 2 wanted, 1 free", True),
        (offer(taken=Claim(machines=2), machines=2), "free slot", "machines 2 of at most 2", True),
    ],
)
def test_the_clause_that_puts_a_host_out_is_named_with_what_it_saw(host, clause, reason, passing):
    matches = match(replace(JOB, types=("kvm",)), [host])
    assert matches.fitting == ()
    (rejection,) = matches.rejected
    assert (rejection.clause, rejection.reason, rejection.passing) == (clause, reason, passing)
    assert matches.hopeless is not passing


def test_a_job_that_names_no_type_runs_on_any():
    assert [each.offer.host.type for each in match(JOB, [offer("a", type="xen"), offer("b")]).fitting] == ["xen", "kvm"]


def test_the_reasons_are_those_of_the_strictest_clauses():
    (fits,) = match(JOB, [offer(machines=3)]).fitting
    assert fits.reasons == ("memory 1 GiB of 4 GiB free", "cpus 2 of 4 free", "machines 0 of at most 3")


def test_the_host_with_most_memory_comes_first_and_names_break_ties():
    hosts = [offer("c"), offer("b", Claim(memory=GIB)), offer("a")]
    assert [each.offer.host.name for each in match(JOB, hosts).fitting] == ["a", "c", "b"]


def test_a_hosts_policy_counts_before_what_the_probe_found():
    assert match(JOB, [offer(memory=8 * GIB, taken=Claim(memory=7 * GIB))]).fitting
    assert not match(JOB, [offer(taken=Claim(memory=7 * GIB))]).fitting


def test_a_plan_gives_each_job_what_those_before_it_left():
    jobs = [replace(JOB, name=name) for name in "abc"]
    first, second, third = plan(jobs, [offer()])
    assert (first.host.name, second.host.name) == ("h", "h")
    assert isinstance(third, Unplaced)
    assert not third.hopeless
    assert third.rejected[0].reason == "cpus 2 wanted, 0 free"


@pytest.mark.parametrize(
    ("wishes", "able", "reason"),
    [
        ({"run": "x"}, ("media-change", "live-results"), "the host cannot ask guests that run"),
        (
            {"agent": True},
            ("guest-agent", "guest-files", "guest-commands"),
            "the host cannot have its agent run programs",
        ),
    ],
)
def test_a_host_has_to_ask_a_guest_for_its_last_steps_in_the_guest_s_own_way(wishes, able, reason):
    job = replace(JOB, at_end=Finally(steps=(Step(name="bye", run="x"),)), **wishes)
    assert match(job, [replace(offer(), capabilities=able)]).fitting
    (rejection,) = match(job, [replace(offer(), capabilities=able[:-1])]).rejected
    assert rejection.reason == f"spec.finally has steps for the guest, and {reason}"


MAC = "52:54:00:12:34:56"


@pytest.mark.parametrize(("taken", "fits"), [((), True), (("52:54:00:12:34:57",), True), ((MAC.lower(),), False)])
def test_a_mac_address_is_waited_for_while_a_machine_has_it(taken, fits):
    wishing = replace(JOB, network=Network(type=NetworkType.USER, mac=MAC))
    host = replace(offer(taken=Claim(macs=taken)), capabilities=("network-user", "static-mac"))
    found = match(wishing, [host])
    assert bool(found.fitting) == fits
    assert [(each.reason, each.passing) for each in found.rejected] == [
        (f"a machine that runs has the MAC address {MAC}", True)
    ] * (not fits)


def test_what_does_not_pass_is_not_waited_for_beside_a_mac_address():
    wishing = replace(JOB, network=Network(type=NetworkType.NAT, mac=MAC))
    host = replace(offer(taken=Claim(macs=(MAC,))), capabilities=("network-user", "static-mac"))
    assert match(wishing, [host]).hopeless


def test_without_hosts_there_is_no_hope():
    assert match(JOB, []).hopeless


ON_HOST = replace(JOB, disks=(Disk(file=File(path=Path("/srv/images/a.raw"), on_host=True), format=DiskFormat.RAW),))
ELSEWHERE = replace(JOB, image=None, disks=(Disk(file=File(path=Path("/srv/images2/a.raw")), format=DiskFormat.RAW),))


def there(path):
    return Disk(file=File(path=Path(path), on_host=True), format=DiskFormat.RAW)


ROOT = ImageRoot(path=Path("/srv/images"))


@pytest.mark.parametrize(
    ("job", "images", "fits"),
    [
        (ELSEWHERE, None, True),
        (ELSEWHERE, (), False),
        (JOB, (), False),
        (replace(JOB, image=None), (), True),
        (ELSEWHERE, (ROOT,), False),
        (ELSEWHERE, (ROOT, ImageRoot(path=Path("/srv/images2"))), True),
        (replace(ON_HOST, image=None), (ROOT,), True),
        (replace(ON_HOST, image=None), (ImageRoot(path=Path("/")),), True),
        (ON_HOST, (ROOT,), False),
        (replace(ELSEWHERE, disks=(there("/srv/images/../images2/a.raw"),)), (ROOT,), False),
        (replace(ELSEWHERE, disks=(there("/srv/images2/../images/a.raw"),)), (ROOT,), True),
        (replace(ON_HOST, image=None, secrets={"A": there("/etc/shadow").file}), (ROOT,), False),
        (replace(ON_HOST, image=None, cdrom=Cdrom(files=(there("/etc/shadow").file,))), (ROOT,), False),
        (replace(ON_HOST, image=None, cloud_init=CloudInit(user_data=there("/etc/shadow").file)), (ROOT,), False),
        (replace(ON_HOST, image=None, secrets={"A": File(path=Path("/home/travels"))}), (ROOT,), True),
    ],
)
def test_images_come_from_the_folders_that_the_hosts_owner_names(job, images, fits):
    """The kernel counts as well as the disks, and all that is on the host; a folder that is for others does not."""
    assert bool(match(job, [offer(images=images)]).fitting) is fits


def test_an_image_from_elsewhere_is_told_with_the_folders_that_may_be_used():
    several = replace(ELSEWHERE, disks=(*ELSEWHERE.disks, *ON_HOST.disks))
    (rejected,) = match(several, [offer(images=(ROOT,))]).rejected
    assert (rejected.clause, rejected.passing) == ("images", False)
    said = "the host's own rule: its machines' files lie in /srv/images; the job has /srv/images2/a.raw"
    assert rejected.reason == said
    (rejected,) = match(replace(ELSEWHERE, disks=(there("/a\\n"), there("/b"))), [offer(images=(ROOT,))]).rejected
    assert rejected.reason.endswith("the job has /a\\\\n, /b")


@pytest.mark.parametrize(
    ("job", "mebibytes", "fits"),
    [
        (replace(ON_HOST, run="true"), 65, True),
        (replace(ON_HOST, run="true"), 64, False),
        (replace(ON_HOST, run="true", disks=ON_HOST.disks * 8), 71, False),
        (replace(ON_HOST, run="true", results=Results(size=900 * GIB)), 2, False),
        (ON_HOST, 1, True),
    ],
)
def test_what_a_machine_writes_has_to_have_room_in_the_hosts_limit(job, mebibytes, fits):
    """Whatever the job's own requirements say."""
    insisting = replace(job, requirements="TARGET.VM_Disk_Growth =!= 1")
    for each in (job, insisting):
        found = match(each, [offer(limits=Limits(disk_growth=mebibytes * 2**20))])
        assert (bool(found.fitting), found.hopeless) == (fits, not fits)


def test_what_has_no_room_in_the_hosts_limit_is_told_with_both():
    filling = replace(ON_HOST, run="true", results=Results(size=900 * GIB))
    there = offer(limits=Limits(disk_growth=2**21), images=(ImageRoot(path=Path("/")),), start="true")
    (rejected,) = match(filling, [there]).rejected
    assert rejected.clause == "disk growth"
    assert rejected.reason == (
        "the host's own rule: results volume and overlays take 2 MiB together; the job's need 900 GiB at least"
    )


def test_a_hosts_own_words_count_beside_its_folders():
    (rejected,) = match(ELSEWHERE, [offer(images=(ROOT,), start="TARGET.RequestCpus < 2")]).rejected
    assert rejected.clause == "start"
    assert match(replace(ON_HOST, image=None), [offer(images=(ROOT,), start="TARGET.RequestCpus == 2")]).fitting


@pytest.mark.parametrize(
    ("shares", "objections"),
    [
        ((Share(name="data"),), []),
        ((Share(name="data"), Share(name="drop", write=True)), []),
        (
            (Share(name="data", write=True), Share(name="drop", write=True)),
            ["the host lets no guest write in folder `data`: leave out `write`"],
        ),
        (
            (Share(name="other"), Share(name="data", write=True), Share(name="anas")),
            ["the host has no folder `other` or `anas` for you"],
        ),
    ],
)
def test_folders_are_shared_under_the_names_and_with_the_rights_that_the_owner_gives(shares, objections):
    folders = {
        "data": Folder(path=Path("/srv/data")),
        "drop": Folder(path=Path("/srv/drop"), write=True),
    }
    able = replace(offer(folders=folders), capabilities=("shares",))
    assert [each.reason for each in match(replace(JOB, shares=shares), [able]).rejected] == objections


@pytest.mark.parametrize("types", [None, (NetworkType.USER,)])
def test_nobodys_own_words_open_a_network_that_the_host_does_not_offer(types):
    """A job's requirements can replace what it implies, but not a host's policy."""
    words = 'TARGET.VM_Networking =!= 1 && TARGET.VM_Networking_Types =!= "x"'
    wishing = replace(JOB, network=Network(type=NetworkType.USER), requirements=words)
    able = replace(offer(networks=Networks(types=types)), capabilities=("network-user",))
    assert match(wishing, [able]).fitting
    for barred in (replace(able, capabilities=()), replace(able, host=offer(networks=Networks(types=())).host)):
        assert match(wishing, [barred]).hopeless


def test_an_ability_that_only_this_host_lacks_is_told_with_what_its_probe_found():
    missing = {"vnc": "QEMU was built without it", "network-nat": "the daemon is private"}
    lacking = replace(offer(), facts=replace(FACTS, missing=missing))
    (rejected,) = match(replace(JOB, vnc=True), [lacking]).rejected
    assert rejected.reason.endswith("; vnc: QEMU was built without it")
    (rejected,) = match(replace(JOB, network=Network(type=NetworkType.NAT)), [lacking]).rejected
    assert rejected.reason.endswith("; network-nat: the daemon is private")


def test_what_a_block_needs_is_asked_of_hosts_of_its_type_alone():
    wishing = replace(JOB, block_needs={"xen": {"mode-hvm": ("mode",)}})
    plain, able = offer("x", type="xen"), replace(offer("y", type="xen"), capabilities=("mode-hvm",))
    found = match(wishing, [offer(), plain, able])
    assert {each.offer.host.name for each in found.fitting} == {"h", "y"}
    ((rejected,), why) = found.rejected, "spec.xen.mode needs the ability mode-hvm, which the host does not have"
    assert (rejected.host, rejected.reason) == ("x", why)


def test_who_may_use_no_network_of_a_host_is_told_so():
    """Of those that the host does not offer to anybody, nothing is told."""
    missing = {"network-user": "it is not for user root", "network-nat": "the daemon is private", "vnc": "no"}
    host = offer(networks=Networks(types=(NetworkType.USER,)))
    lacking = replace(host, facts=replace(FACTS, missing=missing))
    (rejected,) = match(replace(JOB, network=Network()), [lacking]).rejected
    told = "the job wants a network, and the host has none for it; network-user: it is not for user root"
    assert rejected.reason == told


KEPT = Platform(type="kvm", accelerator="kvm", version="7.2.0", machine="q35", cpu="Nehalem", vendor="GenuineIntel")
FITTING = {"accelerator": "kvm", "version": "7.2.0", "vendor": "GenuineIntel"}


@pytest.mark.parametrize(
    ("facts", "objection"),
    [
        ({}, None),
        ({"version": "8.0.1"}, None),
        ({"version": "7.1.9"}, "its checkpoint goes on with version 7.2.0 or a newer one, host has 7.1.9"),
        (
            {"version": ""},
            "the host does not say its hypervisor's version, which the job's checkpoint needs",
        ),
        ({"accelerator": "tcg"}, "its checkpoint goes on under kvm only, host has tcg"),
        ({"vendor": "Other"}, "its checkpoint goes on with processors of GenuineIntel only, host has those of Other"),
        ({"vendor": ""}, "the host does not say who made its processors, as the job's checkpoint needs"),
    ],
)
def test_a_checkpoint_is_gone_on_from_where_its_memory_means_something(facts, objection):
    there = replace(offer(), facts=replace(FACTS, **{**FITTING, **facts}))
    matches = match(JOB, [there], KEPT)
    assert [each.reason for each in matches.rejected] == ([objection] if objection else [])
    assert not match(JOB, [there]).rejected


ON_XEN = {"accelerator": "xen", "version": "7.2.0", "vendor": "GenuineIntel"}


def of_both_types():
    facts = {"kvm": FITTING, "xen": ON_XEN}
    return [replace(offer(name, type=name), facts=replace(FACTS, **found)) for name, found in facts.items()]


@pytest.mark.parametrize("types", [(), ("kvm", "xen")])
@pytest.mark.parametrize(("kept", "other"), [("xen", "kvm"), ("kvm", "xen")])
def test_a_job_that_was_kept_on_one_type_goes_on_upon_no_other(kept, other, types):
    platform = replace(KEPT, type=kept, accelerator=kept)
    found = match(replace(JOB, types=types), of_both_types(), platform)
    assert [each.offer.host.name for each in found.fitting] == [kept]
    told = [(each.host, each.reason) for each in found.rejected]
    assert told == [(other, f"its checkpoint goes on with type {kept} only, host is {other}")]


@pytest.mark.parametrize("best", ["kvm", "xen"])
def test_a_job_without_a_type_runs_where_it_ranks_best(best):
    job = replace(JOB, rank=f'VM_Type == "{best}" ? 1 : 0')
    assert match(job, of_both_types()).fitting[0].offer.host.name == best
    (placement,) = plan([job], of_both_types())
    assert placement.host.name == best


FAR = Connection(transport=Transport.SSH, address="a")


def test_on_a_host_elsewhere_only_its_own_files_have_to_lie_in_its_folders():
    far = offer(images=(ROOT,), connection=FAR)
    travels = replace(ELSEWHERE, disks=(*ELSEWHERE.disks, there("/srv/images/a.raw")))
    assert match(travels, [far]).fitting
    (rejected,) = match(replace(travels, disks=(*travels.disks, there("/srv/b.raw"))), [far]).rejected
    assert rejected.reason == "the host's own rule: its machines' files lie in /srv/images; the job has /srv/b.raw"


@pytest.mark.parametrize("on_host", [True, False])
@pytest.mark.parametrize("access", Access)
def test_a_disk_of_this_computer_is_written_in_place_on_this_computer_alone(access, on_host):
    disk = Disk(file=File(path=Path("/d.raw"), on_host=on_host), format=DiskFormat.RAW, access=access)
    able = ("disk-read", "disk-in-place")
    far, near = (replace(offer(connection=each), capabilities=able) for each in (FAR, Connection()))
    job = replace(JOB, disks=(disk,))
    assert match(job, [near]).fitting
    found = match(job, [far])
    if on_host or access is not Access.IN_PLACE:
        assert found.fitting
    else:
        (rejected,) = found.rejected
        assert (rejected.clause, rejected.passing) == ("disk in place", False)
        assert rejected.reason.startswith("the job writes to a disk of this computer in place, and the host is another")
