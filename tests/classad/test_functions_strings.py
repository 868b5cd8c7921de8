"""Functions of strings and versions: what each has of its own."""

from __future__ import annotations

import pytest

from classad.comparing import agrees, departs, lines
from vmf.classad import ERROR

TEXTS = lines(r"""
split("a,b c;d")
split("a,,b")
split("a, b")
split("a ,b")
split("a  b")
split(",a,")
split(",,")
split("a,\t,b")
split("a,;b",";,")
split("a;;b",";")
split("a b","")
split("")
split("a b",undefined)
split(undefined)
splitUserName("a@b@c")
splitSlotName("a@b@c")
splitSlotName("a")
splitUserName("a")
splitUserName("")
splitUserName("a@")
splitUserName(5)
splitUserName(undefined)
string(-0.0)
string(1.5)
string(1e20)
string({1.5, "a\n", undefined, x})
string([ab = 1])
substr("abc",-5)
substr("abc",-5,2)
substr("abc",1,-1)
substr("abc",1,-5)
substr("abc",0,-5)
substr("abc",1,0)
substr("abc",5)
substr("aéc",2,1)
substr("aéc",1,1)
join(",",{1,undefined,2})
join(",",{undefined})
join(undefined,{1,2})
join(undefined)
join({1,2,error})
join(",",1,2,{3})
join(",","","a","","b")
join({"","a","","b"})
join(error,{1})
join({1},{3})
strcat(1,undefined)
strcat(1,error,undefined)
strcat(undefined,error)
strcat({1},[a = 1])
toUpper("aé")
versioncmp("8.10","8.9")
versioncmp("1.02","1.2")
versioncmp("1.20","1.200")
versioncmp("é","a")
versioncmp("","é")
versioncmp("000","00")
versioncmp("x00","x0")
versioncmp("x001","x01")
versioncmp("1.0a","1.0")
versioncmp("a10b","a9c")
version_in_range("8.9","8.8","8.10")
version_in_range(undefined,"8.8","8.10")
version_in_range("8.9",undefined,"8.10")
versionEQ(error,undefined)
stricmp("É","é")
stricmp("_","A")
strcmp("a",1)
""")

REFUSED = lines(r"""
substr("abc",3000000000)
""")


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_the_reference_s(text):
    agrees(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_reference_gets_wrong_is_an_error(text):
    departs(text, ERROR)
