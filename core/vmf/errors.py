"""What can go wrong, whose fault it is, and the exit code that says so.

Whose fault decides (the job's, a host's, vmf's own): it is the axis of this module.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar, Self

from msgspec import Struct


class Exit(IntEnum):
    """Exit codes that are vmf's word; any other is the guest's, and `source` in `result.json` settles it.

    Each member's description is what `docs/outcomes.md` and `vmf --help` print.
    """

    description: str

    def __new__(cls, value: int, description: str) -> Self:
        """A code with its sentence."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    INTERNAL = 70, "vmf itself failed; the job is kept and can be adopted"
    HOST = 71, "every host that could run the job failed"
    NO_MATCH = 72, "no host fits the job"
    NEVER_SPOKE = 73, "the guest ended without a word on its results volume"
    RESULTS = 74, "the results were cut short or refused as unsafe, or a checkpoint or golden image is spoilt"
    CRASHED = 75, "the machine crashed or was killed before the guest had finished"
    HELD = 76, "the job is held: it is at fault, with a reason, or its owner put it on hold"
    STOPPED = 77, "the job was stopped or removed before its end"
    USAGE = 78, "the command line or a spec is wrong; nothing was started"
    SETUP = 79, "this machine lacks something that vmf needs"
    LEFT = 80, "vmf was told to leave (SIGTERM, SIGHUP); the job is orphaned and can be adopted"
    LIMIT = 81, "the guest took all that it was allowed, and was ended"
    STEP = 82, "a step failed, in the guest or on its host, so that what comes after it was not done"


class HoldCode(StrEnum):
    """Why a job is held, each with its sentence: always something its owner can mend."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """A code with its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    IMAGE_MISSING = "image-missing", "A file that the job names is not there."
    IMAGE_INVALID = "image-invalid", "A file that the job names is not what it should be, or must not be used."
    IMAGE_UNREADABLE = "image-unreadable", "A file that the job names cannot be read or written by whoever has to."
    DISK_IN_USE = "disk-in-use", "A disk is used by somebody else, and one of the two writes to it in place."
    PORT_IN_USE = "port-in-use", "A port of the host that the job names is used by somebody else."
    REFUSED = "refused", "A plugin or a site's policy forbids what the job wants."
    MACHINE_INVALID = "machine-invalid", "The job describes a machine that cannot be made."


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with what the user gave, and where.

    Lines and columns count from 1; 0 means that the fault has no place in a file.
    """

    what: str
    where: str = ""
    line: int = 0
    column: int = 0
    source: str = ""
    hint: str = ""
    rule: str = ""
    """The id of the rule that it breaks, see `vmf.rules`."""
    caret: int = 0
    """The column of `source` that is meant, where that is not the whole line from its beginning."""
    fix: tuple[str, str] | None = None
    """What stands at the place, and what to write there instead, where that is surely what was meant."""
    file: str = ""
    """The file as the system knows it; `where` is what can be printed of its name, which others may share."""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}:{self.column}: " if self.line else f"{self.where}: " if self.where else ""
        caret = f"\n    {self.source}\n    {' ' * ((self.caret or self.column) - 1)}^" if self.source else ""
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{place}{self.what}{caret}{hint}"


class VmfError(Exception):
    """The root: a sentence for the user, and what to do next.

    What is not UTF-8 in it, such as a file's name, becomes its escape: a fault has to be stored and sent.
    """

    exit: ClassVar[Exit] = Exit.INTERNAL

    def __init__(self, brief: str, *, hint: str = "") -> None:
        self.brief, self.hint = (text.encode(errors="backslashreplace").decode() for text in (brief, hint))
        super().__init__(self.brief)

    def __str__(self) -> str:
        return f"{self.brief}\n    {self.hint}" if self.hint else self.brief


class UsageError(VmfError):
    """The user asked for something that cannot be; nothing was started."""

    exit = Exit.USAGE


class SpecError(UsageError):
    """All the faults of all the files of one call."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class SetupError(VmfError):
    """This machine lacks something that vmf needs."""

    exit = Exit.SETUP


class NoMatch(VmfError):
    """No host fits a job."""

    exit = Exit.NO_MATCH


class JobFault(VmfError):
    """The job is at fault: it is held, with a code and this reason."""

    exit = Exit.HELD

    def __init__(self, brief: str, *, code: HoldCode, hint: str = "") -> None:
        super().__init__(brief, hint=hint)
        self.code = code


class Refused(JobFault):
    """A plugin or a site's policy forbids what the job wants."""

    def __init__(self, brief: str, *, hint: str = "") -> None:
        super().__init__(brief, code=HoldCode.REFUSED, hint=hint)


class HostFault(VmfError):
    """The host is at fault: the job goes back to idle and is tried elsewhere.

    `ability`, one of its plugin's capabilities, says that the host failed at that, and surely not because of the job.
    """

    exit = Exit.HOST

    def __init__(self, brief: str, *, hint: str = "", ability: str = "") -> None:
        super().__init__(brief, hint=hint)
        self.ability = ability


class HostLost(HostFault):
    """The host cannot be asked; its machines may well be running."""
