from __future__ import annotations

import pytest

from match.writer import ad
from vmf.classad import Ad, parse
from vmf.match.columns import Columns

TOLD_APART = [
    "1",
    "true",
    "1.0",
    '"1"',
    "0.0",
    "-0.0",
    '"a"',
    '"A"',
    "undefined",
    "error",
    "1 + 0",
    "{1}",
    "{true}",
    "",
]


def column(values, name="x"):
    return Columns([ad({"X": value}) for value in values])[name]


def test_hosts_with_the_same_expression_are_of_one_kind():
    assert column([*TOLD_APART, *TOLD_APART]).kinds.codes.tolist() == [*range(len(TOLD_APART))] * 2


def test_nan_is_one_kind_and_so_are_bytes_that_are_no_utf_8():
    assert column(['real("NaN")'] * 2).kinds.count == 1
    assert Columns([Ad({"x": text}) for text in ("\udc80", "\udc81", "\udc80")])["x"].kinds.codes.tolist() == [0, 1, 0]


def test_an_attribute_that_no_host_has():
    found = column(["1", "2"], name="other")
    assert (found.nodes, found.kinds.count) == ((None,), 1)


@pytest.mark.parametrize("values", [["1", '"a"'], ["1", "1.0"], ["1", "true"], ["1 + 1"]])
def test_values_of_several_types_are_no_vector(values):
    assert column(values).vector is None


def test_kinds_of_several_attributes_are_what_is_alike_in_all():
    hosts = [{"a": "1", "b": '"x"'}, {"a": "1", "b": '"y"'}, {"a": "2", "b": '"x"'}, {"a": "1", "b": '"x"'}]
    columns = Columns([ad(host) for host in hosts])
    codes = columns.kinds(frozenset({"a", "b"})).codes.tolist()
    assert codes[0] == codes[3]
    assert len(set(codes)) == 3
    assert [codes[host] for host in columns.kinds(frozenset({"a", "b"})).first.tolist()] == [0, 1, 2]


def test_which_hosts_lack_an_attribute():
    columns = Columns([Ad({"a": parse("1")}), Ad(), Ad({"A": parse("undefined")})])
    assert columns.without("a").tolist() == [False, True, False]
