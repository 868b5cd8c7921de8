"""What guests publish: whatever a console says, in whatever pieces, it is read alike, and little is kept of it."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf import classad
from vmf.ads import job_ad
from vmf.model import Job
from vmf.published import LINE_MOST, NAMES_MOST, SIZE_MOST, Published, Reason, believable, joined, taken

FUZZ = settings(database=None, max_examples=300)
JOB = Job(name="j", memory=2**28, attributes={"Owner": '"ada"'}, requirements="Memory >= 8192")
NAMES = st.sampled_from([b"a", b"A", b"b", b"Owner", b"MyType", b"__proto__", b"1", b"", b"x" * 63, b"x" * 64])
VALUES = st.sampled_from([b"1", b"-2.5", b'"t"', b"true", b"{1,[a=2]}", b"a", b"1+1", b"", b"f(1)", b'"', b"\xff"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"", b"\n\r\n"])
LINES = st.builds(
    lambda mark, name, value, end: mark + name + b" = " + value + end,
    st.sampled_from([b"vmf: publish ", b"vmf: publish", b" vmf: publish ", b"vmf: ", b""]),
    NAMES,
    VALUES,
    ENDS,
)
NOISE = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"\0" * 50, b"x" * 1100, b"vmf: publish a = " + b" " * 1030])
)
CONSOLES = st.lists(st.one_of(LINES, LINES, NOISE), max_size=20).map(b"".join)


def published(*pieces, known=None):
    found = Published(taken=taken(JOB), known=known or {})
    for piece in pieces:
        found.hear(piece)
    return found


def line(name, value):
    return f"vmf: publish {name} = {value}\n".encode(errors="surrogateescape")


def reasons(found):
    assert isinstance(found.attributes, dict)
    return {each.reason for each in found.refusals()}


@FUZZ
@given(CONSOLES, st.lists(st.integers(0, 2000)))
def test_any_bytes_in_any_pieces_give_the_same_as_whole(console, cuts):
    places = sorted({0, len(console), *(cut for cut in cuts if cut < len(console))})
    pieces = [console[begin:end] for begin, end in itertools.pairwise(places)]
    whole, parts = published(console), published(*pieces)
    assert parts.attributes == whole.attributes
    assert list(parts.refusals()) == list(whole.refusals())


@FUZZ
@given(CONSOLES)
def test_whatever_is_published_goes_into_an_ad_in_place_of_nothing(console):
    ad = job_ad(joined(JOB, published(console).attributes))
    before = job_ad(JOB)
    assert {name: ad[name] for name in before} == dict(before)
    classad.FORMS["old"].write([ad])


def test_the_last_line_of_a_name_counts_and_its_case_does_not():
    assert published(b"boot\r\n", line("A", 1), line("b", '"x"'), line("a", 2)).attributes == {"a": "2", "b": '"x"'}
    assert published(line("a", 1), line("a", "no + literal")).attributes == {}


def test_a_line_has_to_be_one_and_whole():
    assert published(b"50%\rvmf: publish a = 1\r").attributes == {"a": "1"}
    for console in (
        b"vmf: publish a = 1",
        b"[ 1.0] vmf: publish a = 1\n",
        b"vmf:publish a = 1\n",
        b"vmf: publish a 1\n",
    ):
        assert published(console).attributes == {}


@pytest.mark.parametrize(
    "text",
    ["0", "-5", "1.5e3", "true", "UNDEFINED", '"it \\"is\\""', "{}", "{ 1, {true} }", '[ a = "b"; c = {1} ]', '"ä"'],
)
def test_literals_are_taken_as_they_are(text):
    assert published(line("a", text)).attributes == {"a": text}


@pytest.mark.parametrize(
    "text",
    [
        *("b", "1 + 1", "-b", "(1)", "f()", "{1, b}", "[a = b]", "x.y", "error", "= 1", "9" * 30),
        *('"a', '"a\\nb"', '{"\\\\"}', "1\0", '"\udcff"', 'absTime("2020-01-01T00:00:00Z")', "{" * 500, "(" * 900),
    ],
)
def test_what_is_no_literal_is_refused(text):
    found = published(line("a", text))
    assert found.attributes == {}
    assert reasons(found) == {Reason.VALUE}


@pytest.mark.parametrize("deep", [100, 10_000])
def test_what_nests_deep_is_read_on_the_stack_of_any_thread(deep):
    found = published(line("a", "{" * deep + "}" * deep))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(found.attributes))
    thread.start()
    thread.join()
    assert len(seen[0]) == (deep == 100)


@pytest.mark.parametrize(
    "name",
    [
        *("Requirements", "mytype", "RANK", "JobVMType", "JobState", "RemoteHost", "JobOutcome", "Memory", "HasVm"),
        *("owner", "MY", "target", "Other", "parent", "LEFT", "CurrentTime", "true", "isnt"),
    ],
)
def test_names_that_mean_something_are_refused(name):
    found = published(line(name, 1))
    assert found.attributes == {}
    assert reasons(found) == {Reason.TAKEN}


@pytest.mark.parametrize("name", ["a b", "a-b", "ä", "x" * 64, "1a", "", "a\x1b[2J"])
def test_names_that_are_none_are_refused(name):
    found = published(line(name, 1))
    assert (found.attributes, reasons(found)) == ({}, {Reason.FORM})


def test_names_of_other_languages_are_names_like_others():
    assert published(line("__proto__", 1), line("constructor", 2)).attributes == {"__proto__": "1", "constructor": "2"}


def test_a_line_may_be_a_kibibyte_long():
    head = b"vmf: publish a = "
    fits = head + b'"' + b"x" * (LINE_MOST - len(head) - 2) + b'"'
    assert len(published(fits + b"\n").attributes) == 1
    for pieces in ([fits + b" \n"], [fits, b" ", b"\n"], [fits * 5, b"\n"]):
        found = published(*pieces)
        assert (found.attributes, reasons(found)) == ({}, {Reason.LONG})


def test_there_are_so_many_names_and_so_many_bytes():
    many = published(*(line(f"n{number}", number) for number in range(3 * NAMES_MOST)), line("n0", "true"))
    assert len(many.attributes) == NAMES_MOST
    assert many.attributes["n0"] == "true"
    assert reasons(many) == {Reason.NAMES}
    much = published(*(line(f"n{number}", f'"{"x" * 900}"') for number in range(NAMES_MOST)))
    assert sum(len(name) + len(text) for name, text in much.attributes.items()) <= SIZE_MOST
    assert reasons(much) == {Reason.SIZE}


def test_a_literal_that_has_grown_too_large_is_not_kept_as_it_was():
    full = [line(f"n{number}", f'"{"x" * 900}"') for number in range(18)]
    found = published(line("a", 1), *full, line("a", f'"{"x" * 900}"'))
    assert "a" not in found.attributes
    found.hear(line("a", 2))
    assert found.attributes["a"] == "2"


def test_of_a_flood_little_is_kept_and_each_reason_is_told_once():
    found = published()
    for number in range(200):
        found.hear(b"".join(line(f"n{number}_{each}", "no") + line("MyType", each) for each in range(50)))
    assert found.attributes == {}
    assert reasons(found) == {Reason.NAMES, Reason.TAKEN, Reason.VALUE}
    found.hear(line("MyType", 1))
    assert reasons(found) == set()
    assert len(found._lines) == NAMES_MOST
    for _ in range(1000):
        found.hear(b"x" * 10_000)
    assert len(found._begun) <= LINE_MOST + 1


def test_a_text_publishes_on_every_line():
    found = published(line("a", 1))
    found.read(b'a = 2\r\n\n  b="x"\nvmf: publish c = 1\nd = 4')
    assert found.attributes == {"a": "2", "b": '"x"', "d": "4"}
    assert reasons(found) == {Reason.FORM}
    found.read(b"e = 1\n" * SIZE_MOST)
    assert "e" not in found.attributes
    assert reasons(found) == {Reason.TEXT}


def test_what_was_known_before_stays_until_it_is_published_anew():
    found = published(line("b", 3), known={"a": "1", "B": "2", "Owner": '"eve"'})
    assert found.attributes == {"a": "1", "b": "3"}


def test_the_jobs_own_attributes_and_what_expressions_say_stay_what_they_are():
    seen = joined(JOB, {"Need": "4", "OWNER": '"eve"', "TARGET": "[Memory = 9999]", "requirements": "true"})
    assert dict(seen.attributes) == {"Need": "4", "Owner": '"ada"'}
    assert joined(JOB, {}) is JOB


@given(st.dictionaries(st.text(max_size=8), st.sampled_from(["1", "1 +", "Memory * 2", "{1,[a=2]}", "", "1\nb = 2"])))
@FUZZ
def test_what_a_file_says_was_published_fits_into_an_ad(said):
    found = believable(
        JOB, {**said, "a": "7", "c": "Memory * 2", "Owner": '"eve"', **{f"n{n}": "1" for n in range(200)}}
    )
    assert NAMES_MOST - 10 < len(found) <= NAMES_MOST
    assert found.get("a", "7") == "7"
    assert not {"c", "Owner"} & found.keys()
    job_ad(joined(JOB, found))
