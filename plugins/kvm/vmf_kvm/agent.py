"""What the QEMU guest agent in a guest that runs does: files, programs, the clock. Its answers are not trusted."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from vmf.errors import HoldCode, JobFault
from vmf.files.console import one_line
from vmf_libvirt.errors import LibvirtFault

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 48 * 1024
"""Bytes of a file in one command: the agent of QEMU 7.2 takes 128 KiB, and hangs at 256."""
SIGNALLED = 128
"""What a shell adds to the number of a signal that has ended a program."""
_HINT = "the guest has to run the QEMU guest agent, Debian's qemu-guest-agent, and may still be booting: see `vmf logs`"

Ask: TypeAlias = Callable[[str], str]
"""Asks the agent something and returns its answer, both in JSON.

Raises `LibvirtFault` if it refuses or does not answer, `HostLost` if the host cannot be asked.
"""
T = TypeVar("T")


class _Answer(Struct, Generic[T], frozen=True):
    told: T = field(name="return")


class _Written(Struct, frozen=True):
    count: int


class _Read(Struct, frozen=True):
    content: str = field(name="buf-b64")


class _Begun(Struct, frozen=True):
    pid: int


class _Status(Struct, frozen=True):
    exited: bool
    code: Annotated[int, Meta(ge=0, le=255)] | None = field(name="exitcode", default=None)
    signal: Annotated[int, Meta(ge=1, le=127)] | None = None


class File:
    """A file of the guest, opened by the agent.

    Raises:
        JobFault: if there is no agent, or it refuses; with its own words. Likewise from every method.
    """

    def __init__(self, ask: Ask, path: str, mode: str) -> None:
        self._ask = ask
        self._number = self._told(int, "guest-file-open", path=path, mode=mode)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        text = self._told(_Read, "guest-file-read", handle=self._number, count=min(size, PIECE)).content
        try:
            content = base64.b64decode(text, validate=True)
        except ValueError:
            raise _nonsense() from None
        if len(content) > size:
            raise _nonsense()
        return content

    def write(self, content: bytes) -> None:
        """Write all of it."""
        while content:
            text = base64.b64encode(content[:PIECE]).decode()
            count = self._told(_Written, "guest-file-write", handle=self._number, **{"buf-b64": text}).count
            if not 0 < count <= len(content):
                raise _nonsense()
            content = content[count:]

    def close(self) -> None:
        """Close it, with which all that was written is in it."""
        self._told(Any, "guest-file-close", handle=self._number)

    def _told(self, type_: type[T], command: str, /, **arguments: object) -> T:
        return _told(self._ask, type_, command, **arguments)


class Reading(io.RawIOBase):
    """A file of the guest as a stream."""

    def __init__(self, ask: Ask, path: str) -> None:
        super().__init__()
        self._file = File(ask, path, "r")

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer, as far as one answer goes."""
        view = memoryview(buffer).cast("B")
        content = self._file.read(len(view))
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Let go of it; a guest that keeps it open does nobody else harm."""
        if not self.closed:
            super().close()
            with suppress(JobFault):
                self._file.close()


class Execution:
    """A program that the agent runs.

    Raises:
        JobFault: if there is no agent, or it refuses; with its own words. Likewise from `poll`.
    """

    def __init__(self, ask: Ask, command: Sequence[str]) -> None:
        program, *arguments = command
        self._ask = ask
        self._pid = _told(ask, _Begun, "guest-exec", path=program, arg=arguments).pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or 128 and the number of the signal that has ended it; None while it runs."""
        if self._code is None:  # the agent tells it once
            self._code = _code(_told(self._ask, _Status, "guest-exec-status", pid=self._pid))
        return self._code


def _code(status: _Status) -> int | None:
    if not status.exited:
        return None
    code = status.code if status.signal is None else SIGNALLED + status.signal
    if code is None:
        raise _nonsense()
    return code


def copy_in(ask: Ask, source: IO[bytes], path: str) -> int:
    """Write a file in the guest, in the place of what was there; its bytes.

    Raises:
        JobFault: if there is no agent, or it refuses; with its own words.
    """
    file, size = File(ask, path, "w"), 0
    try:
        while piece := source.read(PIECE):
            file.write(piece)
            size += len(piece)
    except BaseException:
        with suppress(JobFault):
            file.close()
        raise
    file.close()
    return size


def copy_out(ask: Ask, path: str) -> IO[bytes]:
    """Open a file of the guest for reading; errors as for `copy_in`, also while it is read."""
    return io.BufferedReader(Reading(ask, path), PIECE)


def set_clock(ask: Ask, now: int) -> None:
    """Have the guest's clock show these nanoseconds since 1970; errors as for `copy_in`."""
    _told(ask, Any, "guest-set-time", time=now)


def _told(ask: Ask, type_: type[T], command: str, /, **arguments: object) -> T:
    question = msgspec.json.encode({"execute": command, "arguments": arguments}).decode()
    try:
        return msgspec.json.decode(ask(question), type=_Answer[type_]).told  # type: ignore[valid-type]  # it is one
    except LibvirtFault as fault:
        refused = fault.brief.partition(f"command '{command}': ")[2]  # else it is libvirt that speaks
        words = one_line((refused or fault.brief).encode(errors="replace"), limit=500)
        raise JobFault(words, code=HoldCode.REFUSED, hint="" if refused else _HINT) from fault
    except msgspec.DecodeError:
        raise _nonsense() from None


def _nonsense() -> JobFault:
    words, hint = "the guest's agent answers what cannot be", "start another QEMU guest agent in the guest"
    return JobFault(words, code=HoldCode.REFUSED, hint=hint)
