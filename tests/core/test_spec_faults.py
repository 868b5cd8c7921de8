from __future__ import annotations

import pytest

from vmf.errors import Fault, SpecError
from vmf.spec.faults import Faults, Place, Source, printable, shown, suggestion


def place(line: str, *, column: int = 1) -> Place:
    return Place(source=Source(where="job.yaml", lines=(line,)), line=1, column=column)


def test_a_fault_shows_its_line_with_a_caret_below_the_column():
    fault = place("memory: lots", column=9).fault("no size", hint="write 1GiB")
    assert str(fault).splitlines() == [
        "job.yaml:1:9: no size",
        "    memory: lots",
        "            ^",
        "    write 1GiB",
    ]


def test_tabs_and_control_characters_are_replaced_one_for_one_so_that_the_caret_stays_right():
    fault = place("a:\t\x1b[31m\u202ex", column=10).fault("x")
    assert fault.source == "a: \N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}x"
    assert fault.source[fault.column - 1] == "x"


def test_a_line_break_is_no_part_of_the_excerpt():
    assert place("a: b  \r").fault("x").source == "a: b"


def test_a_long_line_is_cut():
    assert len(place("x" * 5000, column=3).fault("x").source) < 130


def test_of_a_line_too_long_to_be_shown_the_excerpt_is_around_the_place():
    fault = place("x" * 3999 + "!" + "x" * 1000, column=4000).fault("x")
    assert fault.column == 4000
    _, excerpt, caret = str(fault).splitlines()
    assert excerpt[caret.index("^")] == "!"
    assert len(excerpt) < 130


def test_a_place_behind_the_last_line_has_no_excerpt():
    assert Place(source=Source(where="f", lines=("a",)), line=2, column=1).fault("x").source == ""


def test_what_has_no_lines_has_no_line_number():
    assert str(Place(source=Source(where="--set a=b")).fault("wrong")) == "--set a=b: wrong"


def test_a_hostile_file_name_cannot_control_the_terminal():
    assert "\x1b" not in str(Place(source=Source(where="\x1b[2J\n.yaml", lines=("",))).fault("x"))


def test_faults_are_gathered_once_each_in_order():
    faults = Faults()
    for what in ("b", "a", "b"):
        with faults:
            raise SpecError((Fault(what=what),))
    with pytest.raises(SpecError) as caught:
        faults.settle()
    assert [fault.what for fault in caught.value.faults] == ["b", "a"]


def test_nothing_gathered_is_nothing_raised():
    Faults().settle()


def test_other_errors_are_not_swallowed():
    with pytest.raises(KeyError), Faults():
        raise KeyError


@pytest.mark.parametrize("text", ["<a&b>", 'it\'s "it"', "a\nb\x1b", "a/../b", "\udcff", "x" * 300, "\u202e"])
def test_any_text_is_shown_readably(text):
    words = shown(text)
    assert words.isprintable()
    assert len(words) <= 60


def test_printable_keeps_every_column():
    assert printable("a\tb\x00\u2028ü") == "a b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}ü"


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("memroy", ["memory", "cpus"], "did you mean memory?"),
        ("MEMORY", ["memory", "cpus"], "did you mean memory?"),
        ("zzz", ["memory", "cpus"], "known here: memory, cpus"),
        ("zzz", [], "known here: none"),
        ("vcn", ["run", "vnc"], "did you mean vnc?"),
        ("script", ["secrets"], "known here: secrets"),
        ("VMF999", ["VMF409"], "known here: VMF409"),
        ("environment", ["requirements"], "known here: requirements"),
        ("count", ["cloud_init"], "known here: cloud_init"),
        ("x" * 100_000, ["memory"], "known here: memory"),
    ],
)
def test_what_was_meant_or_what_is_known(word, known, hint):
    assert suggestion(word, known) == hint


def test_much_that_is_known_is_listed_in_part():
    assert suggestion("zzz", [f"image-{number}" for number in range(100)]).endswith("image-19, and 80 more")
