"""What is said of expressions: which rule, and at which character."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from classad import texts
from match.writer import Writer
from vmf.classad.functions import EAGER, LAZY
from vmf.lint.expressions import RULES, Use, Vocabulary, remarks
from vmf.lint.names import arity
from vmf.model import Host, Job
from vmf.rules import Severity

OWN = {"Want": "4", "Site": '"north"', "Broken": "1 +", "Sum": "Want + 1"}
JOB = Vocabulary(Job, own=OWN)
CLOSED = Vocabulary(Job, own=OWN, others=["Rack", "Speed"])
HOST = Vocabulary(Host, own={"Rack": "3"})

MARKED = [
    # names
    ("TARGET.@Memroy > 512", "VMF302"),
    ("TARGET.@VMType == MY.Site", "VMF302"),
    ("@Memor > 512 && @Cpu > 1", "VMF302 VMF302"),
    ("TARGET.@RequestMemory > 100", "VMF302"),
    ("TARGET.@HasCheckpiont =?= true", "VMF302"),
    ("Rack == @null", "VMF302"),
    ('TARGET.@OpSys == "LINUX"', "VMF303"),
    ("@KeyboardIdle > 900 || Rack == 1", "VMF303"),
    ("MY.@Foo > 1", "VMF304"),
    ("MY.@Memory > 512", "VMF304"),
    ("MY.@Wnat =?= 4", "VMF304"),
    ("TARGET.VM_Type == @kvm", "VMF305"),
    ("@kvm != TARGET.VM_Type", "VMF305"),
    ("Rack == @'a b'", "VMF305"),
    # calls
    ("@foo(1) || Cpus > 1", "VMF306"),
    ('@contains(TARGET.Name, "x")', "VMF306"),
    ("@regexp(TARGET.Name)", "VMF307"),
    ("@strcmp(1, 2, 3) == 0", "VMF307"),
    ("@time(1) > 5", "VMF307"),
    # values that do not go together
    ('Memory @> "512"', "VMF308"),
    ("64 @== Arch", "VMF308"),
    ('[x = "]"].x == Cpus -1 && (Cpus -1 @> "5")', "VMF308"),
    ('member(absTime("2024Z"), {}) && .x[1 ? 2 : 3] =?= strcat() && 1 @> Name', "VMF308"),
    ('HasVM @=?= "true"', "VMF308"),
    ("HasVM @=?= 1", "VMF308"),
    ("(Memory * 2) @< MY.Site", "VMF308"),
    ('VM_Type == "kvm" || @"xen"', "VMF308"),
    ("@VM_Type && Cpus > 1", "VMF308"),
    ('Name @+ "x" == Rack', "VMF308"),
    ("Rack @== undefined", "VMF309"),
    ("UNDEFINED @!= TARGET.Rack", "VMF309"),
    ("Rack @== (error)", "VMF309"),
    ("Cpus > 1 @& Cpus < 9", "VMF310"),
    ("(Rack @| true) == 1", "VMF310"),
    ("Flags @& 4 == 4", "VMF310"),
    # how a line reads
    ("Rack == 1 || Rack == 2 @&& Cpus > 1", "VMF311"),
    ("Rack == 1 @&& Cpus > 1 || Rack == 2 && Cpus > 2", "VMF311"),
    ('@!Arch == "X86_64"', "VMF312"),
    ("1 < Cpus @< 5", "VMF312"),
    ("Rack == 1 @?: Rack", "VMF312"),
    ('Arch @=?= "x86_64"', "VMF313"),
    ('"KVM" @=!= TARGET.VM_Type', "VMF313"),
    ("TARGET.Memory @>= 2", "VMF314"),
    ("2 * 2 @<= VM_Memory", "VMF314"),
    ("Disk @>= 100", "VMF314"),
    ("Memory @> 2147483648", "VMF314"),
    ('regexp(@"(", Name)', "VMF315"),
    (r'regexp("a@\d+", Name)', "VMF316"),
    (r'regexp("@\.iso$", Name)', "VMF316"),
    # verdicts
    ('VM_Type == "kvm" && VM_Type @== "xen"', "VMF320"),
    ("Memory > 4096 && Cpus > 1 && (Memory @< 2048)", "VMF320"),
    ("Memory > 4096 && TARGET.Memory @< 2048", "VMF320"),
    ("Cpus > 4 && Cpus @< 5", "VMF320"),
    ("Rack =?= 1 && Rack @=?= 1.0", "VMF320"),
    ('(VM_Type == "kvm" || VM_Type == "xen") && VM_Type @== "vmware"', "VMF320"),
    ("Rack =?= undefined && Rack @> 3", "VMF320"),
    ("Memory @=?= undefined", "VMF320"),
    ("MY.Want @> 5", "VMF320"),
    ("1 @== 2", "VMF320"),
    ("@false", "VMF320"),
    ('@"kvm"', "VMF320"),
]


@pytest.mark.parametrize(("marked", "rules"), MARKED)
def test_a_remark_points_at_the_very_token(marked, rules):
    pieces = marked.split("@")
    offsets = [len("".join(pieces[:count])) for count in range(1, len(pieces))]
    found = [(each.rule.id, each.offset) for each in remarks("".join(pieces), JOB, Use.CONDITION)]
    assert found == list(zip(rules.split(), offsets, strict=True))


WHOLE = [
    (JOB, Use.CONDITION, "Cpus > 3 || Cpus <= 3", "VMF321"),
    (JOB, Use.CONDITION, "(true || Rack == 1) && (Cpus >= 1 || true)", "VMF321"),
    (JOB, Use.CONDITION, "Rack =?= undefined || (Rack =!= undefined)", "VMF321"),
    (JOB, Use.CONDITION, "MY.Want == 4", "VMF321"),
    (JOB, Use.RANK, "10", "VMF322"),
    (JOB, Use.RANK, "MY.Want * 2", "VMF322"),
    (JOB, Use.RANK, "TARGET.VM_Type", "VMF322"),
    (JOB, Use.RANK, 'VM_Accelerator == "kvm"', "VMF323"),
    (CLOSED, Use.VALUE, "TARGET.Site", "VMF302"),
    (CLOSED, Use.CONDITION, "VM_Type == kvm", "VMF305"),
    (CLOSED, Use.VALUE, "TARGET.Rack + Speed", ""),
    (CLOSED, Use.VALUE, "TARGET.Site ?: 5", ""),
    (HOST, Use.CONDITION, "TARGET.RequestMemry <= 2048", "VMF302"),
    (HOST, Use.CONDITION, 'TARGET.Owner == "ada"', "VMF303"),
    (HOST, Use.CONDITION, "MY.Rack == 3", "VMF321"),
    (HOST, Use.CONDITION, "MY.Shelf == 3", "VMF304"),
    (HOST, Use.CONDITION, "MY.Rack == 4", "VMF320"),
    (HOST, Use.CONDITION, "1", "VMF320"),
    (HOST, Use.CONDITION, "TARGET.RequestCpus", "VMF320"),
    (HOST, Use.CONDITION, "MY.Rack ?: 1", ""),
    (JOB, Use.CONDITION, "MY.Want ?: 1", "VMF321"),
    (HOST, Use.CONDITION, "true", ""),
    (HOST, Use.CONDITION, "false", ""),
    (JOB, Use.CONDITION, "true", ""),
    (JOB, Use.CONDITION, "1 + ", ""),
]


@pytest.mark.parametrize(("words", "use", "text", "rules"), WHOLE)
def test_what_an_expression_is_for_and_whose_it_is_decides(words, use, text, rules):
    assert [each.rule.id for each in remarks(text, words, use)] == rules.split()


HINTS = [
    ("TARGET.Memroy > 512", "did you mean Memory?"),
    ("TARGET.RequestMemory > 100", "did you mean MY.RequestMemory?"),
    ("MY.Memory > 512", "did you mean TARGET.Memory?"),
    ("Rack == none", "did you mean undefined?"),
    ('VM_Tpye == "kvm"', "did you mean VM_Type?"),
    ("VM_Type == kvm", 'a text has double quotes: "kvm"'),
    ("isNull(Rack)", "did you mean isUndefined?"),
    ("stringListMembr(Name, Rack)", "did you mean stringlistmember?"),
    ('Memory > "512"', "write 512 without quotes"),
    ('"True" == HasVM', "write true without quotes"),
    ("Arch == 64", 'a text has quotes: "64"'),
    ("Rack != undefined", "write `Rack =!= undefined`"),
    ('VM_Type == "kvm" || "xen"', 'compare each of them: `X == "xen"`'),
    ('Arch =?= "x86_64"', 'write `==`, or "X86_64"'),
    ("Memory >= 2", "write 2 GiB as 2048"),
]


@pytest.mark.parametrize(("text", "hint"), HINTS)
def test_a_remark_says_what_to_write(text, hint):
    assert [each.hint for each in remarks(text, JOB, Use.CONDITION)] == [hint]


def test_a_contradiction_names_its_clauses_and_no_others():
    [remark] = remarks("Cpus > 1 && Rack > 5 && HasVM && Rack < 3", JOB, Use.CONDITION)
    assert remark.what == "`Rack > 5` and `Rack < 3` are never true together"


def test_a_name_that_is_wrong_many_times_is_told_once():
    assert [each.offset for each in remarks("Memroy > 512 && Memroy < 4096", JOB, Use.CONDITION)] == [0]


def test_a_condition_that_is_wrong_in_a_part_is_not_told_to_be_never_true_besides():
    assert [each.rule.id for each in remarks('Memory > "512" && Cpus > 4 && Cpus < 2', JOB, Use.CONDITION)] == [
        "VMF308"
    ]


SENSIBLE = """
TARGET.Memory >= 2048
Memory >= 1024 && Cpus >= 2
TARGET.Memory >= MY.RequestMemory
(TARGET.VM_Type == "kvm") && (TARGET.VM_Memory >= MY.JobVMMemory) && (TARGET.VM_AvailNum > 0)
TARGET.HasVM =?= true && TARGET.Arch == "X86_64"
VM_Type == "kvm" || VM_Type == "xen"
(VM_Type == "kvm" || VM_Type == "xen") && Memory > 4096
TARGET.VM_Networking && stringListIMember("nat", TARGET.VM_Networking_Types, ",")
stringListMember(TARGET.Machine, "barn,farm")
TARGET.Machine != "mill"
TARGET.Name =!= "mill" && TARGET.Name =!= "barn"
TARGET.VM_Accelerator =?= "kvm"
TARGET.Rack == 3
Rack == 3 && Site == "north"
Rack >= 3 && Rack <= 9 && Rack != 5
TARGET.Rack =?= undefined || TARGET.Rack == MY.Want
isUndefined(TARGET.Rack) || TARGET.Rack > 2
TARGET.Rack is undefined ? true : TARGET.Rack > 2
TARGET.KeyboardIdle =?= undefined || TARGET.KeyboardIdle > 15 * 60
(TARGET.LoadAvg ?: 0.0) < 0.3
TARGET.HasDocker =!= true
TARGET.HasLiveCheckpoint =?= true
HasDiskVirtio && HasFirmwareUefi
TARGET.HasSpecialDevice =?= true
versionGE(TARGET.QemuVersion, "7.2")
TARGET.Disk >= 10 * 1024 * 1024
TARGET.Disk > 20971520
regexp("^node[0-9]+$", TARGET.Machine)
regexp("^node\\\\d+\\\\.site$", TARGET.Machine, "i")
!regexp("test", TARGET.Machine)
!(TARGET.Arch == "AARCH64")
toLower(TARGET.Arch) == "x86_64"
member(TARGET.VM_Type, {"kvm", "xen"})
ifThenElse(isUndefined(TARGET.Rack), true, TARGET.Rack < 5)
TARGET.Cpus - TARGET.VM_Cpus < 4
TARGET.TotalMemory / TARGET.TotalCpus >= 2048
strcat(TARGET.Site, "-", TARGET.VM_Type) == "north-kvm"
(time() % 86400) < 6 * 3600
TARGET.Memory >= MY.Sum * 1024
(TARGET.Flags & 4) == 4
TARGET.Tags == 1 && ((TARGET.Memory > 1024 && TARGET.Cpus > 1) || TARGET.Cpus > 8)
size(TARGET.Name) < 20 && substr(TARGET.Name, 0, 4) == "node"
countMatches(MY.Free > 5, TARGET.Slots) > 2
TARGET.Disk2 > 10 && TARGET.Memory1 > 5
regexp("a # (", TARGET.Name, "x")
[a = 1; b = a + 1].b == TARGET.Rack
MY.Broken =?= undefined || TARGET.Rack == 1
""".strip().splitlines()

RANKS = [
    "TARGET.Memory",
    "TARGET.Memory + 1000 * TARGET.Cpus",
    "-TARGET.VM_Running",
    '(VM_Accelerator == "kvm") * 10 + Cpus',
    "TARGET.Speed ?: 0",
    "random()",
    "ifThenElse(TARGET.Rack =?= 3, 10, 0)",
]
POLICIES = [
    "TARGET.RequestMemory <= 4096",
    'TARGET.JobVMType =?= "kvm" && TARGET.RequestCpus <= MY.Cpus / 2',
    "MY.VM_Running < 3 && RequestMemory < 2048",
    'regexp("^genome", TARGET.JobName)',
    'TARGET.Project == "genome" || TARGET.JobPrio > 10',
    "MY.Rack == 3 && TARGET.Project =!= undefined",
    'TARGET.JobImage == "debian"',
]


@pytest.mark.parametrize("text", SENSIBLE)
def test_nothing_is_said_of_what_a_job_sensibly_asks(text):
    assert list(remarks(text, JOB, Use.CONDITION)) == []


@pytest.mark.parametrize("text", RANKS)
def test_nothing_is_said_of_a_sensible_rank(text):
    assert list(remarks(text, JOB, Use.RANK)) == []


@pytest.mark.parametrize("text", POLICIES)
def test_nothing_is_said_of_what_a_host_sensibly_asks(text):
    assert list(remarks(text, HOST, Use.CONDITION)) == []


def test_each_rule_has_an_id_of_its_own_in_order_and_is_shown_here_to_be_found():
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert set(ids) == {each for *_, rules in (*MARKED, *WHOLE) for each in rules.split()}


def test_only_what_never_works_is_an_error():
    assert {rule.id for rule in RULES if rule.severity is Severity.ERROR} == {
        *("VMF306", "VMF307", "VMF308", "VMF309", "VMF310", "VMF315", "VMF320"),
    }


@pytest.mark.parametrize("name", ["member", "regexp", "time", "abstime", "ifthenelse", "unresolved"])
def test_the_arguments_that_a_function_takes_are_those_of_the_evaluator(name):
    least, most = arity(name)
    assert (least, most) == {
        "member": (2, 2), "regexp": (2, 3), "time": (0, 0),
        "abstime": (0, 2), "ifthenelse": (3, 3), "unresolved": (1, 2),
    }[name]  # fmt: skip


def test_every_function_has_an_arity():
    assert {name for name in (*EAGER, *LAZY) if arity(name)[1] is None} == {
        *("strcat", "join", "mergeenvironment", "userhome"),
    }


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_written_is_judged_in_the_order_of_the_text(seed):
    random, writer = Random(seed), Writer(seed)  # noqa: S311  # a run is repeated by its seed
    for number in range(300):
        text = (texts.expression, texts.soup, lambda _: writer.expression(4))[number % 3](random)
        for words in (JOB, CLOSED, HOST):
            for use in Use:
                offsets = [each.offset for each in remarks(text, words, use) if each.rule.id < "VMF320"]
                assert all(0 <= one <= other < len(text) for one, other in pairwise([*offsets, *offsets[-1:]])), text


LARGE = [
    " || ".join(f'TARGET.Machine == "m{number}"' for number in range(400)),
    " && ".join(f"(TARGET.A{number} > 1 || TARGET.B{number} < 2 || TARGET.C == {number})" for number in range(400)),
    "(Memory > " * 120 + "1" + ")" * 120,
    "!" * 400 + "Memory",
    "(" * 160 + "Memory" + ")" * 160,
    "{" + ",".join(f'regexp("(a{number}|b)+", Name)' for number in range(2000)) + "}",
    "{" + ",".join(f"Memor{number:x}" for number in range(6000)) + "}",
    'Name == strcat("' + "x" * 60_000 + '")',
    "x" * 64_000 + ' == "kvm"',
    "MY.a199 > 5 && MY.a198 < 3",
]


@pytest.mark.parametrize("text", LARGE, ids=range(len(LARGE)))
@pytest.mark.timeout(5)
def test_what_is_large_is_judged_all_the_same(text):
    words = Vocabulary(Job, own={f"a{number}": f"a{number - 1} + a{number - 1}" for number in range(1, 200)})
    for use in Use:
        assert len(list(remarks(text, words, use))) <= 52
