"""How a job ended, who says so, and what that makes of the exit code. Pure.

`judge` is the only place that turns what the guest said and what the hypervisor saw into an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Meta, Struct

from vmf.errors import Exit
from vmf.model import DiskFormat, Ending, Gap, Outcome, Slice, Step, Then, Verdict
from vmf.model.terms import SHA256

EXIT_CODE, END = "exit-code", "vmf-end"
"""The first and the last member of the guest's stream; what the last one holds is on the disc with the job's script."""
ATTRIBUTES = "vmf-attributes"
"""A member that may be between them: what the guest publishes in the end."""
EXIT_CODE_MAX = 255
STEPS = "vmf-steps"
"""The folder of the guest's stream in which it reports on its steps."""
OUR_FILES = frozenset({"result.json", "console.log"})
"""What vmf itself puts into every results folder."""
RESERVED = OUR_FILES | {EXIT_CODE, END, ATTRIBUTES, STEPS}
"""Names at the root of the results that no file of the guest's can have."""
STEP_LOGS = "steps"
"""The folder in the results that has the logs of a job's steps; one without steps may use the name."""


def disk_file(number: int) -> str:
    """What a disk that comes back is called in the results."""
    return f"disk{number}.qcow2"


class Said(StrEnum):
    """What is on a results volume."""

    NOTHING = "nothing"
    PART = "part"
    ALL = "all"


class Refusal(Struct, frozen=True, kw_only=True):
    """Something in the guest's results that was not unpacked, and why."""

    name: str
    reason: str


class StepReport(Struct, frozen=True, kw_only=True):
    """How a step went in the guest, as that tells it."""

    name: str
    exit_code: Annotated[int, Meta(ge=0, le=EXIT_CODE_MAX)]
    """Of the last try."""
    tries: int
    seconds: float
    """All that the tries took, with what was done about those that failed."""
    said: str = ""
    """The last lines of what it said, safe to show, if its last try failed."""


