"""The input CD: what a guest is given, on a read-only disc labelled `VMF`.

`docs/guest.md` describes the disc to whoever builds a guest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vmf.errors import HoldCode, JobFault
from vmf.files.identity import IDENTITY
from vmf.files.volume import end_line
from vmf.model import Job
from vmf.result import ATTRIBUTES, END

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
        "env": environment(job.env, job.arguments, secrets=secrets),
        "run": encoded(job.run or "", "run"),
        "results": encoded("".join(f"{name}\n" for name in (ATTRIBUTES, *job.results.files)), "results.files"),
        END: end_line(magic),
    }
    if job.ssh and key:
        made |= {"authorized_keys": f"{key}\n".encode(), "login": f"{job.ssh.user}\n".encode()}
    if identity:
        made[IDENTITY] = identity
    return made


def environment(
    env: Mapping[str, str], arguments: Sequence[str], *, where: str = "", secrets: Mapping[str, bytes] = _NO_SECRETS
) -> bytes:
    """Lines for a shell: the variables, then the arguments, as its own positional parameters.

    Args:
        env: name to value.
        arguments: the words.
        where: whose they are, if not the job's.
        secrets: more variables; one takes the place of its namesake.

    Raises:
        JobFault: as `encoded`.
    """
    given = {name: encoded(value, where or "env") for name, value in env.items()} | dict(secrets)
    lines = [b"export %s=%s\n" % (name.encode(), quoted(value)) for name, value in given.items()]
    if arguments:
        lines.append(b"set -- %s\n" % b" ".join(quoted(encoded(each, where or "arguments")) for each in arguments))
    return b"".join(lines)


def quoted(value: bytes) -> bytes:
    """A word for a shell, which takes nothing in it for anything else."""
    return b"'" + value.replace(b"'", rb"'\''") + b"'"


def encoded(text: str, where: str) -> bytes:
    """A text of a spec, as a guest reads it.

    Raises:
        JobFault: if UTF-8 does not know one of its characters; `where` is the field.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise JobFault(
            f"{where}: character {error.start + 1} is half a character",
            code=HoldCode.MACHINE_INVALID,
            hint="write it as UTF-8, without a lone \\ud800 … \\udfff",
        ) from error
