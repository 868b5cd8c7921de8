"""Ads in files: new syntax, old syntax, JSON."""

from __future__ import annotations

import json
from random import Random

import classad2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classad import reference, texts
from vmf.classad.ad import Ad
from vmf.classad.forms import FORMS, read, read_json, read_new, read_old, write_json, write_new, write_old
from vmf.classad.parser import ClassAdSyntaxError, parse, parse_ad
from vmf.classad.tree import Reference
from vmf.classad.unparsing import COMPACT, unparse
from vmf.classad.values import UNDEFINED
from vmf.errors import UsageError

ROUNDS = 500
AD = r"""[ Memory = 2048; Name = "a \"b\" \\ é"; Start = TARGET.x is "y" && !(z ?: 0.1 > 1e400); 'j k' = {1, [q = .a]};
    none = undefined; wrong = error; when = absTime("2004-01-01T00:00:00-05:00"); long = relTime("5.5"); minus = - 5;
    'true' = a.'b c'; bytes = "\377";
    looks = "/Expr(1)/"; marked = "\\/Expr(1)\\/"; e = []; f = {}; g = 1.0; h = -0.0 ]"""


def fault(reader, text: str):
    with pytest.raises(ClassAdSyntaxError) as caught:
        reader(text)
    return caught.value.fault


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_back_the_very_ads(form):
    ads = (parse_ad(AD), parse_ad("[ a = 1 ]"))
    text = FORMS[form].write(ads)
    assert repr(FORMS[form].read(text)) == repr(ads)
    assert repr(read(text)) == repr(ads)


def test_random_ads_survive_every_form():
    source = Random(12)  # noqa: S311  # repeatable is the point
    for _ in range(ROUNDS):
        try:
            ad = parse_ad(texts.fields(source))
        except ClassAdSyntaxError:
            continue
        for form in FORMS.values():
            try:
                text = form.write((ad,))
            except UsageError:
                continue
            assert [repr(back) for back in form.read(text)] == [repr(ad)], text


def test_what_is_written_is_read_by_the_reference():
    ad = parse_ad(AD)
    assert reference.ad(write_new((ad,)))["Name"] == 'a "b" \\ é'
    old = next(
        iter(
            classad2.parseAds(
                write_old((Ad([pair for pair in ad.items() if pair[0] != "bytes"]),)), classad2.ParserType.Old
            )
        )
    )
    assert repr(old.lookup("Start")) == repr(reference.parsed('TARGET.x is "y" && !(z ?: 0.1 > 1e400)'))
    assert old["marked"] == r"\/Expr(1)\/"
    assert json.loads(write_json((ad,)))[0]["Memory"] == 2048


def test_new_syntax_holds_several_ads_between_spaces_and_comments():
    one, other = read('// two\n[a = 1]\n /* and */ [ b = "]"; c = {[d = 1]}[0] ]')
    assert dict(one) == {"a": 1}
    assert list(other) == ["b", "c"]
    assert len(read_new("[][]")) == 2
    assert read_new(" // none\n") == ()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (r'a = "C:\dir\new"', r"C:\dir\new"),
        (r'a = "C:\dir\"', "C:\\dir\\"),
        (r'a = "say \"x\""', 'say "x"'),
        (r'a = "x\\"', r"x\\"),
        (r'a = "x\'y"', r"x\'y"),
        ("a=1\r", 1),
        ("  a  =  b  // why", Reference("b")),
        ("'q r' = 5", 5),
    ],
)
def test_old_syntax_has_its_own_escapes(line, value):
    (ad,) = read_old(line)
    assert list(ad.values()) == [value]


def test_old_lines_mean_what_they_mean_to_the_reference():
    source = Random(13)  # noqa: S311  # repeatable is the point
    taken = 0
    for _ in range(20 * ROUNDS):
        line = texts.old_line(source)
        try:
            (ad,) = read_old(line)
        except ClassAdSyntaxError:
            continue
        theirs = next(iter(classad2.parseAds(line, classad2.ParserType.Old)))
        assert unparse(ad["a"], COMPACT) == repr(theirs.lookup("a")), line
        taken += 1
    assert taken > ROUNDS // 2


def test_old_syntax_has_an_ad_between_blank_lines():
    ads = read_old("\n# first\na = 1\n   # still\nb = 2\n\n \n\nA = 3\na = 4\n")
    assert [list(ad.items()) for ad in ads] == [[("a", 1), ("b", 2)], [("A", 4)]]


@pytest.mark.parametrize("text", ["a = 1\nbad line\n", "a = 1\nb = 1; c = 2\n", 'a = 1\nb = "x" "y"', "x = 1\ny =\n"])
def test_a_line_that_is_no_attribute_is_refused_with_its_number(text):
    assert fault(read_old, text).line == 2


