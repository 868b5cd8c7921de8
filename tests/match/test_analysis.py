from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.classad import World
from vmf.match import Rejection, match
from vmf.match.analysis import MOST, analyse
from vmf.match.words import LONGEST
from vmf.model import Claim, Disk, DiskFormat, Facts, File, Folder, Host, Image, Job, Limits, Offer, Results, Share

GIB = 2**30
JOB = Job(name="j", image=Image(name="i", kernel=File(path=Path("/k"))), memory=GIB, cpus=2)
FACTS = Facts(identity="", memory=4 * GIB, cpus=4, arch="x86_64", accelerator="tcg")
DISK = Disk(file=File(path=Path("/d")), format=DiskFormat.RAW)
BROKEN = Rejection(host="z", clause="usable", reason="out of order", passing=False)


def offer(name: str = "h", taken: Claim | None = None, **policy: object) -> Offer:
    return Offer(host=Host(name=name, **{"type": "kvm", **policy}), facts=FACTS, taken=taken or Claim())


SHARING = offer(folders={name: Folder(path=Path("/", name), write=name == "a") for name in "abc"})


def rack(name: str, number: str, **policy: object) -> Offer:
    return offer(name, attributes={"Rack": number}, **policy)


def analysed(offers, **wishes):
    return analyse(replace(JOB, **wishes), offers, world=World())


def advised(offers, **wishes):
    return [(each.changes, each.hosts) for each in analysed(offers, **wishes).advice]


def counted(offers, **wishes):
    return {each.condition: (each.out, each.left) for each in analysed(offers, **wishes).steps}


@pytest.mark.parametrize(
    ("wishes", "host", "changes"),
    [
        ({"memory": 8 * GIB}, offer(), ["lower memory to 4GiB (`--set memory=4GiB`)"]),
        ({"memory": 8 * GIB}, offer(memory=GIB + 2**20), ["lower memory to 1025MiB (`--set memory=1025MiB`)"]),
        ({"cpus": 9}, offer(), ["lower cpus to 4 (`--set cpus=4`)"]),
        ({"disk_space": 9 * GIB}, offer(disk_space=2**21), ["lower disk_space to 2MiB (`--set disk_space=2MiB`)"]),
        ({"types": ("xen",)}, offer(), ["change type to kvm (`--set type=kvm`)"]),
        (
            {"shares": (Share(name="a", write=True), Share(name="b", write=True), Share(name="c"))},
            replace(SHARING, capabilities=("shares",)),
            ["leave out `write` of b in spec.shares"],
        ),
        (
            {"run": "true", "disks": (DISK, DISK), "results": Results(size=GIB)},
            offer(limits=Limits(disk_growth=9 * 2**20 + 1)),
            [
                "lower results.size to 7MiB (`--set results.size=7MiB`)",
                "ask the host's owner to raise `limits.disk_growth`",
            ],
        ),
        (
            {"run": "true", "disks": (DISK, DISK)},
            offer(limits=Limits(disk_growth=2**21)),
            ["ask the host's owner to raise `limits.disk_growth`"],
        ),
        (
            {"requirements": "TARGET.Memory >= 8192"},
            offer(),
            ["lower 8192 to 4096 in `TARGET.Memory >= 8192`", "drop `TARGET.Memory >= 8192`"],
        ),
        ({"requirements": "4096 < Memory"}, offer(), ["lower 4096 to 4095 in `4096 < Memory`", "drop `4096 < Memory`"]),
        ({"requirements": "(Cpus <= 2)"}, offer(), ["raise 2 to 4 in `Cpus <= 2`", "drop `Cpus <= 2`"]),
        (
            {"requirements": 'Arch =?= "X86"'},
            offer(),
            ['change "X86" to "X86_64" in `Arch =?= "X86"`', 'drop `Arch =?= "X86"`'],
        ),
        ({"requirements": 'regexp("arm", Arch)'}, offer(), ['drop `regexp("arm",Arch)`']),
        ({}, offer(start="TARGET.RequestMemory < 1000"), ["lower memory to 999MiB (`--set memory=999MiB`)"]),
        ({}, offer(start="MY.Cpus <= TARGET.RequestCpus"), ["raise cpus to 4 (`--set cpus=4`)"]),
        ({"memory": 8 * GIB, "requirements": "Memory > 1"}, offer(), ["lower memory to 4GiB (`--set memory=4GiB`)"]),
    ],
)
def test_the_one_thing_to_change_is_named_with_the_value_that_just_fits(wishes, host, changes):
    assert sorted(advised([host], **wishes)) == sorted([((each,), ("h",)) for each in changes])


@pytest.mark.parametrize("start", ["false", 'TARGET.JobName == "k"', "RequestMemory < 0", "RequestCpus < 1"])
def test_no_advice_is_given_where_none_helps(start):
    assert advised([offer(start=start)]) == []


