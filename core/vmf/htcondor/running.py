"""Commands that say how a job is run: its name, what it asks of hosts, its limits, where its results go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from vmf.ads import reserved
from vmf.classad import ClassAdSyntaxError, fold, parse, references
from vmf.htcondor.draft import Field, Lost, Saying, spec
from vmf.htcondor.submit import Process
from vmf.htcondor.words import Word, written_duration
from vmf.lint import htcondor_names
from vmf.model import Job
from vmf.model.terms import ATTRIBUTE, VARIABLE
from vmf.spec.contradiction_rules import LOGS
from vmf.spec.faults import shown

UNIVERSES = frozenset({"vm", "13"})
_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z_]\w*")
_UNSPELT = re.compile(r"\$\$?[A-Za-z_]*\(")
_NAME_MOST = 50
_YEAR = 366 * 24 * 3600
_PRIORITY_MOST = 1000
_ARGUMENT = re.compile(r"\s+|'(?P<quoted>(?:[^']|'')*)'|(?P<plain>[^\s']+)")
_OF_HOST = fold("HOST_")
"""How the attributes began that a machine which was a guest had of its host."""
_OWNER = re.compile(r'\bOwner\s*=[=?]=?\s*"([A-Za-z0-9._-]+)"', re.IGNORECASE)
CHANGE = "Nothing is asked for until it is changed as the first lines say, and the next # removed."
OWN_FOLDER = "HTCondor put them right into the folder; here they have one of their own in it, which must be new."
NEW_LINES = "A line of JSON for each event; it must not be one that HTCondor has written to."
_RESERVED = reserved(Job)
SCRIPT = "Nothing in the guest reads it without a script: give the job a `run:` and remove the next #."


def universe(process: Process) -> Saying:
    """Only the VM universe's jobs are machines."""
    word = process.get("universe")
    if word is None:
        yield from ()
    elif word.text.lower() not in UNIVERSES:
        raise word.wrong(f"{shown(word.text)} jobs are no machines", "only universe = vm can be imported")


def name(process: Process) -> Saying:
    """The name, which was a label without further meaning."""
    word = process.get("executable")
    if word is None:
        return
    made = plain_name(PurePosixPath(word.text).name)
    comment = "" if made == word.text else f"The executable, only a label in the VM universe, was {shown(word.text)}."
    yield Field(at=("metadata", "name"), value=made, comment=comment)


def plain_name(text: str) -> str:
    """A name that a spec can have."""
    made = _UNNAMED.sub("-", text).strip("-._")[:_NAME_MOST]
    return f"job-{made}" if made.isdigit() else made or "job"


def expression(key: str, *names: str) -> Callable[[Process], Saying]:
    """An expression that is carried over as it is."""

    def say(process: Process) -> Saying:
        if word := process.get(*names):
            yield from carried(key, word)

    return say


def carried(key: str, word: Word) -> Saying:
    """An expression as it is; one that speaks of what only HTCondor's ads have is a comment.

    Raises:
        SpecError: if it is none.
    """
    try:
        strange = _foreign(word.text)
    except ClassAdSyntaxError as error:
        if _UNSPELT.search(word.text):
            yield Lost(word=word, why="a macro in it is not spelt out, so it is no expression: write it by hand")
            return
        raise word.wrong(f"{shown(word.text)} is no expression: {error.fault.what}", error.fault.hint) from None
    yield spec(key, word.text, CHANGE if strange else "", aside=bool(strange))
    if strange:
        instead = f"; `users: [{', '.join(users)}]` lets them in" if (users := _OWNER.findall(word.text)) else ""
        why = f"it speaks of {' and '.join(strange)} of HTCondor's ads: undefined here"
        yield Lost(word=word, why=f"{why}{instead}", by_hand=True)


@lru_cache(maxsize=1024)
def _foreign(text: str) -> tuple[str, ...]:
    """The attributes that an expression speaks of and only HTCondor's ads have, as they are written."""
    spoken = references(parse(text))
    known = htcondor_names.MACHINE | htcondor_names.JOB
    folded = {name for name in spoken.mine | spoken.theirs if name in known or name.startswith(_OF_HOST)}
    return tuple(dict.fromkeys(name for name in _NAME.findall(text) if fold(name) in folded))


