"""What is told of a file that a job names and that is not what it should be: the job's fault, in one set of words."""

from __future__ import annotations

import os
from pathlib import Path

from vmf.errors import HoldCode, JobFault
from vmf.files.access import CODES, blocker
from vmf.files.console import one_line
from vmf.model import File

_PATH_MAX = 4096


def shown(path: Path) -> str:
    """A path for messages."""
    return one_line(str(path).encode(errors="backslashreplace"), limit=_PATH_MAX)


def called(file: File) -> str:
    """What a file is called in messages."""
    return shown(file.path) + (" of the host" if file.on_host else "")


def changed(name: str) -> JobFault:
    """What is told of a file that is another one than it was."""
    hint = "run the job again when nothing writes to it"
    return JobFault(f"{name} changed while it was read", code=HoldCode.IMAGE_INVALID, hint=hint)


def invalid(what: str, file: File, reason: str, hint: str) -> JobFault:
    """What is told of a file that cannot be used as `what` it is to be."""
    return JobFault(f"{what} {called(file)}: {reason}", code=HoldCode.IMAGE_INVALID, hint=hint)


def unread(what: str, file: File, error: OSError) -> JobFault:
    """What is told of a file that is to be `what`, and that cannot be opened or read."""
    code = CODES.get(error.errno)
    if code is HoldCode.IMAGE_INVALID:
        return invalid(what, file, str(error.strerror), "name a file")
    if code is HoldCode.IMAGE_MISSING:
        reason, hint = _absence(file)
        return JobFault(f"{what} {called(file)}: {reason}", code=HoldCode.IMAGE_MISSING, hint=hint)
    reason, hint = f"it cannot be read: {error.strerror}", "check the disk that it lies on"
    if isinstance(error, PermissionError) and file.on_host:
        closed = Path(str(error.filename or file.path))  # which only the host can tell
        reason = f"it may not be read: {error.strerror}"
        hint = f"ask the owner of {shown(closed)}, who decides, or name another file"
    elif isinstance(error, PermissionError):
        closed = blocker(file.path, uid=os.geteuid(), gids={os.getegid(), *os.getgroups()}) or file.path
        reason = "it may not be read" if closed == file.path else f"{shown(closed)} may not be passed or read"
        hint = f"give this user access to {shown(closed)}, or put the file elsewhere"
    return JobFault(f"{what} {called(file)}: {reason}", code=HoldCode.IMAGE_UNREADABLE, hint=hint)


def _absence(file: File) -> tuple[str, str]:
    """Why a file cannot be found, and what to do."""
    if file.on_host:
        return "there is no such file", "check the path on the host"
    hint = "check the path; a relative one counts from the file that names it"
    if os.path.islink(file.path):  # noqa: PTH114  # Path's own raises for what can be no path
        return f"it is a link to {shown(Path(os.path.realpath(file.path)))}, and there is no such file", hint
    return "there is no such file", hint