def test_places_count_from_the_file_s_beginning():
    found = fault(read, "[a = 1]\n\n[\n b = 2 3\n]")
    assert (found.line, found.column) == (4, 8)


def test_old_syntax_refuses_to_write_what_it_cannot_hold():
    for fields in ({"a": parse(r'"a\nb"')}, {"a": parse(r'x == "a\\"')}, {"a": parse(r'{"a\\"}')}, {}):
        with pytest.raises(UsageError, match="old syntax"):
            write_old((Ad({"b": 1}), Ad(fields)))


def test_json_tells_expressions_from_strings():
    (ad,) = read_json(
        r'{"a": "\/Expr(b + 1)\/", "c": "/Expr(b + 1)/", "d": null, "\/Expr(e)\/": [1, {"f": 2.0}], "g": "\/EXPR(7)\/"}'
    )
    assert repr(ad) == repr(
        Ad({"a": parse("b + 1"), "c": "/Expr(b + 1)/", "d": UNDEFINED, "/Expr(e)/": parse("{1, [f = 2.0]}"), "g": 7})
    )


def test_json_writes_as_the_reference_does():
    text = '[ a = x + "1"; s = "a/b\\n\\001é"; l = {1,true}; u = undefined; e = error; r = 0.25 ]'
    ours = json.loads(write_json((parse_ad(text),)))[0]
    assert ours == json.loads(reference.ad(text).printJson())
    assert r'"\/Expr(x + \"1\")\/"' in write_json((parse_ad(text),))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "no JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 9223372036854775808}', "64 bits"),
        ('{"a": ' + "1" * 5000 + "}", "64 bits"),
        ("[{}, 1]", "an object"),
        ('{"": 1}', "a name"),
        (r'{"a": "\u0000"}', "NUL"),
        (r'{"a": "\u0000(1)\/"}', "NUL"),
        (r'{"a": "\ud800"}', "half a character"),
        (r'{"a": "\/Expr(1 +)\/"}', "an expression is missing"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nests more"),
        ('{"a": ' + "[" * 100_000, "nests more"),
    ],
)
def test_json_that_is_no_ad_is_refused(text, what):
    assert what in fault(read_json, text).what


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (r'"\/Expr(1 +)\/"', "an expression is missing"),
        ("9223372036854775808", "64 bits"),
        ("-Infinity", "no number"),
        (r'"b\\\u0000"', "NUL"),
        (r'"\udc00\ud800"', "half a character"),
        ("'b'", "no JSON"),
    ],
)
def test_a_fault_in_json_has_its_place_in_the_file(value, what):
    text = (
        '[{"x": "a\\\\u0000",\n  "y": "\\/Expr(b)\\/"},\n {\n  "a" : 12, "b" : ' + value + ', "c": "\\/Expr(3 3)\\/"}]'
    )
    found = fault(read, text)
    assert (found.line, what in found.what) == (4, True), found
    assert found.source[found.column - 1 :].startswith(value)


def test_of_two_faults_in_json_the_first_is_told():
    found = fault(read_json, '{"a": wrong,\n "b": "\\u0000"}')
    assert (found.line, found.column) == (1, 7)


def test_what_is_no_json_has_its_column_after_expressions():
    found = fault(read_json, r'{"a": "\/Expr(x)\/", "b": "\/EXPR(y)\/" ! }')
    assert found.source[found.column - 1 :] == "! }"


def test_a_name_in_json_has_a_place_too():
    found = fault(read_json, '{"a": 1,\n  "\\u0000" : 2}')
    assert (found.line, found.column) == (2, 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_byte_order_mark_is_no_part_of_the_first_ad(form):
    text = "\ufeff" + FORMS[form].write([Ad({"a": 1})])
    assert [dict(ad) for ad in FORMS[form].read(text)] == [dict(ad) for ad in read(text)] == [{"a": 1}]


READERS = (parse, parse_ad, read, read_new, read_old, read_json)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ['"\\', '\\"', "'\\", "/* ", '"a" "\\', '"\0', '"\\\n'])
@pytest.mark.parametrize("before", ["", "[a = ", "a = ", '{"a": ', "{"])
def test_what_is_opened_and_never_closed_is_looked_at_once(piece, before):
    text = before + piece * (500_000 // len(piece))
    for reader in READERS:
        fault(reader, text)


@pytest.mark.timeout(20)
def test_the_place_of_an_ad_is_not_counted_from_the_beginning_each_time():
    assert len(read_new("\n[]" * 150_000)) == 150_000


@settings(max_examples=200)
@given(st.binary(max_size=100) | st.text("{}[]\":=\\/ax1\n# '", max_size=40).map(str.encode))
def test_any_bytes_are_ads_or_a_syntax_error(raw):
    for reader in (read, read_new, read_old, read_json):
        try:
            reader(raw.decode("utf-8", "surrogateescape"))
        except ClassAdSyntaxError:
            continue