class Word(Struct, frozen=True, kw_only=True):
    """The guest's word, as read from its results volume."""

    said: Said
    exit_code: Annotated[int | None, Meta(ge=0, le=EXIT_CODE_MAX)] = None
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Asked for and not there."""
    refused: tuple[Refusal, ...] = ()
    steps: tuple[StepReport, ...] = ()
    """How far it got with the steps that it was given."""
    undone: str = ""
    """Why not all of them are done, in a sentence."""
    attributes: bytes = b""
    """What it publishes, as it wrote it: of a text that is too long for that as much as tells so."""


class Meaning(Struct, frozen=True, kw_only=True):
    """What an outcome means to its reader."""

    sentence: str
    exit: Exit | None
    """vmf's exit code; None: the guest's own."""
    advice: str


MEANING: Mapping[Outcome, Meaning] = MappingProxyType({
    Outcome.COMPLETED: Meaning(
        sentence="The guest ended by itself; where it keeps the guest contract, the exit code is its script's.",
        exit=None,
        advice="Read the results.",
    ),
    Outcome.NEVER_SPOKE: Meaning(
        sentence="The machine ended and the guest wrote nothing on its results volume.",
        exit=Exit.NEVER_SPOKE,
        advice="Read the end of console.log: a guest that ran out of memory or whose kernel died ends so, too; see "
        "docs/guest.md for what a guest must do.",
    ),
    Outcome.CUT_SHORT: Meaning(
        sentence="The guest began to write its results and ended before the last of them.",
        exit=Exit.RESULTS,
        advice="Read console.log; if the volume was full, raise results.size.",
    ),
    Outcome.UNSAFE_RESULTS: Meaning(
        sentence="The guest handed over something that must not be unpacked; the rest was.",
        exit=Exit.RESULTS,
        advice="`refused` in result.json names each entry and the reason.",
    ),
    Outcome.STEP_FAILED: Meaning(
        sentence="A step of job or image failed, in the guest or on its host: what comes after it was not done.",
        exit=Exit.STEP,
        advice="`steps` in result.json tells how each went, and the folder steps has their logs.",
    ),
    Outcome.REBOOTED: Meaning(
        sentence="The guest rebooted before its script had finished, which ends its machine.",
        exit=Exit.NEVER_SPOKE,
        advice="Read the end of console.log: a kernel that gives up may reboot, too. "
        "With `reboot: continue` a job goes on; no step of an image may reboot.",
    ),
    Outcome.PANICKED: Meaning(
        sentence="The guest's kernel panicked before the guest had finished.",
        exit=Exit.CRASHED,
        advice="Read the end of console.log.",
    ),
    Outcome.HALTED: Meaning(
        sentence="The guest stopped its processors for good without powering off, and was ended.",
        exit=Exit.CRASHED,
        advice="Let the guest power off at its end (`poweroff`, not `halt`); read the end of console.log.",
    ),
    Outcome.CRASHED: Meaning(
        sentence="The machine crashed, or its hypervisor's process died, before the guest had finished.",
        exit=Exit.CRASHED,
        advice="Read the end of console.log; look whether the host was short of memory.",
    ),
    Outcome.KILLED: Meaning(
        sentence="Somebody other than vmf ended the machine through the hypervisor before the guest had finished.",
        exit=Exit.CRASHED,
        advice="Ask whoever looks after the host; run the job again.",
    ),
    Outcome.LIMIT: Meaning(
        sentence="The guest took all that it was allowed of something, and was ended.",
        exit=Exit.LIMIT,
        advice="The reason names the limit, and the field to raise.",
    ),
    Outcome.TIME_LIMIT: Meaning(
        sentence="The guest ran for as long as it may, and was ended; what it handed over is there.",
        exit=Exit.LIMIT,
        advice="Raise the job's `time_limit`, or give it less to do.",
    ),
    Outcome.SILENT: Meaning(
        sentence="The guest's console was silent for longer than it may, and the guest was ended.",
        exit=Exit.LIMIT,
        advice="Read the end of console.log; a guest that works in silence needs a longer `silence_limit`, or has to "
        "say a word now and then.",
    ),
    Outcome.STOPPED: Meaning(
        sentence="The job's owner stopped or removed it.",
        exit=Exit.STOPPED,
        advice="Run it again when you want its results.",
    ),
    Outcome.HELD: Meaning(
        sentence="The job's owner put it on hold.",
        exit=Exit.HELD,
        advice="`vmf release` lets it be run, from its last checkpoint, or else from its beginning.",
    ),
    Outcome.JOB_FAULT: Meaning(
        sentence="The job asks for something that cannot be, or that somebody else has at the moment; it is held.",
        exit=Exit.HELD,
        advice="The reason says what to mend, or what to wait for; then run it again.",
    ),
    Outcome.HOST_FAULT: Meaning(
        sentence="Each host that fits the job failed.",
        exit=Exit.HOST,
        advice="The reasons say what each host lacks; `vmf doctor` checks this one.",
    ),
})  # fmt: skip


def verdict(outcome: Outcome, *, reason: str = "", code: str = "", exit_code: int = 0) -> Verdict:
    """The verdict for an outcome; `exit_code` is the guest's and counts only where the guest decides."""
    exit_ = MEANING[outcome].exit
    if exit_ is None:
        return Verdict(outcome=outcome, exit_code=exit_code, source="guest", reason=reason)
    return Verdict(outcome=outcome, exit_code=int(exit_), source="vmf", reason=reason, code=code)


_SILENT: Mapping[Ending, Outcome] = MappingProxyType({
    Ending.SHUTDOWN: Outcome.NEVER_SPOKE,
    Ending.UNKNOWN: Outcome.NEVER_SPOKE,
    Ending.REBOOTED: Outcome.REBOOTED,
    Ending.PANICKED: Outcome.PANICKED,
    Ending.CRASHED: Outcome.CRASHED,
    Ending.KILLED: Outcome.KILLED,
})  # fmt: skip


_WILLED = frozenset({Ending.SHUTDOWN, Ending.REBOOTED, Ending.UNKNOWN})
"""Ends that a guest without a script may have chosen."""
_OURS = frozenset({Outcome.STOPPED, Outcome.LIMIT, Outcome.TIME_LIMIT, Outcome.SILENT, Outcome.HALTED})
"""Ends that vmf brought about."""
_OVERDUE = frozenset({Outcome.TIME_LIMIT, Outcome.SILENT})
"""Whoever was asked to come to an end for these has not finished, whatever it handed over then."""


