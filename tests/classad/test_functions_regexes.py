"""Functions of regular expressions: options, replacements, escapes, and their bounds."""

from __future__ import annotations

import pytest

from classad.comparing import agrees, departs, lines
from vmf import classad
from vmf.classad import ERROR, regexes

TEXTS = lines(r"""
stringList_regexpMember("(","")
stringList_regexpMember("x","")
stringList_regexpMember("^b$"," a ; b ",";")
regexp("\\x{41}","A")
regexp("\\x4","x4")
regexp("\\x4",strcat("\4"))
regexp("\\x{41","A")
regexp("\\u0041","A")
regexp("\\U","U")
regexp("\\N{U+41}","A")
regexp("(*UTF)^.$","é")
regexp("^.$","é")
regexp("(*UTF)^.$",substr("é",0,1))
regexp("é","É","i")
regexp("\\w","é")
regexp("a","A","I")
regexp(undefined,error)
regexp("a","a",undefined)
regexp("(?C1)a","a")
regexp("(?R)","a")
regexpMember("a",{"b",5,"a"})
regexpMember("(",{"a"})
regexpMember("(",{})
regexps("b","abcb","x","g")
regexps("z","abcb","x","g")
regexps("z","abcb","x","f")
regexps("b","abc","é\\")
replaceall("^","abc","x")
replaceall("$","abc","x")
replaceall("","abc","x")
replaceall("b|","abc","x")
replaceall("(?=b)","abc","x")
replaceall("(?<=a)","abc","x")
regexps("(?=b)","abc","x","g")
regexps("(?=b)","abc","x","f")
replaceall("","","x")
replaceall("a\\K","aba","x")
replaceall("(?<=(a))b","abab","\\1")
replaceall("é","aébé","x")
regexp("a\\Z","a\n")
regexp("a.c","a\nc","s")
regexp("^b","a\nb","m")
regexp("a b # c","ab","x")
regexp("","")
regexp("(a)|b","b")
regexp("a",5)
regexp("a","a",5)
regexp("(a+)+$","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")
regexpMember("(a+)+$",{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"})
stringList_regexpMember("(a+)+$","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab,a")
regexpMember("a",{"b",undefined})
regexpMember("a",{"b",undefined,"a"})
regexpMember("a",{"a",5})
regexpMember("A",{"a"},"i")
regexps("b","abcb","x","fg")
regexps("(b)(x)?c","abc","[\\1|\\2]")
regexps("(b)(c)?","abc","[\\1|\\2]")
regexps("(x)?b","abc","[\\0]")
regexps("(x)?(b)","abc","[\\1\\2]")
regexps("b","abc","[\\n\\]")
regexps("B","abc","x","i")
regexps("a","a","b",5)
regexps("(?=b)(a)?|c","abcb","x","g")
replace("b","abcb","x")
replace("b","abcb","x","g")
replace("","abc","x")
replaceall("b","abcb","x")
replaceall("b*","abcb!","x")
replaceall("b*(?=.)","abbcb!","x")
replaceall("\\bx|y*?(?=z)","xyyz","-")
regexp("\\Q\\x{41}\\E","\\x{41}")
stringList_regexpMember("A.","x,ab",",","I")
stringList_regexpMember(undefined,"x")
stringList_regexpMember("x","x",undefined)
""")

REFUSED = lines(r"""
regexp("\\C","a")
""")


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_the_reference_s(text):
    agrees(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_reference_gets_wrong_is_an_error(text):
    departs(text, ERROR)


def worth(text, my="[]"):
    return classad.evaluate(classad.parse(text), classad.parse_ad(my))


def test_backtracking_without_end_ends_with_an_error():
    text = 'regexp("^(([a-z])+.)+[A-Z]([a-z])+$", s)'
    assert worth(text, f'[s = "{"a" * 200}"]') is ERROR


def test_a_match_may_try_less_often_than_in_the_reference():
    departs(f'regexp("(a+)+$", "{"a" * 19}b")', ERROR)


def test_a_pattern_may_lower_its_bounds_and_not_raise_them():
    pattern = "(*LIMIT_MATCH=4000000000)^(([a-z])+.)+[A-Z]([a-z])+$"
    assert worth(f'regexp("{pattern}", s)', f'[s = "{"a" * 200}"]') is ERROR


@pytest.mark.parametrize(("size", "answer"), [(regexes.SUBJECT_SIZE, True), (regexes.SUBJECT_SIZE + 2, ERROR)])
def test_a_subject_has_a_longest_size(size, answer):
    assert worth('regexp("^a", strcat(s, s))', f'[s = "{"a" * (size // 2)}"]') is answer


@pytest.mark.parametrize(("size", "answer"), [(regexes.PATTERN_SIZE, True), (regexes.PATTERN_SIZE + 1, ERROR)])
def test_a_pattern_has_a_longest_size(size, answer):
    assert worth('regexp(p, "a", "x")', f'[p = "{"a".ljust(size)}"]') is answer


def test_replacements_that_multiply_are_paid_for():
    ad = f'[s = "{"a" * 5000}"; t = replaceall("a", s, s)]'
    assert worth("size(t)", ad) is ERROR


def test_a_match_that_is_costly_uses_up_the_evaluation():
    ad = f'[s = "{"a" * 900000}"; l = {{{", ".join("s" * 20)}}}]'
    assert worth('regexpMember("b", l)', ad) is ERROR
