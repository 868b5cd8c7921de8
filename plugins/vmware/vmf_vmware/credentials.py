"""The user and the password for a host; they have no word in a spec.

The first of these that knows a password is taken: the environment, the file that the environment names, the keyring.
"""

from __future__ import annotations

import configparser
import importlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from vmf.errors import SetupError
from vmf.files.access import open_file
from vmf.model import Host

PASSWORD = "VMF_VMWARE_PASSWORD"  # noqa: S105  # the name of a variable, not a password
USER = "VMF_VMWARE_USER"
FILE = "VMF_VMWARE_CREDENTIALS"
SERVICE = "vmf-vmware"
"""Before the host's name: what its entry in the keyring belongs to."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MOST = 64 * 1024


class Credentials(Struct, frozen=True, kw_only=True):
    """Who vmf is to a host."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


def find(host: Host, environment: Mapping[str, str]) -> Credentials:
    """Those for a host.

    Raises:
        SetupError: if there are none, or the file that has them can be read by others.
    """
    for user, password in _known(host, environment):
        if password and (known := host.connection.user or user):
            return Credentials(user=known, password=password)
        if password:
            raise SetupError(
                f"nothing says whom to log in as on host {host.name}",
                hint="write `user:` below `connection:` of the host's spec, or beside the password",
            )
    raise SetupError(
        f"there is no password for host {host.name}",
        hint=f"export {_of(PASSWORD, host)}, or name a file with it by {FILE}; docs/vmware.md tells how",
    )


def _known(host: Host, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """User and password as each place knows them, either of which may be empty."""
    user = environment.get(_of(USER, host)) or environment.get(USER, "")
    for variable in (_of(PASSWORD, host), PASSWORD):
        yield user, environment.get(variable, "")
    if named := environment.get(FILE):
        yield _in_file(Path(named), host.name)
    yield _in_keyring(host)


def _of(variable: str, host: Host) -> str:
    return f"{variable}_{re.sub('[^A-Z0-9]', '_', host.name.upper())}"


def _in_file(path: Path, host: str) -> tuple[str, str]:
    """What the section of a host says, or `[DEFAULT]` for all that have none."""
    words = configparser.ConfigParser(interpolation=None)
    try:
        words.read_string(_private(path), source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        hint = f"write `[{host}]`, then `user = …` and `password = …` on lines of their own"
        raise SetupError(f"{path}{_line(error)} cannot be understood", hint=hint) from None
    section = words[host] if words.has_section(host) else words.defaults()
    return section.get("user", ""), section.get("password", "")


def _line(error: Exception) -> str:
    """Where it is that something is wrong; the error's own words would show the line, password and all."""
    lines = [getattr(error, "lineno", None), *(number for number, _ in getattr(error, "errors", ()))]
    return next((f", line {number}," for number in lines if number), "")


def _private(path: Path) -> str:
    """What is in a file that nobody but its owner, who is this user, can read or write."""
    try:
        file = open_file(path)
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}", hint=f"{FILE} names it") from error
    with file:
        found = os.fstat(file.fileno())
        if found.st_mode & _OTHERS:
            raise SetupError(f"{path} has passwords in it, and others can read or change it", hint=f"chmod 600 {path}")
        if found.st_uid != os.geteuid():
            raise SetupError(f"{path} belongs to another user", hint="use a file of your own")
        return file.read(_MOST).decode()


def _in_keyring(host: Host) -> tuple[str, str]:
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:  # it is not installed, and need not be
        return "", ""
    try:
        found = keyring.get_credential(f"{SERVICE}/{host.name}", host.connection.user)
    except keyring.errors.KeyringError as error:
        raise SetupError(f"the keyring does not open: {error}", hint="unlock it") from error
    return (found.username or "", found.password or "") if found else ("", "")