def judge(
    *, contract: bool, stopped: bool, ending: Ending, word: Word, cut: Outcome | None = None, reason: str = ""
) -> Verdict:
    """Settle how an attempt ended.

    Args:
        contract: the job gave its guest a script or steps, so the guest is to speak.
        stopped: the owner asked for the end.
        ending: what the hypervisor saw.
        word: what the results volume says.
        cut: what vmf ended the guest for; None: it did not.
        reason: the sentence that goes with that.
    """
    if cut in _OVERDUE:
        return verdict(cut, reason=reason)
    if word.said is Said.ALL:
        return _finished(word)
    if cut or stopped:
        return verdict(cut or Outcome.STOPPED, reason=reason)
    if not contract and ending in _WILLED:
        return verdict(Outcome.COMPLETED)
    return verdict(Outcome.CUT_SHORT if word.said is Said.PART else _SILENT[ending])


def _finished(word: Word) -> Verdict:
    if word.undone:
        return verdict(Outcome.STEP_FAILED, reason=word.undone)
    if word.refused:
        return verdict(Outcome.UNSAFE_RESULTS, reason=f"{word.refused[0].name}: {word.refused[0].reason}")
    return verdict(Outcome.COMPLETED, exit_code=word.exit_code or 0)


def undone(steps: Sequence[Step], told: Sequence[StepReport]) -> str:
    """Why not all steps are done, in a sentence; empty if they are.

    Args:
        steps: those that a guest was given, in the order in which it was to do them.
        told: what it says of them, likewise, as far as it got.
    """
    for step, report in zip(steps, told, strict=False):
        if report.exit_code and step.on_error.then is Then.FAIL:
            said = f"; it said: {report.said}" if report.said else ""
            tried = f" after {report.tries} tries" if report.tries > 1 else ""
            return f"step {step.name} failed with exit code {report.exit_code}{tried}{said}"
    return f"the guest tells nothing of step {steps[len(told)].name}" if len(told) < len(steps) else ""


def is_accident(found: Verdict, *, ending: Ending, word: Word) -> bool:
    """Whether an attempt ended by nobody's will: its guest had not finished, and nobody had asked for that."""
    return word.said is not Said.ALL and found.outcome not in _OURS and ending not in {Ending.SHUTDOWN, Ending.REBOOTED}


class BaseLayer(Struct, frozen=True, kw_only=True):
    """A layer of a golden image, a qcow2 file of the submitting computer."""

    file: str
    """Its full path."""
    sha256: Annotated[str, Meta(pattern=SHA256)]


class Base(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a disk that came back lies on: the original, which was not changed."""

    file: str
    """Its full path."""
    on_host: bool = False
    """Whether that is a path of the job's host, not of the submitting computer."""
    format: DiskFormat
    part: Slice | None = None
    """The stretch of the file that is the disk; None: all of it."""
    sha256: Annotated[str, Meta(pattern=SHA256)] | None = None
    """Of the file, or of the stretch; None: it could not be read in the end, or had changed by then."""
    layers: tuple[BaseLayer, ...] = ()
    """What lies between that and the disk that came back, each on the one before."""


class ReturnedDisk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A disk that came back, as a file of the results folder."""

    file: str
    size: int
    """Bytes of the file, holes included."""
    base: Base | None = None
    """None: the file is the whole disk, and needs no other."""
    original_changed: bool = False
    """Whether the original was written to while the job ran, so that the disk may be worthless."""


class Result(Struct, frozen=True, kw_only=True):
    """`result.json`: everything a reader wants to know about how a job went."""

    version: int = 1
    job: str
    id: int
    outcome: Outcome
    exit_code: int
    source: str
    reason: str
    faults: tuple[str, ...] = ()
    """What was wrong each time that a host failed the job before, the oldest first."""
    code: str
    host: str
    accelerator: str
    attempt: int
    files: tuple[str, ...]
    missing: tuple[str, ...]
    refused: tuple[Refusal, ...]
    disks: tuple[ReturnedDisk, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """What the guest has missed while it was suspended, or since the checkpoints that it went on from."""
    steps: tuple[StepReport, ...] = ()
    """How the steps went that its guest was given, in their order, as far as it got."""
    attributes: Mapping[str, Any] = {}
    """What the guest has published: name to value."""
    times: Mapping[str, float]
    """State to the time at which the job entered it, in seconds since 1970."""
    versions: Mapping[str, str]


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """The exit code of a call: a single job's own; for several, vmf's highest word, else 1 if any guest failed."""
    settled = tuple(verdicts)
    if len(settled) == 1:
        return settled[0].exit_code
    ours = [each.exit_code for each in settled if each.source == "vmf"]
    return max(ours, default=int(any(each.exit_code for each in settled)))