@pytest.mark.parametrize(
    ("wishes", "host"),
    [
        ({"cpus": 9}, offer(start="RequestCpus > 1024")),
        ({"disk_space": GIB}, offer(attributes={"Disk": "512"})),
        ({"disk_space": GIB}, offer(attributes={"Disk": "0"})),
        ({}, offer(start="RequestMemory > 1152921504606846976 / 1048576")),
    ],
)
def test_no_value_is_advised_that_a_spec_cannot_have(wishes, host):
    assert advised([host], **wishes) == []


@pytest.mark.parametrize(
    "requirements",
    [
        "time() == 5",
        "CurrentTime / 3600 % 24 == 30",
        "TARGET.CurrentTime == 5",
        "Clock == 5",
        'eval("time()") == 5',
        "random() > 5",
        "random(2) == 7",
        "getHours(CurrentTime) == 99",
        "getYear(CurrentTime) == 99",
    ],
)
def test_what_the_clock_or_chance_says_is_no_value_to_write(requirements):
    ((changes, _),) = advised([offer(attributes={"Clock": "time() + 7"})], requirements=requirements)
    assert changes == (f"drop `{requirements}`",)


def test_names_with_a_meaning_of_their_own_are_not_missing():
    hosts = [offer()]
    asked = "CurrentTime < 0 && isUndefined(MY) && TARGET.Self.Memory < 0 && Other.CurrentTime < 0 && Parent.X == 1"
    assert analysed(hosts, requirements=asked).unknown == ()


NUMBER = "ifThenElse(HasVM && Memory > 1 && Cpus > 1,1,0)"


def test_a_job_that_asks_for_a_number_is_told_to_drop_it():
    assert counted([offer()], requirements=NUMBER)[NUMBER] == (1, 0)
    assert advised([offer()], requirements=NUMBER) == [((f"drop `{NUMBER}`",), ("h",))]


@pytest.mark.parametrize("start", ["5", "Cpus - 2", "0.5"])
def test_a_host_that_asks_for_a_number_is_its_owners_to_mend(start):
    hosts = [offer("a", start=start), offer("b", start="false"), offer("c", start="0")]
    assert counted(hosts)["what the host asks of jobs"] == (3, 0)
    assert advised(hosts) == [((f"ask the host's owner to drop `{start}` from `start`",), ("a",))]


def test_a_number_is_not_all_that_a_host_may_lack():
    ((changes, _),) = advised([offer(start="5")], cpus=8)
    assert set(changes) == {"lower cpus to 4 (`--set cpus=4`)", "ask the host's owner to drop `5` from `start`"}


def test_conditions_that_only_together_nest_too_deep_are_told_shortly():
    asked = " && ".join(f"TARGET.Cpus < {number + 100}" for number in range(397))
    assert counted([offer()], requirements=asked)["all of these together"] == (1, 0)
    (rejection,) = match(replace(JOB, requirements=asked), [offer()], world=World()).rejected
    assert rejection.reason.endswith("` is an error: it nests deeper than 400")
    assert len(rejection.reason) < LONGEST + 50


def test_of_a_long_condition_both_ends_are_told():
    asked = f'Arch == "{"a" * 300}" || Arch == "last"'
    found = analysed([offer()], requirements=asked)
    ((changes, _),) = ((each.changes, each.hosts) for each in found.advice)
    assert changes[0].startswith('drop `Arch == "aaa')
    assert changes[0].endswith('aaa" || Arch == "last"`')
    assert all(len(told) <= LONGEST + 10 for told in (*changes, *(each.condition for each in found.steps)))


def test_the_value_is_the_nearest_that_some_host_gives():
    hosts = [offer("a", memory=2 * GIB), offer("b", memory=3 * GIB), offer("c", memory=3 * GIB)]
    assert advised(hosts, memory=8 * GIB) == [(("lower memory to 3GiB (`--set memory=3GiB`)",), ("b", "c"))]


def test_what_helps_with_more_hosts_comes_first():
    hosts = [rack("a", "5"), rack("b", "6"), rack("c", "3", type="xen")]
    found = advised(hosts, requirements="TARGET.Rack == 3", types=("kvm",))
    assert found == [
        (("drop `TARGET.Rack == 3`",), ("a", "b")),
        (("change 3 to 5 in `TARGET.Rack == 3`",), ("a",)),
        (("change type to xen (`--set type=xen`)",), ("c",)),
    ]


def test_where_no_single_change_helps_the_fewest_together_do():
    hosts = [rack("a", "4"), rack("b", "4", type="xen")]
    lower = "lower cpus to 4 (`--set cpus=4`)"
    assert advised(hosts, requirements="TARGET.Rack == 3", cpus=8, types=("kvm",)) == [
        ((lower, "change 3 to 4 in `TARGET.Rack == 3`"), ("a",)),
        ((lower, "drop `TARGET.Rack == 3`"), ("a",)),
    ]


