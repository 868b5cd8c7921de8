"""Where libvirt's library finds a daemon: the URI of a host spec's connection. Pure.

A URI of libvirt's can run programs and drop checks (`command=`, `netcat=`, `no_verify=`), so nothing of a spec can add
a parameter: whatever is in a field is quoted, and the parameters are those below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

from vmf.errors import SetupError
from vmf.model import Connection, Transport, exposed, numeric

Driver: TypeAlias = Literal["qemu", "xen"]
REMOTE = frozenset({Transport.SSH, Transport.TLS, Transport.TCP})
REPLACED = re.compile(r"%|\$\{")
"""What ssh takes for a variable in the path of a key."""


def uri(driver: Driver, connection: Connection, *, credentials: Path | None = None) -> str:
    """The URI of the computer's own daemon that has this driver, here or elsewhere.

    Args:
        driver: libvirt's name of the hypervisor.
        connection: what the host's spec says.
        credentials: for tls, the folder that `vmf_libvirt.credentials` has made; libvirt's own places if not given.

    Raises:
        SetupError: if libvirt cannot be reached in this way, or must not be.
    """
    if connection.transport is Transport.LOCAL:
        return f"{driver}:///system"
    place = _place(connection)
    parameters = urlencode(_parameters(connection, credentials), safe="", quote_via=quote)
    return f"{driver}+{connection.transport}://{place}/system" + (f"?{parameters}" if parameters else "")


def _place(connection: Connection) -> str:
    if connection.transport not in REMOTE:
        reason, hint = f"libvirt has no transport {connection.transport}", "use ssh, tls or tcp"
    elif not connection.address:
        reason, hint = f"transport {connection.transport} needs an address", "add `address:`"
    elif exposed(connection) and not connection.insecure:
        reason = f"{connection.address}: tcp neither encrypts nor proves who is who"
        hint = "use ssh or tls, or write `insecure: true`"
    else:
        user = f"{quote(connection.user, safe='')}@" if connection.user else ""
        port = f":{connection.port}" if connection.port else ""
        return f"{user}{_server(connection.address)}{port}"
    raise SetupError(reason, hint=f"{hint}, below `connection:` of the host's spec")


def _server(address: str) -> str:
    number = numeric(address)
    return f"[{number}]" if number and number.version == 6 else quote(address, safe="")  # noqa: PLR2004  # IPv6


def _parameters(connection: Connection, credentials: Path | None) -> Mapping[str, bytes]:
    if connection.transport is Transport.SSH:
        return {"no_tty": b"1", **_key(connection.key)}  # so that ssh asks nobody for anything
    return {"pkipath": os.fsencode(credentials)} if credentials else {}


def _key(path: Path | None) -> Mapping[str, bytes]:
    if path and (variable := REPLACED.search(str(path))):
        raise SetupError(f"{path}: ssh cannot use a key with {variable[0]!r} in its path", hint="rename it")
    return {"keyfile": os.fsencode(path)} if path else {}
