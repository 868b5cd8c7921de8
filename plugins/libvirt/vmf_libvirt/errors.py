"""Whose fault an error of libvirt is: by its code, or by a sentence in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, JobFault, VmfError


class Code(IntEnum):
    """The codes of libvirt's `virErrorNumber` that decide something."""

    NO_SUPPORT = 3
    INVALID_ARG = 8
    XML_ERROR = 27
    XML_DETAIL = 35
    NO_DOMAIN = 42
    CONFIG_UNSUPPORTED = 67
    NO_DOMAIN_METADATA = 80
    XML_INVALID_SCHEMA = 92


INVALID = frozenset({Code.XML_ERROR, Code.XML_DETAIL, Code.CONFIG_UNSUPPORTED, Code.XML_INVALID_SCHEMA})
"""The machine itself cannot be, on this hypervisor."""


class Sentence(Struct, frozen=True, kw_only=True):
    """Words by which a hypervisor blames the job."""

    words: str
    code: HoldCode
    hint: str = ""


def fault(code: int, message: str, sentences: Sequence[Sentence] = ()) -> VmfError:
    """The error to raise for one of libvirt's: the first sentence that occurs decides, then the code.

    Of a message of several lines, the one that tells most is kept.
    """
    lines = message.strip().splitlines() or [""]
    for each in sentences:
        for line in lines:
            if each.words in line:
                return JobFault(line, code=each.code, hint=each.hint)
    brief = lines[-1]  # a hypervisor that fails to start says why at the end
    if code in INVALID:
        return JobFault(f"the machine cannot be made: {brief}", code=HoldCode.MACHINE_INVALID)
    return HostFault(brief)
