from __future__ import annotations

import pytest

from match import tree
from match.writer import COMPARISONS, TEXTS, ad
from vmf.classad import Ad, World, parse_ad, scope
from vmf.match import sweep
from vmf.match.columns import Columns
from vmf.match.sweep import Sweep

HOSTS = [
    ad({"Memory": str(1024 * n), "Name": f'"h{n}"', "Requirements": "TARGET.Owner != MY.Banned", "Banned": '"M"'})
    for n in range(4)
]


def fits(job, hosts=HOSTS):
    return Sweep(Columns(hosts), ad(job), World()).fits().tolist()


@pytest.fixture
def evaluated(monkeypatch):
    """The places of the hosts for which the tree is asked, as it is asked."""
    asked = []
    evaluate = Sweep._evaluated
    monkeypatch.setattr(
        Sweep, "_evaluated", lambda self, node, side, host: asked.append(host) or evaluate(self, node, side, host)
    )
    return asked


def test_both_sides_must_be_exactly_true():
    assert fits({"Owner": '"a"', "Requirements": "TARGET.Memory >= 2048"}) == [False, False, True, True]
    assert fits({"Owner": '"m"', "Requirements": "TARGET.Memory >= 2048"}) == [False] * 4
    assert fits({"Owner": '"a"', "Requirements": "1"}) == [False] * 4
    assert fits({"Requirements": "true"}) == [False] * 4  # UNDEFINED is not true
    assert fits({"Owner": '"a"'}) == [True] * 4  # no requirements: no objection


def test_no_hosts_and_no_attributes():
    assert fits({"Requirements": "true"}, hosts=[]) == []
    assert fits({}, hosts=[Ad()]) == [True]


@pytest.mark.parametrize(
    "requirements",
    [
        'eval("TARGET." + "Memory") > 1024',
        'TARGET.LEFT.Owner == "a"',
        "Requirements",
        "LEFT.Name",
        'MY["Owner"] == "a"',
        "isUndefined(parent.x)",
        ".RIGHT.Memory > 1024",
        "[Memory = 1].Memory == 1 && [x = TARGET.Memory].x > 1024",
        "{TARGET.Memory}[0] > 1024",
        "sum({Memory, 1}) > 1025",
        "!" * 120 + "(TARGET.Memory > 1024)",
        "!" * 440 + "(TARGET.Memory > 1024)",
        " || ".join(f"TARGET.Memory == {n}" for n in range(1024, 1024 + 250)),
    ],
)
def test_what_no_column_can_take_is_left_to_the_tree(requirements):
    job = ad({"Owner": '"a"', "Requirements": requirements})
    assert Sweep(Columns(HOSTS), job, World()).fits().tolist() == tree.fits(job, HOSTS)


@pytest.mark.parametrize(
    "requirements",
    [
        "Twice24 > 0",
        "Twice24 =?= 1 || true",
        "Twice12 > 0",
        'regexp("b", Long) =?= false',
        " && ".join(['regexp("b", Long) =?= false'] * 8),
        " && ".join(['regexp("b", TARGET.Long) =?= false'] * 8),
        " && ".join(['TARGET.Banned != strcat(Long, "b")'] * 8),
    ],
)
def test_the_parts_of_an_expression_together_have_one_budget(requirements, monkeypatch):
    for module in (scope, sweep):
        monkeypatch.setattr(module, "STEPS", 200_000)
    doubled = {f"Twice{n}": f"Twice{n - 1} + Twice{n - 1}" for n in range(1, 25)}
    long = {"Long": f'"{"a" * 20_000}"'}
    job = ad({**doubled, **long, "Twice0": "TARGET.Memory", "Requirements": requirements})
    hosts = [ad({"Long": f'"{"a" * 20_000}{n}"', "Memory": n, "Banned": f'"{n}"'}) for n in "12"]
    assert Sweep(Columns(hosts), job, World()).fits().tolist() == tree.fits(job, hosts)


@pytest.mark.parametrize("name", ["'a b'", "'é'", "'my'", "'is'"])
def test_any_name_will_do(name):
    hosts = [ad({name: str(n)}) for n in range(3)]
    for requirements in (f"TARGET.{name} > 1", f"{name} > 1"):
        assert fits({"Requirements": requirements}, hosts) == tree.fits(ad({"Requirements": requirements}), hosts)


def test_attributes_named_like_the_records_of_a_match():
    job = {"Owner": '"a"', "Requirements": "TARGET.Memory > 1024"}
    assert fits({**job, "TARGET": "[Memory = 2048]"}) == [True] * 4
    hosts = [parse_ad("[MY = [Banned = 1]; Banned = 2; Requirements = MY.Banned == 1]")]
    assert fits({}, hosts) == [True]


def test_only_hosts_that_are_wanted_are_evaluated_one_by_one(evaluated):
    hosts = [ad({"Name": f'"node{n}"', "Big": str(n > 97).lower()}) for n in range(100)]
    assert fits({"Requirements": 'TARGET.Big && regexp("9$", TARGET.Name)'}, hosts).count(True) == 1
    assert evaluated == [98, 99]


def test_an_expression_of_one_column_is_evaluated_once_for_each_value(evaluated):
    hosts = [ad({"Arch": f'"arch{n % 3}"'}) for n in range(100)]
    assert fits({"Requirements": 'strcat(TARGET.Arch, "!") == "arch1!"'}, hosts).count(True) == 33
    assert set(evaluated) == {0, 1, 2}


@pytest.mark.parametrize("operator", COMPARISONS)
def test_texts_compare_with_or_without_their_case(operator):
    hosts = [ad({"Text": text}) for text in (*TEXTS, "undefined", "")]
    for text in (*TEXTS, '"ABC"', '"m"', "undefined", "error", "1"):
        for requirements in (f"TARGET.Text {operator} {text}", f"{text} {operator} TARGET.Text"):
            assert fits({"Requirements": requirements}, hosts) == tree.fits(ad({"Requirements": requirements}), hosts)


@pytest.mark.parametrize("job", ["1", "3", "2.5", '"a"', ""])
@pytest.mark.parametrize("hosts", [("1", "2"), ("3", ""), ("", ""), ("2.5", "undefined")])
def test_a_name_without_a_scope_is_the_jobs_where_a_host_has_none(job, hosts):
    given = [ad({"Size": size, "Requirements": "Size > 2"}) for size in hosts]
    assert fits({"Size": job}, given) == tree.fits(ad({"Size": job}), given)
