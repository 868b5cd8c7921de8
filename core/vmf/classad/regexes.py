r"""Functions of regular expressions, which are PCRE2's: `regexp regexpMember regexps replace replaceall`.

Of a function's options `i` ignores case, `m` lets `^` and `$` match at lines, `s` lets `.` match newlines, `x` ignores
spaces in the pattern; in a replacement `f` keeps what stands around the match and `g` replaces every match. Others mean
nothing. Patterns and subjects are bytes. What cannot be matched within the bounds below is ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Final

import pcre2  # type: ignore[import-untyped]  # it ships no types

from vmf.classad.arity import takes
from vmf.classad.conversions import decoded, encoded
from vmf.classad.scope import Function, ListValue, Scope, Value
from vmf.classad.stringlists import SEPARATORS, items_of
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined

PATTERN_SIZE: Final = 1 << 15
SUBJECT_SIZE: Final = 1 << 20
"""Bytes."""
TRIES: Final = 200_000
"""How often one match may try: milliseconds, where the reference has seconds."""
_BOUNDS: Final = b"(*LIMIT_MATCH=%d)(*LIMIT_HEAP=65536)" % TRIES
"""The heap is in KiB."""
_STEPS: Final = 1000
"""What a match costs of the evaluation's budget, besides a step for each byte of the subject."""

_FLAGS: Final[Mapping[str, int]] = MappingProxyType(
    {"i": pcre2.IGNORECASE, "m": pcre2.MULTILINE, "s": pcre2.DOTALL, "x": pcre2.VERBOSE}
)
_ESCAPE: Final = re.compile(
    rb"\\Q.*?(?:\\E|\Z) | \\x\{(?P<long>[0-9a-fA-F]{1,4})\} | (?P<refused>\\x\{|\\[uU])"
    rb"| \\x(?P<short>[0-9a-fA-F]{0,2}) | \\.",
    re.DOTALL | re.VERBOSE,
)
_GROUP: Final = re.compile(rb"\\([0-9])")


class Unmatchable(Exception):
    """A pattern that is none, a subject or a match that is too much, or a replacement that names a missing group."""


def matches(scope: Scope, pattern: str, subject: str, options: str = "") -> Iterator[pcre2.Match]:
    """All matches of a pattern that do not overlap, each paid for.

    Raises:
        Unmatchable: it is too much, or no pattern.
    """
    raw = encoded(subject)
    if len(raw) > SUBJECT_SIZE:
        raise Unmatchable
    scope.spend(_STEPS + len(raw))
    try:
        for match in compiled(pattern, "".join(option for option in _FLAGS if option in options)).finditer(raw):
            yield match
            scope.spend(_STEPS + len(raw) - match.end())
    except pcre2.LibraryError as error:
        raise Unmatchable from error


@lru_cache(maxsize=512)
def compiled(pattern: str, options: str = "") -> pcre2.Pattern:
    """A pattern, ready to match bytes. Raises: Unmatchable."""
    raw = encoded(pattern)
    if len(raw) > PATTERN_SIZE:
        raise Unmatchable
    try:
        return pcre2.compile(_BOUNDS + _ESCAPE.sub(_escape, raw), sum(_FLAGS[option] for option in options), jit=False)
    except pcre2.PatternError as error:
        raise Unmatchable from error


def _escape(found: re.Match[bytes]) -> bytes:
    r"""An escape for the library's binding, in which `\x` and `\u` are JavaScript's."""
    if found["refused"]:
        raise Unmatchable
    if found["short"] is not None:
        return b"\\x" + found["short"].rjust(2, b"0")
    if found["long"] is None:
        return found[0]
    code = int(found["long"], 16)
    return b"\\x%02x" % code if code <= 0xFF else b"\\u%04x" % code  # noqa: PLR2004  # a byte


def _found(scope: Scope, pattern: str, subject: str, options: str) -> bool:
    """Whether there is a match. Raises: Unmatchable."""
    return next(matches(scope, pattern, subject, options), None) is not None


def _attempted(scope: Scope, pattern: str, subject: str, options: str) -> bool:
    """Whether there is a match that can be had."""
    try:
        return _found(scope, pattern, subject, options)
    except Unmatchable:
        return False


