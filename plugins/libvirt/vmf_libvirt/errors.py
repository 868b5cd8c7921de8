"""Whose fault an error of libvirt is: the host's, unless it met a create and shows what the job gave. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files.access import CODES


class Code(IntEnum):
    """The codes of libvirt's `virErrorNumber` that decide something."""

    INTERNAL_ERROR = 1
    NO_SUPPORT = 3
    INVALID_ARG = 8
    OPERATION_FAILED = 9
    XML_ERROR = 27
    XML_DETAIL = 35
    NO_DOMAIN = 42
    NO_NETWORK = 43
    NO_STORAGE_POOL = 49
    NO_STORAGE_VOL = 50
    OPERATION_INVALID = 55
    CONFIG_UNSUPPORTED = 67
    NO_DOMAIN_METADATA = 80
    BLOCK_COPY_ACTIVE = 83
    XML_INVALID_SCHEMA = 92


ACCESSIBLE = "let the user who runs the guests read it, and write it if its `access` is in-place; or put it elsewhere"
"""What to do with a file that nobody may read who has to."""
_HINTS: Mapping[HoldCode, str] = MappingProxyType({
    HoldCode.IMAGE_MISSING: "check the image's paths",
    HoldCode.IMAGE_UNREADABLE: ACCESSIBLE,
    HoldCode.IMAGE_INVALID: "name a plain file",
})  # fmt: skip
INVALID = frozenset({Code.XML_ERROR, Code.XML_DETAIL, Code.CONFIG_UNSUPPORTED, Code.XML_INVALID_SCHEMA})
"""The machine itself cannot be, on this hypervisor."""


class Sentence(Struct, frozen=True, kw_only=True):
    """Words by which a hypervisor that fails to make a machine blames the job."""

    words: str
    code: HoldCode
    hint: str = ""
    file: str = ""
    """The path that has to be in the line too; empty: the words tell enough."""
    brief: str = ""
    """What the job's owner is told in place of the line; empty: the line."""

    def fits(self, line: str) -> bool:
        """Whether the line says it."""
        return self.words in line and (not self.file or _names(line, self.file))


class Failing(Struct, frozen=True, kw_only=True):
    """Words by which a hypervisor that fails to make a machine shows that the host cannot do something for anybody."""

    words: str
    ability: str
    """What that is: a capability of the plugin; empty: there is none for it."""
    brief: str = ""
    """What is told in place of the line; empty: the line."""


class LibvirtFault(HostFault):
    """What libvirt, or a program beside it, answered instead of doing as asked; `code` is libvirt's number, or 0.

    Of a message of several lines, the last is the brief: a hypervisor that fails to start says why at the end.
    """

    def __init__(self, message: str, *, code: int = 0) -> None:
        self.lines = tuple(message.strip().splitlines()) or ("unknown error",)
        super().__init__(self.lines[-1])
        self.code = code

    def shows(self, words: Sequence[str]) -> bool:
        """Whether a line has any of them."""
        return any(each in line for each in words for line in self.lines)


def unopened(path: Path, error: OSError) -> JobFault | HostFault:
    """What it means that a file of the job's could not be opened."""
    brief = f"{path}: {error.strerror}"
    code = CODES.get(error.errno)
    if code is None:
        return HostFault(brief, hint="check the disk that it lies on, and the host's mounts and limits")
    return JobFault(brief, code=code, hint=_HINTS[code])


@contextmanager
def blaming_job(sentences: Sequence[Sentence], failings: Sequence[Failing] = ()) -> Iterator[None]:
    """Around the making of a machine: the first sentence that a line of an error says holds the job.

    If there is none, the first failing of the host's that one shows tells what failed; then the code decides.

    Raises:
        JobFault: for a `LibvirtFault` that blames the job.
        HostFault: with the ability, for one that blames that; any other passes.
    """
    try:
        yield
    except LibvirtFault as error:
        for each in sentences:
            for line in filter(each.fits, error.lines):
                raise JobFault(each.brief or line, code=each.code, hint=each.hint) from error
        for failing in failings:
            for line in error.lines:
                if failing.words in line:
                    raise HostFault(failing.brief or line, ability=failing.ability) from error
        if error.code in INVALID:
            raise JobFault(f"the machine cannot be made: {error.brief}", code=HoldCode.MACHINE_INVALID) from error
        raise


def _names(line: str, file: str) -> bool:
    """Whether the whole path is in the line, not only the start or the end of another one."""
    return re.search(rf"(?<![\w./-]){re.escape(file)}(?![\w./-])", line) is not None
