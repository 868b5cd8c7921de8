"""Functions of time that need no clock: parts, texts and formats, and where the reference loses bits."""

from __future__ import annotations

import pytest

from classad import ours, reference
from classad.comparing import agrees, departs, lines
from vmf.classad import ERROR, AbsTime, RelTime

TEXTS = lines(r"""
getDays(relTime(-100000.9))
getHours(relTime(-100000.9))
absTime(1,2,3)
string(absTime(relTime(1),-1))
string(absTime(true,1))
string(absTime(undefined,1))
string(absTime(error,1))
relTime()
relTime(1,2)
relTime(1,error)
relTime(absTime(5))
relTime("5",1)
splitTime(absTime(0,86399))
formatTime(253402300799)
formatTime(-62167219200)
formatTime(-62198755200)
formatTime([Year=0])
formatTime([Year=-5;Month=3;Day=1],"%c %C %y %G %g %V %j %U %W %u")
formatTime([Year=12345;Month=3;Day=1],"%c %C %y %G %g %V %F")
formatTime([Year=99;Month=3;Day=1],"%c %C %y %G %g %V %F")
formatTime([Hours=13;Month=0],"%I %p %l %k %P %H")
formatTime([Hours=0],"%I %p %l")
formatTime([Hours=24],"%I %p %l")
formatTime([Hours=25],"%I %p %l")
formatTime([Hours=-3],"%I %p %l %H")
formatTime([Minutes=123456],"%M")
formatTime([Day=-3],"%d %e %a %j")
formatTime(0,"%5d|%05e|%-m|%_m|%^a|%#a|%#p|%10a|%-10a|%010a|%_10d|%3Y|%6Y|%10c|%10F|%5%|%5n|%10T|%2j|%^c|%#c|%^p|%#P")
formatTime(0,"%")
formatTime(0,"%5")
formatTime(0,"%^")
formatTime(0,"%Q%i%f%J%L%K%o%v")
formatTime(0,"%EY%EC%Ec%Ex%EX%Od%OH%OI%Om%OM%OS%OU%OV%Ow%OW%Oy%Ou%Eq%Oq%OY%Ed")
formatTime(1104537600,"%G-%V-%u %U %W %g")
formatTime(1230768000,"%G-%V-%u %U %W %g")
formatTime(1262304000,"%G-%V-%u %U %W %g")
formatTime(0,"é%dü")
string(relTime(-100000))
interval(-59)
interval(-61)
interval(-3661)
interval(100000.7)
splitTime(relTime(-61.5))
splitTime(relTime(0.25))
splitTime(3000000000)
splitTime([Year=1])
formatTime([Year=2004;Month=13;Day=45;Hours=100;Minutes=-1;Seconds=99], "%c %j")
formatTime([Year=2004;Month=2;Day=29;Hours=1.5;Minutes="a"], "%c %j")
formatTime([Year=1+2003;Month=undefined;Day=error;Hours=Minutes;Minutes=7], "%c")
""")

REFUSED = lines(r"""
getSeconds(relTime(3000000000.0))
getDays(relTime(3000000000.0))
getDays(relTime(real("NaN")))
string(relTime(real("NaN")))
string(relTime(real("INF")))
splitTime(relTime(real("NaN")))
absTime(relTime(3000000000.0))
string(absTime(relTime(3000000000.0)))
string(absTime(1.0,3000000000))
string(absTime(1,3000000000))
string(absTime(1,1e10))
string(absTime("x",1))
relTime(strcat("x"))
formatTime(absTime(-62135596800,0))
formatTime([Minutes=3000000000],"%M")
interval(3000000000)
splitTime(3000000000.0)
formatTime(absTime("2004-07-01T12:34:56+05:30"), "%z")
""")

MOMENTS = ("0", "-1", "1104537600", "1230768000", "1262304000", "1709164800", "-62198755200", "253402300800")
FORMATS = (*"aAbBcCdDeFgGhHIjklmMnprRStTuUVwWxXyY", "Ey", "OH", "10d", "_5d", "-d", "^a", "#p", "010a", "q", "5")


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_the_reference_s(text):
    agrees(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_reference_gets_wrong_is_an_error(text):
    departs(text, ERROR)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_conversion_writes_what_strftime_writes(moment):
    for conversion in FORMATS:
        agrees(f'formatTime({moment}, "|%{conversion}|")')


@pytest.mark.parametrize("conversion", ["s", "z", "Z"])
def test_a_format_that_is_to_name_a_zone_is_refused(conversion):
    assert ours.evaluate(f'formatTime(0, "%{conversion}")') is ERROR


def test_a_formatted_time_has_a_longest_text():
    assert ours.evaluate(f'formatTime(0, "{"x" * 1022}")') == reference.evaluate(f'formatTime(0, "{"x" * 1022}")')
    assert ours.evaluate(f'formatTime(0, "{"x" * 1023}")') is ERROR
    assert ours.evaluate('formatTime(0, "%999999999d")') is ERROR


def test_a_text_of_a_time_is_read_however_it_came_about():
    departs('absTime(strcat("2004-01-01T00:00:00", "Z"))', AbsTime(seconds=1_072_915_200, offset=0))
    departs('relTime(strcat("1+02:03:04"))', RelTime(seconds=93_784.0))


def test_a_zone_one_second_west_is_one():
    departs("absTime(0, -1)", AbsTime(seconds=0, offset=-1))
