"""The input CD: what a guest is given, on a read-only disc labelled `VMF`.

`docs/guest.md` describes the disc to whoever builds a guest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vmf.errors import HoldCode, JobFault
from vmf.files.identity import IDENTITY
from vmf.files.volume import end_line
from vmf.model import Job
from vmf.result import END

LABEL = "VMF"
"""What the disc is called, see `vmf.files.disc.write`."""

_NO_SECRETS: Mapping[str, bytes] = MappingProxyType({})


def contents(
    job: Job, magic: bytes, *, secrets: Mapping[str, bytes] = _NO_SECRETS, key: str = "", identity: bytes = b""
) -> dict[str, bytes]:
    """The files of the guest contract for a job, by name.

    Args:
        job: whose script, arguments, environment and wanted results go in.
        magic: the 512 bytes that the job's results volume starts with.
        secrets: more variables for the script, name to value.
        key: a public ssh key for the user of the guest that `job.ssh` names, if there is one.
        identity: who the guest is, see `vmf.files.identity`; empty: it boots, and finds that out by itself.

    Raises:
        JobFault: if the script or a value has a character that UTF-8 does not know.
    """
    made = {
        "magic": magic,
        "env": b"".join(_environment(job, secrets)),
        "run": _encoded(job.run or "", "run"),
        "results": _encoded("".join(f"{name}\n" for name in job.results.files), "results.files"),
        END: end_line(magic),
    }
    if job.ssh and key:
        made |= {"authorized_keys": f"{key}\n".encode(), "login": f"{job.ssh.user}\n".encode()}
    if identity:
        made[IDENTITY] = identity
    return made


def _environment(job: Job, secrets: Mapping[str, bytes]) -> Iterator[bytes]:
    """Lines for a shell: the variables, then the arguments, as its own positional parameters."""
    for name, value in ({name: _encoded(value, "env") for name, value in job.env.items()} | dict(secrets)).items():
        yield b"export %s=%s\n" % (name.encode(), _quoted(value))
    if job.arguments:
        yield b"set -- %s\n" % b" ".join(_quoted(_encoded(each, "arguments")) for each in job.arguments)


def _quoted(value: bytes) -> bytes:
    return b"'" + value.replace(b"'", rb"'\''") + b"'"


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise JobFault(
            f"{where}: character {error.start + 1} is half a character",
            code=HoldCode.MACHINE_INVALID,
            hint="write it as UTF-8, without a lone \\ud800 … \\udfff",
        ) from error
