from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, inspect

from vmf.errors import Fault, SpecError
from vmf.model import Host, Image, Job
from vmf.spec.faults import Source
from vmf.spec.given import Given
from vmf.spec.nodes import compose
from vmf.spec.read import read, read_path
from vmf.spec.scalars import SENTENCES


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(Struct, frozen=True, kw_only=True):
    needed: Annotated[str, Meta(description="What it is for.")]
    number: int = 7


class Everything(Struct, frozen=True, kw_only=True):
    text: str = ""
    odd: Annotated[str, Meta(pattern=r"^(?:..)*$")] = ""
    maybe: str | None = "left"
    count: Annotated[int, Meta(ge=1, le=1024)] = 1
    free: int = 0
    size: Annotated[int, Meta(ge=1024, le=2**60, extra={"unit": "size"})] = 1024
    flag: bool = False
    colour: Colour = Colour.RED
    items: tuple[int, ...] = ()
    table: Mapping[Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    file: Path | None = None


def everything(text: str) -> Any:
    (node,) = compose(text, Source(where="f", lines=tuple(text.split("\n"))))
    return read(Given(node=node), inspect.type_info(Everything), {Path: lambda given: read_path(Path("/top"), given)})


def faults_of(text: str) -> tuple[Fault, ...]:
    with pytest.raises(SpecError) as caught:
        everything(text)
    return caught.value.faults


def fault_of(text: str) -> Fault:
    (fault,) = faults_of(text)
    return fault


@pytest.mark.parametrize(
    "text", ["no", "Yes", "1e3", "010", "3.10", "52:54:00:12:34:56", "0x1F", "2001-01-01", "true", ".inf", "1_000", "-"]
)
def test_text_stays_as_it_is_written(text):
    assert everything(f"text: {text}\n" if text != "-" else "text: '-'").text == text


@pytest.mark.parametrize(("written", "text"), [("''", ""), ("'~'", "~"), ('"null"', "null"), ("|\n  a\n  b", "a\nb\n")])
def test_quoted_and_block_texts_are_texts_whatever_they_say(written, text):
    assert everything(f"text: {written}\n").text == text


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_nothing_is_no_text_but_may_be_given_where_a_field_may_be_left_out(nothing):
    assert fault_of(f"text: {nothing}").what == "text: a text is wanted, this is empty"
    assert everything(f"maybe: {nothing}").maybe is None


def test_what_is_not_given_has_its_default():
    assert everything("{}") == Everything()


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("'12'", 12), ("1024", 1024)])
def test_numbers_are_digits(text, number):
    assert everything(f"count: {text}").count == number


@pytest.mark.parametrize("text", ["0", "-1", "1025", "9" * 18])
def test_a_number_out_of_range_is_told_the_range(text):
    fault = fault_of(f"count: {text}")
    assert fault.what.endswith("is out of range")
    assert fault.hint == "write a whole number from 1 to 1024"


@pytest.mark.parametrize(
    "text", ["010", "1e3", "0x10", "-01", "-0", "+1", "1.0", "1_0", "x", "''", "true", "٣", "9" * 5000]
)
def test_any_other_number_is_told_with_the_range_and_how_to_write_it(text):
    fault = fault_of(f"count: {text}")
    assert fault.what.startswith("count: ")
    assert fault.what.endswith("is not a whole number from 1 to 1024")
    assert "digits only" in fault.hint
    assert len(fault.what) < 150


def test_zero_is_a_number_where_no_range_forbids_it():
    assert everything("free: 0").free == 0


@pytest.mark.parametrize(("text", "size"), [("1KiB", 1024), ("'1.5 KiB'", 1536), ("2GB", 2 * 10**9)])
def test_sizes_have_units(text, size):
    assert everything(f"size: {text}").size == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("256", "the unit is missing"),
        ("lots", "write a number and a unit"),
        ("-1GiB", "write a number and a unit"),
        ("1gib", "unknown unit 'gib'"),
        ("[1]", "write a size such as 256MiB"),
        ("1kB", "write a size such as 256MiB from 1 KiB to 1048576 TiB"),
        ("0MiB", "write a size such as 256MiB from 1 KiB to 1048576 TiB"),
        ("9" * 400 + "TiB", "write a number and a unit, such as 256MiB"),
    ],
)
def test_any_other_size_is_told_how_to_write_it(text, hint):
    assert fault_of(f"size: {text}").hint.startswith(hint)


def test_only_true_and_false_are_true_and_false():
    assert everything("flag: true").flag is True
    assert everything("flag: false").flag is False
    for text in ("yes", "True", "1", "on"):
        assert "is none of true, false" in fault_of(f"flag: {text}").what


