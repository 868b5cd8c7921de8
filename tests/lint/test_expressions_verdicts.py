"""What is told never to be true is true of no two ads, and what is told always to be true is true of all.

By hand, as many as one likes: `VMF_FUZZ="100 200" pytest tests/lint/test_expressions_verdicts.py` takes seeds 100 to
199.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from vmf.ads import host_ad, job_ad
from vmf.ads.tables import ENDED, HOST, JOB, KEPT
from vmf.classad import Match, parse, parse_ad
from vmf.classad.operators import truth
from vmf.errors import HoldCode
from vmf.lint.expressions import Use, Vocabulary, remarks
from vmf.lint.spots import spotted
from vmf.lint.verdicts import Condition
from vmf.lint.vocabulary import ALWAYS, TYPES, spelt
from vmf.model import Facts, Host, Job, Offer, Outcome
from vmf.result import verdict

SEEDS = range(*map(int, os.environ.get("VMF_FUZZ", "0 4").split()))
CONDITIONS, PAIRS = 120, 60
"""How many conditions a seed writes, and how many pairs of ads each is tried on."""

NUMBERS = ["0", "1", "2", "512", "512.0", "511.5", "-1", "true", "false"]
TEXTS = ['"kvm"', '"KVM"', '"xen"', '""', '"Kvm"', '"k"']
CONSTANTS = [*NUMBERS, *TEXTS, "undefined", "error", "(1 + 1)", 'int("2")', "{1}"]
ATTRIBUTES = [
    *("TARGET.Memory", "Memory", "Cpus", "TARGET.VM_Type", "VM_Type", "TARGET.HasVM", "Disk", "TARGET.Disk"),
    *("Rack", "TARGET.Rack", "TARGET.Zone", "MY.Own", "Own", "MY.Free", "Free", "MY.RequestDisk", "RequestDisk"),
]
COMPARISONS = ["<", "<=", ">", ">=", "==", "!=", "=?=", "=!="]
KINDS = ["isUndefined", "isError", "isString", "isInteger", "isBoolean", "isReal", "isList"]
SHAPES = (*("({}) && ({})",) * 6, *("({}) || ({})",) * 4, "!({})", "!({})", "({}) ? ({}) : ({})", "({}) ?: ({})")
ANYTHING = [
    *(*CONSTANTS, "0.5", "-0.0", 'real("NaN")', 'real("INF")', "511", "513", '"kVM"', '"l"', "1e-320"),
    *("relTime(5)", 'absTime("2024Z")', "[a = 1]", "TARGET.Own", "MY.Memory"),
]
OWN = {"Own": "3", "Free": "Memory + 1"}
WORDS = Vocabulary(Job, own=OWN)


class Writer:
    """Writes conditions about a few attributes and constants, and ads that have them."""

    def __init__(self, seed):
        self.random = Random(seed)  # noqa: S311  # a run is repeated by its seed
        self.pick = self.random.choice

    def condition(self, depth):
        if not depth or self.random.random() < 0.15:
            return self.test()
        shape = self.pick(SHAPES)
        return shape.format(*(self.condition(depth - 1) for _ in range(shape.count("{}"))))

    def test(self):
        attribute, constant, comparison = self.pick(ATTRIBUTES), self.pick(CONSTANTS), self.pick(COMPARISONS)
        forms = (
            *(f"{attribute} {comparison} {constant}",) * 4,
            f"{constant} {comparison} {attribute}",
            *(attribute, constant),
            f"{self.pick(KINDS)}({attribute})",
            f"{attribute} {comparison} {self.pick(ATTRIBUTES)}",
        )
        return self.pick(forms)

    def job(self):
        maybe = {"RequestDisk": self.pick(["0", "1", "2", "512", "511", ""])}
        return ad({"Own": "3", "Free": self.pick([*ANYTHING, "Memory", "TARGET.Rack"]), **maybe})

    def host(self):
        whole = ["0", "1", "2", "3", "511", "512", "513", "100000", "-5"]
        return ad({
            "Memory": self.pick(whole),
            "Cpus": self.pick(whole),
            "VM_Type": self.pick([*TEXTS, '"kvN"', '"zzz"', '"kVm"']),
            "HasVM": self.pick(["true", "false"]),
            "Disk": self.pick([*whole, "", ""]),
            "Rack": self.pick([*ANYTHING, ""]),
            "Zone": self.pick([*ANYTHING, ""]),
        })  # fmt: skip


def ad(fields):
    """An ad of attributes' texts; an empty text is an attribute that it does not have."""
    return parse_ad(f"[{'; '.join(f'{name} = {text}' for name, text in fields.items() if text)}]")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_ads_disprove_a_verdict(seed):
    writer = Writer(seed)
    pairs = [(writer.job(), writer.host()) for _ in range(PAIRS)]
    verdicts = 0
    for _ in range(CONDITIONS):
        text = writer.condition(3)
        tree = parse(text)
        condition = Condition(spotted(text, tree), WORDS)
        never, always = bool(condition.contradiction()), condition.is_always_true()
        if never or always:
            verdicts += 1
            assert {truth(Match(*pair).evaluate(tree)) is True for pair in pairs} == {always}, text
    assert verdicts > CONDITIONS / 10


