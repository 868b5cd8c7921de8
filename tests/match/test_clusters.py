from __future__ import annotations

import pytest

from match import tree
from match.writer import OWN, Writer, ad
from vmf.classad import parse
from vmf.match.clusters import clusters
from vmf.match.columns import Columns

VARIANTS = ["1", "true", "1.0", '"1"', "0.0", "-0.0", '"a"', '"A"', "undefined", "TARGET.Whole", ""]
HOSTS, FAMILIES, COUSINS = 6, 4, 12

HOST = {
    "Requirements": "TARGET.Owner != MY.Banned && Start",
    "Start": "TARGET.Priority > 1",
    "Banned": '"mallory"',
    "Favour": "TARGET.Group",
    "Sizes": "{1, MY.Size}",
}


def grouped(*variants, hosts=(HOST,), wants=(), **common):
    """The jobs' clusters, by number; jobs have what is common, and each its variant."""
    jobs = [ad({**common, **each}) for each in variants]
    return clusters(jobs, Columns([ad(host) for host in hosts]), wants).codes.tolist()


@pytest.mark.parametrize("seed", range(12))
def test_no_host_can_tell_apart_what_is_in_one_cluster(seed):
    writer = Writer(f"clusters {seed}")
    hosts = writer.hosts(HOSTS)
    jobs = []
    for family in (writer.job() for _ in range(FAMILIES)):
        for _ in range(COUSINS):
            variant = parse(writer.pick(VARIANTS) or "undefined")
            jobs.append(type(family)({**family, writer.pick((*OWN, "Noise", "Noise")): variant}))
    found = clusters(jobs, Columns(hosts))
    assert found.count == found.codes.max() + 1 < len(jobs)
    answers = [(tree.fits(job, hosts), tree.ranks(job, hosts)) for job in jobs]
    for job, code in enumerate(found.codes.tolist()):
        assert answers[job] == answers[found.first[code]], (dict(jobs[job]), dict(jobs[found.first[code]]))


def test_what_python_takes_for_equal_is_told_apart():
    values = [
        {"Priority": value} for value in ("1", "true", "1.0", '"1"', "0.0", "-0.0", "1", "undefined", "", "1 + 0")
    ]
    assert grouped(*values) == [0, 1, 2, 3, 4, 5, 0, 6, 7, 8]
    calls = [{"Rank": f"f({value})"} for value in ("1", "true", "1.0", '"1"', "1")]
    assert grouped(*calls) == [0, 1, 2, 3, 0]


def test_names_and_their_case():
    assert grouped({"PRIORITY": "1"}, {"priority": "1"}, {"Priority": "2"}) == [0, 0, 1]
    assert grouped({"Owner": '"a"'}, {"Owner": '"A"'}) == [0, 1]


@pytest.mark.parametrize(
    ("common", "significant"),
    [
        ({}, {"Owner", "Priority"}),
        ({"Requirements": "MY.Size > 1"}, {"Owner", "Priority", "Size"}),
        ({"Requirements": "Small", "Small": "Size < 3"}, {"Owner", "Priority", "Size"}),
        ({"Rank": "TARGET.Favour"}, {"Owner", "Priority", "Group"}),
        ({"Rank": "TARGET.Size"}, {"Owner", "Priority"}),
        ({"Rank": "member(2, TARGET.Sizes)"}, {"Owner", "Priority", "Size"}),
        ({"Rank": 'eval("MY.Size")'}, {"Owner", "Priority", "Group", "Size", "Noise"}),
        ({"Rank": 'MY["Size"]'}, {"Owner", "Priority", "Group", "Size", "Noise"}),
        ({"TARGET": "[Owner = 1]"}, {"Owner", "Priority", "Group", "Size", "Noise"}),
    ],
)
def test_significant_is_what_either_side_refers_to(common, significant):
    names = ("Owner", "Priority", "Group", "Size", "Noise")
    told_apart = {name for name in names if grouped({name: "1"}, {name: "2"}, **common) == [0, 1]}
    assert told_apart == significant


def test_what_only_some_jobs_refer_to_is_significant_for_all():
    jobs = [{"Size": "1"}, {"Size": "2"}, {"Rank": "MY.Size", "Size": "1"}, {"Rank": "Size", "Size": "2"}]
    assert grouped(*jobs) == [0, 1, 2, 3]


def test_what_is_wanted_is_significant():
    assert grouped({"Size": "1"}, {"Size": "2"}) == [0, 0]
    assert grouped({"Size": "1"}, {"Size": "2"}, wants=["size"]) == [0, 1]
    assert grouped({"Size": "Noise", "Noise": "1"}, {"Size": "Noise", "Noise": "2"}, wants=["size"]) == [0, 1]


def test_no_jobs():
    assert grouped() == []
