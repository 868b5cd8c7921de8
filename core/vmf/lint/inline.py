"""`# vmf: ignore[VMF203]`: comments that silence findings on their line, or on the next if they stand alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from vmf.lint.finding import Finding
from vmf.rules import Rule, Severity
from vmf.spec.comments import Comment, comments
from vmf.spec.faults import shown
from vmf.spec.nodes import SIZE_LIMIT

NAMELESS = Rule(
    id="VMF190",
    title="a comment that is to silence findings names none",
    why="It silences nothing: if it did, it would also hide what nobody has seen yet.",
    mend="Name the rules in brackets, as in `# vmf: ignore[VMF203]`, or several: `# vmf: ignore[VMF203, VMF401]`.",
    severity=Severity.WARNING,
)
IDLE = Rule(
    id="VMF191",
    title="a comment silences nothing",
    why="What it was written for has been mended, or never was on this line; it would hide it if it came back.",
    mend="Remove the rule from the brackets, or the whole comment.",
    severity=Severity.NOTE,
)
RULES = (NAMELESS, IDLE)

_PATTERN = re.compile(r"#[ \t]*vmf:[ \t]*ignore\b(?:\[(?P<ids>[^][\r\n]*)\])?")
_WORDS = re.compile(r"[^\s,]+")


def heed(findings: Iterable[Finding], files: Iterable[Path]) -> Iterator[Finding]:
    """The findings that no comment silences, and those about the comments."""
    by_file = defaultdict(list)
    for each in findings:
        by_file[each.file].append(each)
    for file in files:
        yield from _heeded(file, by_file.pop(str(file), []))
    for rest in by_file.values():
        yield from rest


def _heeded(file: Path, findings: Sequence[Finding]) -> Iterator[Finding]:
    asked = tuple(comments(_text(file), str(file), _PATTERN))
    silenced = {(_line(each), id_) for each in asked for id_ in _ids(each)}
    yield from (each for each in findings if _key(each) not in silenced)
    idle = silenced - set(map(_key, findings))
    unread = any(each.rule.id.startswith(_SYNTAX) and each.rule.severity is Severity.ERROR for each in findings)
    for comment in asked:
        yield from _judged(comment, set() if unread else idle)


_SYNTAX = "VMF1"
"""Of a document with such an error no other rule has been asked, so nobody knows what its comments are for."""


def _judged(comment: Comment, idle: Collection[tuple[int, str]]) -> Iterator[Finding]:
    """What is wrong with a comment itself."""
    if not _ids(comment):
        fault = comment.place.fault("this comment names no rule and silences nothing", hint=NAMELESS.mend)
        yield Finding(rule=NAMELESS, fault=fault)
    for id_ in _ids(comment):
        if (_line(comment), id_) in idle:
            fault = comment.place.fault(f"{shown(id_)} is not found in line {_line(comment)}", hint=IDLE.mend)
            yield Finding(rule=IDLE, fault=fault)


def _key(finding: Finding) -> tuple[int, str]:
    return finding.fault.line, finding.rule.id


def _line(comment: Comment) -> int:
    """The line that a comment is about."""
    return comment.place.line + comment.alone


def _ids(comment: Comment) -> tuple[str, ...]:
    return tuple(_WORDS.findall(comment.found["ids"] or ""))


def _text(file: Path) -> str:
    """As much of a file as a spec may have; nothing of what can be read only once, such as a pipe."""
    if not file.is_file():
        return ""
    try:
        with file.open("rb") as stream:
            return stream.read(SIZE_LIMIT).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""  # its reader has said so