def test_samples_tell_apart_all_that_comparisons_tell_apart():
    spellings = [f'Rack =!= "{text}"' for text in ("k7", "K7", "")]
    possible = [
        *("Rack > 1 && Rack < 2", "Rack > 1 && Rack < 1.0000000000000005", "Rack =?= 1 || Rack =?= 1.0"),
        *('Rack > "a" && Rack < "b"', 'Rack > "k" && Rack < "K "', 'Rack == "kvm" && Rack =!= "kvm" && Rack =!= "KVM"'),
        *("Rack != Rack", "Rack != 5 && !(Rack < 5) && !(Rack > 5)", "Rack == true && Rack =!= true && Rack =!= 1"),
        *("isError(Rack)", "isAbsTime(Rack)", "(Rack ?: true) && isUndefined(Rack)", "Rack && Rack =!= true"),
        *("Cpus > 4 && Cpus < 6", "Cpus > 4.5 && Cpus < 5.5", "Disk =?= undefined", "isString(RequestDisk)"),
        *("(Rack < Own ? VM_Type : VM_Type) || Cpus > 4", "!(Rack < Own) || Cpus < VM_Type"),
        *(
            "(Rack > Own ?: Cpus > 1) && isUndefined(Rack)",
            'Rack == "k" && Rack =!= "k" && Rack =!= "K" || Rack == "k7"',
        ),
        *("Rack > 9007199254740992 && Rack < 9007199254740994", "Rack == absTime(0) && isAbsTime(Rack)"),
    ]
    impossible = [
        *('Rack == "k7" && ' + " && ".join(spellings),),
        *("Cpus > 4 && Cpus < 5", "Cpus > 4.2 && Cpus < 4.8", "Cpus =?= 4.0", 'VM_Type > "a" && VM_Type < "A"'),
        *("Rack =?= 1 && Rack =!= 1", "isError(Cpus)", "isString(Rack) && Rack == 1", "!Rack && Rack == 5"),
        *("Rack == true && Rack == 2", "Cpus ? Cpus == 0 : Cpus > 0", "isUndefined(Rack) && isError(Rack)"),
    ]
    for text in (*possible, *impossible):
        never = bool(Condition(spotted(text, parse(text)), WORDS).contradiction())
        assert never is (text in impossible), text


def test_who_asks_too_much_gets_no_verdict():
    wide = " || ".join(f"(TARGET.A{number} > 1 && TARGET.B{number} < 1)" for number in range(20))
    text = f"({wide}) && Memory > 5 && Memory < 3"
    assert [each.rule.id for each in remarks(text, WORDS, Use.CONDITION) if each.rule.id == "VMF320"] == ["VMF320"]
    text = f"({wide} || Memory > 5) && ({wide} || Memory < 3)"
    assert not any(each.rule.id == "VMF320" for each in remarks(text, WORDS, Use.CONDITION))


def test_the_attributes_of_ads_have_the_types_that_are_reckoned_with():
    facts = Facts(identity="", memory=2**32, cpus=4, arch="x86_64", accelerator="tcg", versions={})
    host = host_ad(Offer(host=Host(name="h", type="kvm"), facts=facts))
    job = job_ad(Job(name="j", memory=2**28), verdict=verdict(Outcome.JOB_FAULT, reason="x", code=HoldCode.REFUSED))
    known = {spelling.lower(): kind for spelling, kind in TYPES.items()}
    for found in (host, job):
        types = {name.lower(): type(found[name]) for name in found if name != "Requirements"}
        assert {name: known[name] for name in types} == {
            name: str if issubclass(kind, str) else kind for name, kind in types.items()
        }
    assert {name.lower() for name in (*host, *job)} >= ALWAYS
    named = {each.name.lower() for table in (JOB, KEPT, ENDED, HOST) for each in table} - {"start", "requirements"}
    assert named == set(TYPES)
    assert named <= {*spelt(Job), *spelt(Host)}