def test_a_hosts_own_words_cannot_be_changed_only_what_the_job_asks():
    (found,) = advised([offer(start="512 >= RequestMemory && RequestCpus <= 1")])
    assert found[0] == ("lower memory to 512MiB (`--set memory=512MiB`)", "lower cpus to 1 (`--set cpus=1`)")


def test_no_advice_leaves_out_what_is_needed():
    ((changes, _),) = advised([offer()], requirements="(true || Arch == 3) && TARGET.X == 1 && TARGET.Y == 1")
    assert changes == ("drop `TARGET.X == 1`", "drop `TARGET.Y == 1`")


def test_what_the_block_of_a_type_asks_can_be_done_without_on_hosts_of_that_type():
    needs = {"xen": {"mode-hvm": ("mode",)}}
    assert advised([offer(type="xen")], block_needs=needs) == [(("do without spec.xen.mode",), ("h",))]
    assert "spec.xen.mode" not in " ".join(analysed([offer(memory=GIB // 2)], block_needs=needs).unknown)


def test_no_value_is_advised_that_the_language_cannot_write():
    assert advised([rack("a", str(2**63 - 1))], requirements="Rack < 5") == [(("drop `Rack < 5`",), ("a",))]


def test_a_change_that_another_makes_needless_is_not_told():
    assert advised([offer(start="RequestCpus <= 3")], cpus=9) == [(("lower cpus to 3 (`--set cpus=3`)",), ("h",))]


def test_a_dropped_clause_does_not_help_if_it_held_back_an_implied_one():
    (only, _) = advised([offer()], requirements="TARGET.Memory > 99999 && Arch == Arch", memory=8 * GIB)
    assert only[0] == ("lower 99999 to 4095 in `TARGET.Memory > 99999`", "lower memory to 4GiB (`--set memory=4GiB`)")


def test_hosts_that_will_have_room_count_as_helped():
    full = offer(taken=Claim(machines=1, cpus=4), attributes={"Rack": "1"})
    assert (("drop `Rack == 3`",), ("h",)) in advised([full], requirements="Rack == 3")


def test_only_room_that_lacks_needs_no_advice():
    found = analysed([offer(taken=Claim(cpus=4)), offer("b", start="false")])
    assert found.advice == ()
    assert (found.steps[-1].condition, found.steps[-1].out) == ("room now", 1)


def test_each_condition_is_counted_alone_and_after_those_before_it():
    hosts = [BROKEN, rack("a", "3"), rack("b", "4", cpus=1), rack("c", "4"), offer("d", start="false", cpus=1)]
    assert counted(hosts, requirements="TARGET.Rack == 3 && TARGET.Memory > 5000") == {
        "the host can be used": (1, 4),
        "TARGET.HasVM =?= true": (0, 4),
        "TARGET.Cpus >= MY.RequestCpus": (2, 2),
        "TARGET.Rack == 3": (3, 1),
        "TARGET.Memory > 5000": (4, 0),
        "TARGET.Memory >= MY.JobVMMemory": (0, 0),
        "what the host asks of jobs": (1, 0),
        "room now": (0, 0),
    }


def test_a_condition_says_what_it_sees_of_the_job():
    steps = {each.condition: each.job for each in analysed([offer(cpus=1)]).steps}
    assert steps["TARGET.Cpus >= MY.RequestCpus"] == "RequestCpus 2"
    assert steps["TARGET.HasVM =?= true"] == ""


def test_a_name_that_no_host_has_is_told_once_with_the_one_that_was_meant():
    hosts = [rack("a", "3"), offer("b")]
    found = analysed(hosts, requirements="Memroy > 1 && TARGET.memroy < 9 && TARGET.Rack == 4 && MY.Nothing && Colour")
    assert found.unknown == ("no host has memroy; did you mean Memory?", "no host has Colour")


def test_of_many_hosts_only_the_best_advice_is_told():
    hosts = [rack(f"h{number:03}", str(number), start=f"RequestCpus <= {number % 7}") for number in range(200)]
    found = advised(hosts, cpus=4, requirements="TARGET.Rack == 500")
    assert found[0][0] == ("drop `TARGET.Rack == 500`",)
    assert len(found[0][1]) == sum(number % 7 >= 4 for number in range(200))


def test_of_much_advice_only_so_much_is_told():
    hosts = [offer(name, attributes={each: str(1 + (each == name)) for each in "abcd"}) for name in "abcd"]
    assert len(advised(hosts, requirements=" && ".join(f"TARGET.{each} == 1" for each in "abcd"))) == MOST


def test_where_no_host_can_be_used_nothing_is_said_to_be_missing():
    assert analysed([BROKEN]).unknown == ()
