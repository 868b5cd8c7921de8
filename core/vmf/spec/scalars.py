"""Scalars to values: what the type of a field makes of a text, never what YAML would take it for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import Struct, inspect

from vmf import classad, units
from vmf.errors import Fault
from vmf.model import terms
from vmf.spec import refusals
from vmf.spec.faults import meant, shown, suggestion
from vmf.spec.given import Given
from vmf.spec.nodes import Scalar

T = TypeVar("T")

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_SLIP = re.compile(r"=(?![=?!<>])|and\b|or\b", re.IGNORECASE)
_BOOLEANS = MappingProxyType({"true": True, "false": False})
_WORDS = MappingProxyType({"yes": "true", "on": "true", "no": "false", "off": "false"})
"""What older YAML takes for true and false."""


def expression(given: Given) -> str:
    """The text of a ClassAd expression; it is at fault at the very character, or says which one that is."""
    text = given.text("a ClassAd expression")
    try:
        classad.parse(text)
    except classad.ClassAdSyntaxError as error:
        fault, fix = error.fault, None
        at = _offset(text, fault)
        place = given.within(at)
        if place != given.place and (slip := _SLIP.match(text, at)):
            fix = (slip[0], classad.MEANT[slip[0].lower()])
        where = f" (at character {at + 1})" if at and place == given.place else ""
        what = f"{given.name}: {shown(text)} is no ClassAd expression{where}: {fault.what}"
        raise place.wrong(what, hint=fault.hint, rule=refusals.NOT_PARSED, fix=fix) from error
    return text


def _offset(text: str, fault: Fault) -> int:
    """The character, from 0, that a fault in a text of several lines is about."""
    before = text.split("\n")[: max(fault.line - 1, 0)]
    return sum(len(each) + 1 for each in before) + max(fault.column - 1, 0)


class Unit(Struct, frozen=True, kw_only=True):
    """How a quantity is read and written."""

    wanted: str
    parse: Callable[[str], int]
    show: Callable[[int], str]


UNITS = MappingProxyType({
    "size": Unit(wanted="a size such as 256MiB", parse=units.parse_size, show=units.format_size),
    "duration": Unit(wanted="a duration such as 10m", parse=units.parse_duration, show=units.format_duration),
})  # fmt: skip


def measured(given: Given, wanted: inspect.IntType, unit: Unit) -> int:
    """The number that a quantity with its unit stands for.

    Raises:
        SpecError: if it is no such quantity, or out of range.
    """
    text = given.text(unit.wanted)
    try:
        value = unit.parse(text)
    except ValueError as error:
        raise given.wrong(f"{shown(text)} is not {unit.wanted}", hint=str(error)) from None
    if not _within(value, wanted):
        hint = f"write {unit.wanted}{_range(wanted, unit.show)}"
        raise given.wrong(f"{shown(text)} is out of range", hint=hint, rule=refusals.OUT_OF_RANGE)
    return value


def _integer(given: Given, wanted: inspect.IntType) -> int:
    text = given.text("a whole number")
    if not _INTEGER.fullmatch(text):
        hint = "write digits only: no plus sign, leading zero, fraction, exponent or prefix"
        raise given.wrong(f"{shown(text)} is not a whole number{_range(wanted, str)}", hint=hint)
    if not _within(int(text), wanted):
        hint = f"write a whole number{_range(wanted, str)}"
        raise given.wrong(f"{shown(text)} is out of range", hint=hint, rule=refusals.OUT_OF_RANGE)
    return int(text)


def _within(value: int, wanted: inspect.IntType) -> bool:
    return (wanted.ge is None or value >= wanted.ge) and (wanted.le is None or value <= wanted.le)


def _range(wanted: inspect.IntType, show: Callable[[int], str]) -> str:
    bounds = (("from", wanted.ge), ("to", wanted.le))
    return "".join(f" {word} {show(bound)}" for word, bound in bounds if bound is not None)


def _string(given: Given, wanted: inspect.StrType) -> str:
    text = given.text()
    if wanted.pattern is not None and not _matches(wanted.pattern, text):
        sentence = SENTENCES.get(wanted.pattern, f"a text that matches {wanted.pattern}")
        raise given.wrong(f"{shown(text)} is not allowed here", hint=f"write {sentence}")
    return text


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found; its `$` means the very end, not also the place before a last line break."""
    found = re.search(pattern, text)
    return found is not None and (not pattern.endswith("$") or found.end() == len(text))


def _boolean(given: Given, _wanted: inspect.BoolType) -> bool:
    return _choice(given, _BOOLEANS)


def _enum(given: Given, wanted: inspect.EnumType) -> Enum:
    return _choice(given, {str(each.value): each for each in wanted.cls})


def _literal(given: Given, wanted: inspect.LiteralType) -> str | int | None:
    return _choice(given, {str(each): each for each in wanted.values})


def _choice(given: Given, choices: Mapping[str, T]) -> T:
    text = given.text("one of " + ", ".join(choices))
    if text not in choices:
        what = f"{shown(text)} is none of {', '.join(choices) or '(nothing)'}"
        guess = _WORDS.get(text.lower(), text) if _BOOLEANS.keys() == choices.keys() else text
        guess = meant(guess, choices)
        sure = guess and isinstance(given.node, Scalar) and given.node.plain
        hint = f"did you mean {guess}?" if guess else suggestion(text, choices)
        raise given.wrong(what, hint=hint, fix=(text, guess) if sure else None)
    return choices[text]


SENTENCES: Mapping[str, str] = MappingProxyType({
    terms.NAME: "letters, digits, dots, dashes and underscores, at most 63, the first a letter or digit; no number",
    terms.GUEST_PATH: "a relative path of at most 200 characters, without .., control characters or a leading -",
    terms.FULL_PATH: "a full path such as /opt/app of at most 200 characters, without .. or control characters",
    terms.PACKAGE: "a package's name such as python3, or the full path of its file in the guest",
    terms.URL: "the address of a file, such as https://example.org/images/debian.qcow2",
    terms.ATTRIBUTE: "letters, digits and underscores, at most 63, the first no digit",
    terms.VARIABLE: "letters, digits and underscores, the first no digit",
    terms.SHA256: "64 hexadecimal digits in lower case, as sha256sum prints them",
    terms.LINE: "one line of text without control characters",
    terms.LABEL: "one line of at most 200 characters",
    terms.TEXT: "a text without NUL characters",
    terms.DEVICE: "a device's name such as vda, hdc or sda1",
    terms.DEVICE_PATH: "a device such as /dev/vda1, LABEL=root or UUID=…",
    terms.ACCOUNT: "a user's name such as ana or ana@corp.example: at most 128 letters, digits and . _ @ \\ -",
    terms.LOGIN: "a login name such as root or ana: at most 32 small letters, digits, dashes and underscores",
    terms.MAC: "six pairs of hexadecimal digits such as 52:54:00:12:34:56",
    terms.ADDRESS: "a host's name or IP address",
    terms.BRIDGE: "a bridge's name such as br0: at most 15 letters, digits, dots, dashes and underscores",
})  # fmt: skip
"""What each pattern of the model asks for, in words."""

SCALARS: Mapping[type[inspect.Type], Callable[[Given, Any], Any]] = MappingProxyType({
    inspect.StrType: _string,
    inspect.IntType: _integer,
    inspect.BoolType: _boolean,
    inspect.EnumType: _enum,
    inspect.LiteralType: _literal,
})  # fmt: skip
"""Each type of a scalar, and how its text is read."""
