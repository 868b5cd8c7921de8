"""Whether a machine's files and folders can be used by the user who runs the guests, looked at before it is made."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault, Refused
from vmf.files.access import blocker, open_unlinked
from vmf.model import Machine, MachineShare
from vmf_libvirt.account import Account
from vmf_libvirt.errors import unopened

_WRITTEN = stat.S_IROTH | stat.S_IWOTH
_LETTERS: Mapping[int, str] = MappingProxyType({stat.S_IROTH: "r", _WRITTEN: "rw"})
"""What a user may do with a file, as `setfacl` says it."""


def settled(machine: Machine, roots: Collection[Path]) -> Machine:
    """The machine, with each disk below one of these folders named by where it really lies.

    A link may lead elsewhere by the time that QEMU opens it: so QEMU is told a name without links, and it is that name
    which is checked.

    Raises:
        Refused: if one really lies outside all of them.
    """
    real = partial(_real, roots=roots)
    disks = (
        replace(disk, file=real(disk.file), layers=tuple(map(real, disk.layers)), served=tuple(map(real, disk.served)))
        for disk in machine.disks
    )
    return replace(machine, disks=tuple(disks))


def _real(file: str, roots: Collection[Path]) -> str:
    if not any(Path(file).is_relative_to(root) for root in roots):
        return file  # not what a job may name here: a plugin of the site's has put it into the machine
    real = Path(os.path.realpath(file))
    if any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        return str(real)
    hint = f"put the file itself there: {', '.join(map(str, roots))}"
    raise Refused(f"{file}: it lies at {real}, outside the folders that the host allows", hint=hint)


def check_files(files: Iterable[str], account: Account, *, written: Collection[str] = ()) -> frozenset[str]:
    """See that files of this computer can be read, and some of them written; those that are block devices.

    Raises:
        JobFault: if one is not there, or cannot be read or written.
        HostFault: if that cannot be found out.
    """
    devices = set()
    for file in files:
        path = Path(file)
        try:
            wanted = _WRITTEN if file in written else stat.S_IROTH
            closed = blocker(path, uid=account.uid, gids=account.groups, wanted=wanted)
            if path.is_block_device():
                devices.add(file)
        except OSError as error:
            raise unopened(path, error) from error
        if closed:
            letters = "x" if closed.is_dir() else _LETTERS[wanted]
            hint = f"`{account.opening(closed, letters)}`, or move the image"
            raise JobFault(f"{path}: {account.stopped(closed)}", code=HoldCode.IMAGE_UNREADABLE, hint=hint)
    return frozenset(devices)


def lend(file: str, account: Account) -> None:
    """Give a file of root's, which has no other name, to the user who runs the guests, if that is all that stops it."""
    path = Path(file)
    with suppress(OSError):  # whoever checks it says so
        if blocker(path, uid=account.uid, gids=account.groups, wanted=_WRITTEN) != path:
            return
        with open_unlinked(path) as lent:
            found = os.fstat(lent.fileno())
            if account.foreign and found.st_uid == os.geteuid() and found.st_nlink == 1:
                os.fchown(lent.fileno(), account.uid, account.gid)


def check_shares(shares: Iterable[MachineShare], account: Account) -> None:
    """See that folders that the host's owner lets machines share are there, and are no links.

    Raises:
        HostFault: if one is not: the job has only its name.
    """
    for path in (Path(share.folder) for share in shares):
        try:
            is_folder = stat.S_ISDIR(path.lstat().st_mode)
            closed = blocker(path, uid=account.uid, gids=account.groups)
        except OSError as error:
            raise _unshared(path, str(error.strerror), "correct the host's `folders`") from error
        if not is_folder:
            raise _unshared(path, "it is no folder, or a link to one", "name the folder itself in the host's `folders`")
        if closed:
            raise _unshared(path, account.stopped(closed), f"`{account.opening(closed, 'x')}`")


def _unshared(path: Path, reason: str, hint: str) -> HostFault:
    return HostFault(f"shared folder {path}: {reason}", hint=hint, ability="shares")
