"""The files by which a daemon elsewhere knows us, and we know it: looked at, and laid out as libvirt wants them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from vmf.errors import SetupError
from vmf.files.access import open_file
from vmf.model import Connection, Transport

FOLDER = "tls"
NAMES: Mapping[str, str] = MappingProxyType({
    "ca": "cacert.pem",
    "certificate": "clientcert.pem",
    "key": "clientkey.pem",
})  # fmt: skip
"""Field of a connection to the name that libvirt looks for."""


def check(connection: Connection) -> None:
    """Refuse a connection whose files cannot be read.

    Raises:
        SetupError: naming the field and the file.
    """
    for field in NAMES:
        if path := getattr(connection, field):
            try:
                open_file(path).close()
            except OSError as error:
                hint = f"check `{field}:` below `connection:` of the host's spec"
                raise SetupError(f"{path}: {error.strerror}", hint=hint) from error


def lay(connection: Connection, folder: Path) -> Path | None:
    """Make a private folder with links to the files of a tls connection; None if it names none.

    It is named after what is in it, so that processes that come at once make the same one.

    Args:
        connection: what the host's spec says.
        folder: the host's own folder.

    Raises:
        SetupError: if it cannot be made.
    """
    if connection.transport is not Transport.TLS or not connection.ca:
        return None
    files = {name: path for field, name in NAMES.items() if (path := getattr(connection, field))}
    content = b"\0".join(os.fsencode(f"{name}={path}") for name, path in files.items())
    made = folder.absolute() / FOLDER / hashlib.sha256(content).hexdigest()[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (made.parent, made):
            each.mkdir(mode=0o700, exist_ok=True)
        for name, path in files.items():
            with suppress(FileExistsError):
                (made / name).symlink_to(path)
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}", hint="set VMF_HOME to another folder") from error
    return made
