"""What can be wrong with an expression that parses: the rules VMF302 to VMF399."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from vmf.lint.spots import Spot
from vmf.rules import Rule, Severity


class Remark(Struct, frozen=True, kw_only=True):
    """What a rule says of an expression's text."""

    rule: Rule
    offset: int
    """The character of the text, from 0, that it is about; -1: the whole."""
    what: str
    hint: str = ""


def remark(rule: Rule, spot: Spot, what: str, hint: str = "") -> Remark:
    """What a rule says of a part."""
    return Remark(rule=rule, offset=spot.at, what=what, hint=hint)


UNKNOWN_ATTRIBUTE: Final = Rule(
    id="VMF302",
    title="an attribute that the other side's ad does not have",
    why="Such a name is undefined, and a condition that is undefined is not met. Names that jobs or hosts may well "
    "have of their own are not reported, but those that look like a slip of an attribute that all have.",
    mend="Write the name of an attribute of docs/ads.md, or add it to `spec.attributes` over there.",
    severity=Severity.WARNING,
)
OF_HTCONDOR: Final = Rule(
    id="VMF303",
    title="an attribute of HTCondor that no ad has here",
    why="It is always undefined here, so that a condition on it is not met.",
    mend="Ask about another attribute, or let it be absent: `X =?= undefined || X > 1`. Who wants to keep it adds it "
    "to `spec.attributes`.",
    severity=Severity.WARNING,
)
NOT_OWN: Final = Rule(
    id="VMF304",
    title="an attribute of its own that the spec does not define",
    why="`MY.x` is looked up in this ad alone; what is not there is undefined.",
    mend="Add it to `spec.attributes`, or write TARGET if the other side's is meant.",
    severity=Severity.WARNING,
)
UNQUOTED: Final = Rule(
    id="VMF305",
    title="a name where a text is meant",
    why="A word without quotes, or in single ones, is the name of an attribute. Nobody has one of that name, so it is "
    "undefined and the comparison, too.",
    mend='Put the text in double quotes: `TARGET.VM_Type == "kvm"`.',
    severity=Severity.WARNING,
)
UNKNOWN_FUNCTION: Final = Rule(
    id="VMF306",
    title="a function that does not exist",
    why="A call of it is an error, and with it nearly all that is made of its answer.",
    mend="Call one of the functions of docs/classad.md.",
)
ARGUMENTS: Final = Rule(
    id="VMF307",
    title="a function with more or fewer arguments than it takes",
    why="Such a call is an error, whatever the arguments are.",
    mend="Give it as many as it takes.",
)
TYPES: Final = Rule(
    id="VMF308",
    title="an operator between values that do not go together",
    why="A text and a number are never equal and none is the larger one, a text is neither true nor false, and none "
    'can be added: the answer is an error. `"64"` is a text, 64 a number.',
    mend="Write a number without quotes and a text with them, or convert one with int() or string().",
)
WITH_UNDEFINED: Final = Rule(
    id="VMF309",
    title="a comparison with undefined",
    why="`x == undefined` is itself undefined, whatever x is; so is `!=`, and it is an error with `error`.",
    mend="Write `x =?= undefined`, `x =!= undefined` or isUndefined(x); for errors, isError(x).",
)
BITS: Final = Rule(
    id="VMF310",
    title="an operator on bits between truths",
    why="`&`, `|` and `^` take whole numbers; what is true or false makes them an error. They bind less tightly than "
    "comparisons: `a & 4 == 4` is `a & (4 == 4)`.",
    mend="Write `&&` or `||`, or put parentheses around the part that tells bits: `(a & 4) == 4`.",
)
MIXED: Final = Rule(
    id="VMF311",
    title="&& and || side by side without parentheses",
    why="`a || b && c` is `a || (b && c)`: where a is true, c is never asked.",
    mend="Put parentheses around what belongs together.",
    severity=Severity.WARNING,
)
BINDING: Final = Rule(
    id="VMF312",
    title="operators that bind otherwise than the line reads",
    why="`!a == b` is `(!a) == b`, `1 < a < 5` compares a truth with 5, and `a == 1 ?: b` is `a == (1 ?: b)`.",
    mend="Put parentheses around what belongs together, or write two comparisons.",
    severity=Severity.WARNING,
)
LETTER_CASE: Final = Rule(
    id="VMF313",
    title="letters that the attribute never has, compared with case",
    why="`=?=` and `=!=` tell capital letters from small ones, and this attribute has only one kind.",
    mend="Write `==` or `!=`, for which case does not count, or the letters that the attribute has.",
    severity=Severity.WARNING,
)
UNITS: Final = Rule(
    id="VMF314",
    title="an amount that looks like one of another unit",
    why="In ads memory is in MiB and disk in KiB, without units.",
    mend="Write 2 GiB of memory as 2048, and 10 GiB of disk as 10 * 1024 * 1024.",
    severity=Severity.WARNING,
)
PATTERN: Final = Rule(
    id="VMF315",
    title="a regular expression that is none",
    why="Its function is an error, or matches nothing, whatever it is asked of.",
    mend="Mend the pattern; it is a Perl-compatible one (PCRE2) without `\\C`.",
)
BACKSLASH: Final = Rule(
    id="VMF316",
    title="a backslash that gets lost on the way to a regular expression",
    why='In a text a backslash stands before what it protects and is gone then: "\\d" is the letter d.',
    mend='Double it: "^\\\\d+$".',
    severity=Severity.WARNING,
)
NEVER: Final = Rule(
    id="VMF320",
    title="a condition that is never true",
    why="Whatever the two ads say: a job that asks this runs nowhere, a host that asks this runs nothing.",
    mend="Change or drop what contradicts itself.",
)
ALWAYS: Final = Rule(
    id="VMF321",
    title="a condition that is always true",
    why="It lets everything pass, which is hardly what it was written for.",
    mend="Look for missing parentheses or a part that swallows the rest; if nothing is asked, drop it or write `true`.",
    severity=Severity.WARNING,
)
INDIFFERENT: Final = Rule(
    id="VMF322",
    title="a rank that is the same for all",
    why="A rank says which of several hosts is liked best. This one does not depend on the host, or is no number, "
    "which counts as 0.",
    mend="Make it a number that depends on TARGET, such as `TARGET.Memory`, or drop it.",
    severity=Severity.WARNING,
)
TWO_RANKS: Final = Rule(
    id="VMF323",
    title="a rank that is true or false",
    why="True counts as 1 and false as 0: it prefers some hosts and requires none.",
    mend="If only such hosts will do, write it as `requirements`.",
    severity=Severity.NOTE,
)

RULES: Final = (
    UNKNOWN_ATTRIBUTE,
    OF_HTCONDOR,
    NOT_OWN,
    UNQUOTED,
    UNKNOWN_FUNCTION,
    ARGUMENTS,
    TYPES,
    WITH_UNDEFINED,
    BITS,
    MIXED,
    BINDING,
    LETTER_CASE,
    UNITS,
    PATTERN,
    BACKSLASH,
    NEVER,
    ALWAYS,
    INDIFFERENT,
    TWO_RANKS,
)