def test_a_choice_names_what_can_be_chosen():
    assert everything("colour: green").colour is Colour.GREEN
    fault = fault_of("colour: grene")
    assert (fault.what, fault.hint) == ("colour: 'grene' is none of red, green", "did you mean green?")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("text: [a]", "text: a text is wanted, this is a list"),
        ("text: {a: b}", "text: a text is wanted, this is a block of keys"),
        ("count: {a: b}", "count: a whole number is wanted, this is a block of keys"),
        ("items: 1", "items: a list is wanted, this is a text"),
        ("items: {a: 1}", "items: a list is wanted, this is a block of keys"),
        ("items: [[1]]", "items, item 1: a whole number is wanted, this is a list"),
        ("table: [a]", "table: a block of keys is wanted, this is a list"),
        ("table:", "table: a block of keys is wanted, this is empty"),
        ("inner: x", "inner: a block of keys is wanted, this is a text"),
        ("flag: [true]", "flag: one of true, false is wanted, this is a list"),
        ("- text", "a block of keys is wanted, this is a list"),
        ("text", "a block of keys is wanted, this is a text"),
    ],
)
def test_a_wrong_kind_of_value_is_told(text, what):
    fault = fault_of(text)
    assert fault.what == what
    assert fault.hint


def test_an_unknown_key_asks_what_was_meant():
    fault = fault_of("inner:\n  needed: x\n  nubmer: 1\n")
    assert (fault.what, fault.hint) == ("inner: unknown key 'nubmer'", "did you mean number?")
    assert (fault.line, fault.column) == (3, 3)


def test_an_unknown_key_like_none_lists_those_that_are_known():
    assert fault_of("inner: {needed: x, zzz: 1}").hint == "known here: needed, number"


def test_a_merge_key_is_an_unknown_key():
    assert fault_of("a: &a {text: x}\n<<: *a".replace("a: &a", "table: &a")).what == "unknown key '<<'"


def test_a_key_given_twice_points_at_the_second_and_names_the_line_of_the_first():
    fault = fault_of("text: a\ncount: 1\ntext: b\n")
    assert fault.what == "the key 'text' is given twice; the first is in line 1"
    assert (fault.line, fault.column) == (3, 1)


def test_a_key_of_a_table_given_twice_is_told_too():
    assert "given twice" in fault_of("table: {a: b, a: c}").what


@pytest.mark.parametrize("text", ["? [a]\n: b", "{{ name }}: b", "table: {[a]: b}"])
def test_a_key_that_is_no_text_is_told(text):
    assert fault_of(text).what == "a key is wanted, this is no text"


def test_a_missing_key_is_told_with_what_it_is_for():
    fault = fault_of("text: x\ninner:\n  number: 1\n")
    assert (fault.what, fault.hint) == ("inner: the key needed is missing", "add `needed:` (What it is for.)")
    assert (fault.line, fault.column) == (3, 3)


def test_a_key_whose_value_is_wrong_is_not_missing_as_well():
    assert fault_of("inner: {needed: [x]}").what == "inner.needed: a text is wanted, this is a list"


def test_a_pattern_means_the_very_end():
    assert everything("odd: ab").odd == "ab"
    assert fault_of('odd: "ab\\n"').hint == "write a text that matches ^(?:..)*$"


def test_the_keys_of_a_table_keep_their_pattern():
    assert everything("table: {NAME: no}").table == {"NAME": "no"}
    fault = fault_of("table: {NA-ME: x}")
    assert fault.what == "table: 'NA-ME' is not allowed here"
    assert fault.hint == "write letters, digits and underscores, the first no digit"


def test_blocks_and_lists_are_read_at_any_depth():
    assert everything("inners: [{needed: a}, {needed: b, number: '2'}]").inners == (
        Inner(needed="a"),
        Inner(needed="b", number=2),
    )


def test_types_that_mean_more_than_their_text_are_read_by_their_own_reader():
    assert everything("file: x/y").file == Path("/top/x/y")
    assert fault_of("file: ''").what == "file: a path is wanted, this is empty"


def test_all_that_is_wrong_is_told_in_one_go():
    text = "text: []\ncount: 010\nitems: [x, 1, y]\ninner: {nubmer: 1}\nzzz: 1\ntable: {a-b: c, d: [], e: f, e: g}\n"
    assert [fault.line for fault in faults_of(text)] == [1, 2, 3, 3, 4, 4, 5, 6, 6, 6]


@pytest.mark.parametrize("value", ["<a&b>", "it''s", "a/../../b", "x" * 300, "\u202eabc"])
def test_hostile_values_give_readable_messages(value):
    fault = fault_of(f"count: '{value}'")
    assert fault.what.isprintable()
    assert len(fault.what) < 150


def patterns(wanted: Any) -> set[str]:
    """Every pattern in a type, found by walking whatever it is made of."""
    if isinstance(wanted, tuple):
        return set().union(*(patterns(each) for each in wanted))
    if not isinstance(wanted, Struct):
        return set()
    own = {wanted.pattern} if isinstance(wanted, inspect.StrType) and wanted.pattern else set()
    return own.union(*(patterns(getattr(wanted, name)) for name in wanted.__struct_fields__))


@pytest.mark.parametrize("kind", [Job, Host, Image])
def test_every_pattern_of_the_model_has_its_sentence(kind):
    found = patterns(inspect.type_info(kind))
    assert found
    assert found <= set(SENTENCES)