def attributes(process: Process) -> Saying:
    """The job's own attributes."""
    for key, word in process.words.items():
        if key.startswith("my.") and process.get(key):
            attribute = word.name.removeprefix("+") if word.name.startswith("+") else word.name[3:]
            if not re.fullmatch(ATTRIBUTE.strip("^$"), attribute):
                raise word.wrong("this is no name of an attribute", "use letters, digits and underscores")
            if attribute.lower() in _RESERVED:
                yield Lost(word=word, why="vmf itself sets this attribute; use the command or the field that means it")
            else:
                yield from carried(f"attributes.{attribute}", word)


def folder(process: Process) -> Saying:
    """Where the results go."""
    if process.get("initialdir", "initial_dir", "iwd", "job_iwd"):
        yield spec("results.folder", process.path(""), OWN_FOLDER)


def event_log(process: Process) -> Saying:
    """Where the events go, by a name that says what the file is."""
    if (word := process.get("log", "userlog")) and word.text != "/dev/null":
        path = process.path(word.text)
        named = path if PurePosixPath(path).suffix in LOGS else f"{path}.log"
        yield spec("event_log", named, NEW_LINES if named == path else f"{NEW_LINES} It was {shown(word.text)}.")


def space(process: Process) -> Saying:
    """Disk space of the host, where it is a plain number."""
    if word := process.get("request_disk", "requestdisk"):
        yield spec("disk_space", word.size("K"))


def priority(process: Process) -> Saying:
    """The priority, within bounds."""
    if word := process.get("priority", "prio"):
        given = word.whole(-(10**9), 10**9)
        value = max(-_PRIORITY_MOST, min(given, _PRIORITY_MOST))
        yield spec("priority", value, "" if value == given else f"It was {given}, more than there is here.")


def retries(process: Process) -> Saying:
    """How often a job that fails is run again."""
    if word := process.get("max_retries"):
        yield spec("retries", word.whole(0, 1000))


def time_limit(process: Process) -> Saying:
    """How long the guest may run."""
    if word := process.get("allowed_execute_duration", "allowed_job_duration"):
        yield spec("time_limit", written_duration(word.whole(1, _YEAR)))


def streams(process: Process) -> Saying:
    """A machine has no standard streams, as condor_submit says, too."""
    for each in ("input", "output", "error"):
        word = process.get(each)
        if word and word.text != "/dev/null":
            hint = "remove it; the console is kept as console.log, files come back by a script's results.files"
            raise word.wrong("a machine has no standard streams", hint)
    yield from ()


def arguments(process: Process) -> Saying:
    """The arguments, which need a script that reads them."""
    if word := process.get("arguments", "args"):
        yield spec("arguments", tuple(_split(word)), SCRIPT, aside=True)


def environment(process: Process) -> Saying:
    """The environment, which needs a script that reads it."""
    if word := process.get("environment", "env"):
        new = _is_new(word.text)
        pairs = _split(word) if new else [part.strip() for part in word.text.split(";") if part.strip()]
        values = {}
        for pair in pairs:
            variable, equals, value = pair.partition("=")
            if not equals or not re.fullmatch(VARIABLE.strip("^$"), variable):
                raise word.wrong(f"{shown(pair)} is no variable", "write \"NAME=VALUE NAME='two words'\"")
            values[variable] = value
        yield spec("env", values, SCRIPT, aside=True)


def _is_new(text: str) -> bool:
    """Whether a text has the new syntax: double quotes around all, single ones within."""
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


def _split(word: Word) -> Iterator[str]:
    if not _is_new(word.text):
        yield from word.text.split()
        return
    text = word.text[1:-1].replace('""', '"')
    if text.count("'") % 2:
        raise word.wrong("a single quote that is never closed", "close it; write '' for the quote itself")
    parts: list[str] = []
    for found in _ARGUMENT.finditer(text):
        if found[0].isspace():
            yield from ["".join(parts)] if parts else []
            parts = []
        else:
            parts.append(found["plain"] or (found["quoted"] or "").replace("''", "'"))
    yield from ["".join(parts)] if parts else []
