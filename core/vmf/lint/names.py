"""What rules say of the names of attributes and functions, and of what functions are given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Final

from vmf.classad import fold
from vmf.classad.functions import EAGER, LAZY
from vmf.classad.regexes import Unmatchable, compiled
from vmf.classad.tree import Binary, Call, Reference
from vmf.lint.expression_rules import (
    ARGUMENTS,
    BACKSLASH,
    NOT_OWN,
    OF_HTCONDOR,
    PATTERN,
    UNKNOWN_ATTRIBUTE,
    UNKNOWN_FUNCTION,
    Remark,
    remark,
)
from vmf.lint.spots import Spot
from vmf.lint.vocabulary import IDENTITY, Vocabulary, functions
from vmf.match.reading import scoped
from vmf.match.words import brief


def judge_name(spot: Spot, words: Vocabulary, guarded: frozenset[str]) -> Iterator[Remark]:
    """What is wrong with an attribute's name; `guarded` are those that the expression itself allows to be absent."""
    found = scoped(spot.node)
    if found is None or words.is_known(*found):
        return
    scope, name = found
    shown = brief(Reference(spot.node.name))  # type: ignore[union-attr]  # it is a reference or a selection
    foreign = words.is_of_htcondor(*found)
    near = "" if foreign else words.near(*found)
    meant = near or (_WORDS.get(name, "") if not scope else "")
    hint = f"did you mean {meant}?" if meant else ""
    if scope == "my" and (near or name not in guarded):
        yield remark(NOT_OWN, spot, f"this spec has no {shown}", hint or "add it to `spec.attributes`")
    elif foreign and name not in guarded:
        what = f"{shown} is an attribute of HTCondor's, and no {words.noun} has it here"
        yield remark(OF_HTCONDOR, spot, what, "it is undefined: ask about another attribute")
    elif meant or (words.complete and name not in guarded and not foreign):
        yield remark(
            UNKNOWN_ATTRIBUTE, spot, f"no {words.noun} has {shown}", hint or "see docs/ads.md for those it has"
        )


def judge_call(spot: Spot) -> Iterator[Remark]:
    """What is wrong with the call of a function."""
    if not isinstance(spot.node, Call):
        return
    name, given = fold(spot.node.function), len(spot.parts)
    function = EAGER.get(name) or LAZY.get(name)
    shown = brief(Reference(spot.node.function))
    if function is None:
        meant = _MEANT.get(name) or functions().get(name)
        hint = f"did you mean {meant}?" if meant else "docs/classad.md lists the functions"
        yield remark(UNKNOWN_FUNCTION, spot, f"there is no function {shown}", hint)
        return
    least, most = arity(name)
    if not least <= given <= (given if most is None else most):
        wanted = str(least) if least == most else f"{least} to {most}"
        yield remark(
            ARGUMENTS,
            spot,
            f"{shown}() takes {wanted} argument{'s' * (wanted != '1')}, not {given}",
            "see docs/classad.md",
        )
    elif name in _OPTIONS:
        yield from _judge_pattern(spot, _OPTIONS[name])


@cache
def arity(name: str) -> tuple[int, int | None]:
    """The least and the most arguments that a function takes; None: there is no most."""
    function = EAGER.get(name) or LAZY[name]
    if not hasattr(function, "__wrapped__"):
        return 0, None
    _scope, *parameters = signature(function).parameters.values()
    return sum(each.default is Parameter.empty for each in parameters), len(parameters)


def guards(spots: Iterator[Spot]) -> frozenset[str]:
    """The names, folded, of attributes that may be absent: what an expression asks first, or has a default for."""
    return frozenset(found[1] for spot in spots for each in _guarded(spot) if (found := scoped(each.node)))


def _guarded(spot: Spot) -> tuple[Spot, ...]:
    match spot.node:
        case Binary(operator="?:"):
            return spot.parts[:1]
        case Binary(operator=operator) if operator in IDENTITY:
            return spot.parts
        case Call(function=function) if fold(function) in _ASKING:
            return spot.parts
    return ()


def _judge_pattern(spot: Spot, options: int) -> Iterator[Remark]:
    pattern = spot.parts[0]
    if not isinstance(pattern.node, str):
        return
    for found in _ESCAPE.finditer(pattern.token):
        if found["lost"]:
            what = f"the backslash before {brief(found['lost'])} is gone before the pattern is read"
            yield Remark(rule=BACKSLASH, offset=pattern.at + found.start(), what=what, hint="write two backslashes")
            break
    try:
        compiled(pattern.node)
    except Unmatchable:
        if len(spot.parts) <= options:  # an option can give another meaning to what the pattern says
            yield remark(
                PATTERN,
                pattern,
                f"{brief(pattern.node)} is no regular expression",
                "look for brackets that are not closed",
            )


ELSEWHERE: Final = frozenset({"evalineachcontext", "countmatches"})
"""Functions whose first argument is looked up in other records."""
_ASKING: Final = frozenset({"isundefined", "iserror", "unresolved"})
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"none": "undefined", "null": "undefined", "nil": "undefined", "yes": "true", "no": "false"}
)
"""Words of other languages, and what they are called here."""
_MEANT: Final[Mapping[str, str]] = MappingProxyType({
    "concat": "strcat", "contains": "stringListMember", "defined": "isUndefined", "if": "ifThenElse",
    "isnull": "isUndefined", "len": "size", "length": "size", "lower": "toLower", "match": "regexp",
    "matches": "regexp", "str": "string", "upper": "toUpper",
})  # fmt: skip
"""Functions of other languages."""
_OPTIONS: Final[Mapping[str, int]] = MappingProxyType(
    {"regexp": 2, "regexpmember": 2, "regexps": 3, "replace": 3, "replaceall": 3, "stringlist_regexpmember": 3}
)
"""The functions whose first argument is a regular expression, and which argument has its options, from 0."""
_ESCAPE: Final = re.compile(r"""\\(?:[\\"'afnrtv0/]|(?P<lost>.))""", re.DOTALL)
"""A backslash in a text, with what it protects; what a regular expression would want to see it before."""
