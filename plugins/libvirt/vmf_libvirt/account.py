"""Whom the daemon and its guests run as: never root."""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path
from typing import Any

from msgspec import Struct

from vmf.errors import SetupError

DISTRIBUTION_USERS = ("libvirt-qemu", "qemu")


class Account(Struct, frozen=True, kw_only=True):
    """A user of this computer, with all of its groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def foreign(self) -> bool:
        """Whether this process has to become another user to be it."""
        return self.uid != os.geteuid()

    def stopped(self, closed: Path) -> str:
        """What is told of a file or folder that it may not use."""
        return f"user {self.name}, who runs the guests, is stopped at {closed}"

    def opening(self, closed: Path, letters: str) -> str:
        """The command that lets it use a file or folder, and nobody else."""
        return f"setfacl -m u:{self.name}:{letters} {shlex.quote(str(closed))}"

    def process(self) -> dict[str, Any]:
        """The arguments of `subprocess` that run a program as this user, its files private to it.

        It has a session of its own: Ctrl-C on a terminal is for vmf, which knows what is to end.
        """
        whose = {"user": self.uid, "group": self.gid, "extra_groups": self.groups} if self.foreign else {}
        return {"umask": 0o077, "cwd": "/", "start_new_session": True, **whose}


def find() -> Account:
    """The calling user; for root, the user that the distribution made for QEMU.

    Raises:
        SetupError: if root finds no such user.
    """
    uid = os.geteuid()
    if uid:
        gid = os.getegid()
        return Account(name=_name(uid), uid=uid, gid=gid, groups=tuple({gid, *os.getgroups()}))
    for name in DISTRIBUTION_USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        groups = tuple(os.getgrouplist(name, found.pw_gid))
        return Account(name=name, uid=found.pw_uid, gid=found.pw_gid, groups=groups)
    raise SetupError(
        f"guests never run as root, and there is no user called {' or '.join(DISTRIBUTION_USERS)}",
        hint="install libvirt-daemon-system (Debian, Ubuntu) or libvirt-daemon-kvm (Fedora), or do not run vmf as root",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # in a container, say
        return str(uid)