def _checked(*arguments: Value) -> tuple[Value, ...] | Undefined | Error:
    """The arguments, or ERROR if one of them is, or UNDEFINED if one of them is."""
    if any(isinstance(argument, Error) for argument in arguments):
        return ERROR
    return UNDEFINED if any(isinstance(argument, Undefined) for argument in arguments) else arguments


@takes(2, 3)
def _regexp(scope: Scope, pattern: Value, subject: Value, options: Value = "") -> Value:
    match checked := _checked(pattern, subject, options):
        case (str() as expression, str() as text, str() as letters):
            try:
                return _found(scope, expression, text, letters)
            except Unmatchable:
                return ERROR
        case _:
            return UNDEFINED if checked is UNDEFINED else ERROR


@takes(2, 3)
def _regexp_member(scope: Scope, pattern: Value, items: Value, options: Value = "") -> Value:
    """Whether an element matches; an element that is UNDEFINED might have."""
    match checked := _checked(pattern, items, options):
        case (str() as expression, ListValue() as subjects, str() as letters):
            answer: Value = False
        case _:
            return UNDEFINED if checked is UNDEFINED else ERROR
    for subject in subjects.values(scope):
        if isinstance(subject, Undefined):
            answer = UNDEFINED
        elif not isinstance(subject, str):
            return ERROR
        elif _attempted(scope, expression, subject, letters):
            return True
    return answer


@takes(2, 4)
def _string_list_regexp_member(
    scope: Scope, pattern: Value, items: Value, separators: Value = SEPARATORS, options: Value = ""
) -> Value:
    """Whether an item matches; here the case of the options does not count."""
    match pattern, items, separators, options:
        case (str() as expression, str() as text, str() as cuts, str() as letters):
            return _any_item(scope, expression, items_of(text, cuts), letters.lower())
        case _:
            return ERROR


def _any_item(scope: Scope, pattern: str, items: list[bytes], options: str) -> Value:
    try:
        compiled(pattern)
    except Unmatchable:
        return ERROR
    return any(_attempted(scope, pattern, decoded(item), options) for item in items) if items else UNDEFINED


def _substitution(implied: str) -> Function:
    """A replacement, with options that go without saying."""

    @takes(3, 4)
    def function(scope: Scope, pattern: Value, subject: Value, template: Value, options: Value = "") -> Value:
        match checked := _checked(pattern, subject, template, options):
            case (str() as expression, str() as text, str() as substitute, str() as letters):
                try:
                    return decoded(_substituted(scope, (expression, text), encoded(substitute), letters + implied))
                except Unmatchable:
                    return ERROR
            case _:
                return UNDEFINED if checked is UNDEFINED else ERROR

    return function


def _substituted(scope: Scope, where: tuple[str, str], template: bytes, options: str) -> bytes:
    """What becomes of a subject: `where` is a pattern and the subject. Raises: Unmatchable."""
    raw, everywhere = encoded(where[1]), "g" in options
    output, end, last_was_empty = [], 0, False
    for match in islice(matches(scope, *where, options), None if everywhere else 1):
        between = raw[end : match.start()]
        output.append(between if "f" in options else between[:last_was_empty])
        output.append(_filled(scope, template, match))
        end, last_was_empty = match.end(), match.start() == match.end()
        if everywhere and last_was_empty and end == len(raw):
            raise Unmatchable  # the reference steps beyond the subject's end here, and ends with ERROR
    output.append(raw[end:] if "f" in options else raw[end:][: last_was_empty and everywhere])
    return b"".join(output)


def _filled(scope: Scope, template: bytes, match: pcre2.Match) -> bytes:
    r"""A template with its `\0` to `\9` filled in. Raises: Unmatchable."""
    groups = [match.group(), *match.groups()]
    while groups[-1] is None:
        groups.pop()

    def group(found: re.Match[bytes]) -> bytes:
        number = int(found[1])
        if number >= len(groups):
            raise Unmatchable
        return groups[number] or b""

    filled = _GROUP.sub(group, template)
    scope.spend(len(filled))
    return filled


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "regexp": _regexp,
        "regexpmember": _regexp_member,
        "regexps": _substitution(""),
        "replace": _substitution("f"),
        "replaceall": _substitution("fg"),
        "stringlist_regexpmember": _string_list_regexp_member,
    }
)
