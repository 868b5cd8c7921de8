"""More lines of the .vmx file, from the job and from the site's file: which ones a job may give, and whose count.

A line can attach a file of the host's, or a device, or have VMware write somewhere. So a job gives only such as do
not, by a list; who runs the host may give any but those that vmf writes itself, and has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Machine
from vmf_vmware import vmx
from vmf_vmware.settings import VmwareHost, VmwareJob

FIELDS: Final[Mapping[str, str]] = MappingProxyType({
    r"memsize": "memory",
    r"numvcpus": "cpus",
    r"displayname": "metadata.name",
    r"ethernet[0-9]+\..*": "network",
    r"firmware": "boot.firmware",
})  # fmt: skip
"""Patterns of the keys that vmf writes, whose case does not count, and the fields that they are made of."""
_MARK: Final = r"vmf\..*"
_LENT: Final = (
    r"guestinfo\..+",
    r"cpuid\.([0-9a-f]+(\.[0-9a-f]+)?\.e[abcd]x(\.(amd|intel))?|corespersocket|enablenx)",
    r"featmask\.(vm\.)?(cpuid|hv\.capable)\.[a-z0-9_]+",
    r"monitor\.(virtual_exec|virtual_mmu|phys_bits_used)",
    r"monitor_control\.(restrict_backdoor|virtual_rdtsc|pseudo_perfctr)",
    r"numa\.(autosize(\.once)?|vcpu\.(maxpervirtualnode|min|preferht|followcorespersocket))",
    r"hypervisor\.cpuid\.v0",
    r"(mce|vhv|vpmc|vvtd)\.enable",
    r"hpet0\.present",
    r"smbios\.(assettag|useshortserialnumber)",
    r"svga\.(present|autodetect|vramsize|maxwidth|maxheight|numdisplays)",
    r"bios\.(bootdelay|forcesetuponce|bootretry\.(enabled|delay))",
    r"keyboard\.typematicmindelay",
    r"(vcpu|mem)\.hotadd",
    r"devices\.hotplug",
    r"disk\.enableuuid",
    r"rtc\.difffromutc",
    r"tools\.(synctime|remindinstall|upgrade\.policy)",
    r"time\.synchronize\.(continue|restore|shrink|resume\.(disk|host)|tools\.(startup|enable))",
)
"""Patterns of the keys that a job may give: each is known to lead to no file, device, port or other machine."""


def block(machine: Machine) -> VmwareJob:
    """The words of a machine's job."""
    return msgspec.convert(machine.settings, VmwareJob, dec_hook=lambda wanted, text: wanted(text))


def field(key: str) -> str | None:
    """The field of a job that a line is made of; None: it has none."""
    return next((each for pattern, each in FIELDS.items() if re.fullmatch(pattern, key, re.IGNORECASE)), None)


def is_lent(key: str) -> bool:
    """Whether a job may give a line."""
    return any(re.fullmatch(pattern, key, re.IGNORECASE) for pattern in _LENT)


def lines(machine: Machine, host: VmwareHost) -> dict[str, str]:
    """What is added to a machine's configuration, by keys in small letters but for the job's.

    Raises:
        JobFault: if its job gives a line that is not for jobs.
        HostFault: if the site's file cannot be read, or has one that vmf writes itself.
    """
    given = block(machine).vmx
    check(given)
    ours = {key.lower(): value for key, value in given.items()}
    return ours | (_of_site(host.vmx_file) if host.vmx_file else {})


def check(given: Mapping[str, str]) -> None:
    """See that a job gives only lines that are for jobs.

    Raises:
        JobFault: if not.
    """
    for key in given:
        if (made_of := field(key)) is not None:
            raise JobFault(
                f"vmf writes the .vmx line {key} itself", code=HoldCode.MACHINE_INVALID, hint=f"use `{made_of}`"
            )
        if not is_lent(key):
            hint = "who runs the host can add it, by `vmx_file` in the host's spec"
            what = f"the .vmx line {key} may lead to the host's files or devices: it is not for jobs"
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)


def _of_site(path: Path) -> dict[str, str]:
    try:
        found = vmx.read(path.read_bytes())
    except OSError as error:
        raise HostFault(f"{path}: {error.strerror}", hint="see `vmx_file` in the host's spec") from error
    except vmx.Unreadable as error:
        raise HostFault(f"{path}: {error}", hint='write lines such as guestinfo.site = "here"') from error
    for key in found:
        if field(key) is not None or re.fullmatch(_MARK, key):
            raise HostFault(f"{path}: vmf writes the line {key} itself", hint="leave it out")
    return found
