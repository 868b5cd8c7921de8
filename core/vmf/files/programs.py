"""The programs of the system that vmf runs: where each is, and which package has it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from types import MappingProxyType

from vmf.errors import HostFault, SetupError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where they are looked for: the folders of daemons need not be on a user's own path."""
QEMU_IMG = "qemu-img"
_SSH = "openssh-client (Debian, Ubuntu), openssh-clients (Fedora), openssh (Arch)"
PACKAGES: Mapping[str, str] = MappingProxyType({
    QEMU_IMG: "qemu-utils (Debian, Ubuntu), qemu-img (Fedora, Arch)",
    "setpriv": "util-linux",
    "ssh": _SSH,
    "ssh-keygen": _SSH,
})  # fmt: skip


def find(name: str) -> str | None:
    """Where a program is on this computer, if it is installed."""
    return shutil.which(name, path=PATH)


def dying_with_us(*words: str) -> tuple[str, ...]:
    """The command line of a program that the kernel kills when the thread that starts it ends, however it ends.

    `subprocess` has no such thing that is safe where there are threads.

    Raises:
        SetupError: if this computer lacks what is needed.
    """
    return need("setpriv"), "--pdeathsig", "KILL", "--", *words


def need(name: str, *, packages: Mapping[str, str] = PACKAGES, fault: type[SetupError | HostFault] = SetupError) -> str:
    """Where a program is; `packages` says which has it.

    Raises:
        SetupError: or whatever else `fault` is: if it is not installed.
    """
    found = find(name)
    if found is None:
        raise fault(f"{name} is not installed", hint=f"install {packages[name]}")
    return found
