"""The results volume: a small plain disk on which the guest hands over what it has to say.

vmf writes a magic with a nonce at its start; the guest finds the disk by that magic and overwrites it with one tar
stream: `exit-code`, then what it publishes and the files to bring back, then `vmf-end`, whose nonce proves that the
stream was written to its end. The stream is untrusted: `vmf.files.tar` bounds what is read, `vmf.files.unpack` what is
written.

While its script runs, a guest may answer requests (`vmf.files.request`) in the same place and form: its stream then
begins with `answer`, and ends with the request's nonce. What it says in the end takes the place of any answer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from vmf.files import performed
from vmf.files.beside import appearing
from vmf.files.console import one_line
from vmf.files.tar import BLOCK, FILE, FOLDER, Broken, Member, Tar
from vmf.files.unpack import Limits, Unpacked, Unsafe
from vmf.model import Step
from vmf.published import SIZE_MOST
from vmf.result import (
    ATTRIBUTES,
    END,
    EXIT_CODE,
    EXIT_CODE_MAX,
    RESERVED,
    STEP_LOGS,
    STEPS,
    Refusal,
    Said,
    Word,
    undone,
)
from vmf.units import format_size

__all__ = ["Answer", "Limits", "end_line", "look", "magic", "make", "new_nonce", "read", "unpack_answer"]

ANSWER = "answer"
"""The first member of an answer to a request."""
REFUSALS_MAX = 100

_SIGNATURE = b"VMF-RESULTS-1 "
_CODE = re.compile(rb"([0-9]{1,3})\n")
_LINE_MAX = 256
_TEXTS: Mapping[str, int] = MappingProxyType({ATTRIBUTES: SIZE_MOST + 1, performed.REPORT: performed.REPORT_MOST})
"""What is read and not unpacked, with the most bytes of it that are."""
_ANSWER = re.compile(rb"(?:busy|([0-9]{1,3})) ([0-9a-f]{32})\n")


class Answer(Struct, frozen=True, kw_only=True):
    """How far a guest is with a request."""

    code: int | None
    """0: it has done what was asked; other numbers: it could not; None: it is at it."""
    words: str
    """What its commands said, safe to show; mostly nothing."""


def new_nonce() -> str:
    """A nonce for one attempt: 32 hexadecimal digits that nobody can guess."""
    return os.urandom(16).hex()


def magic(nonce: str) -> bytes:
    """The 512 bytes that a volume starts with until its guest speaks."""
    return (_SIGNATURE + nonce.encode() + b"\n").ljust(BLOCK, b"\0")


def end_line(magic: bytes) -> bytes:
    """What `vmf-end` holds for a volume with this magic: the nonce and a newline."""
    return magic.removeprefix(_SIGNATURE).rstrip(b"\0")


def make(path: Path, *, size: int, magic: bytes) -> None:
    """Make a sparse raw volume of `size` bytes that only its owner can read.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    with appearing(path) as file:
        file.write(magic)
        file.truncate(size)


def read(
    stream: IO[bytes], *, magic: bytes, wanted: Sequence[str], folder: Path, limits: Limits, steps: Sequence[Step] = ()
) -> Word:
    """Read the guest's word and unpack its files.

    Args:
        stream: the volume from its first byte; read forward only, and no further than the guest's last word.
        magic: what the volume started with.
        wanted: names that were asked for, of files or folders.
        folder: a fresh empty folder, to unpack into.
        limits: the most that is unpacked; what exceeds it is refused.
        steps: those that the guest was given, in the order in which it was to do them.

    Raises:
        OSError: if the stream cannot be read or the folder not be written. Nothing that the stream says raises.
    """
    tar = Tar(stream)
    refused = _Refused()
    code, said, texts = None, Said.NOTHING, dict.fromkeys(_TEXTS, b"")
    with closing(Unpacked(folder, limits=limits, reserved=RESERVED)) as into:
        if tar.peek() != magic and not _is_answer(tar.peek()):
            said = Said.PART
            try:
                code = _exit_code(tar)
                said = _unpack(tar, into, end_line(magic), refused, texts, performed.places(steps))
            except Broken as error:
                refused.add(error.name, error.reason)
            into.sync()
        reports = performed.reports(texts[performed.REPORT], steps, folder)
        missing = tuple(name for name in wanted if not into.has(name))
        return Word(
            said=said,
            exit_code=code,
            files=tuple(sorted(into.files)),
            missing=missing,
            refused=refused.listed(),
            steps=reports,
            undone=undone(steps, reports),
            attributes=texts[ATTRIBUTES],
        )


def look(stream: IO[bytes], *, nonce: str) -> Answer | None:
    """How far the guest is with the request that has this nonce; None: it has not begun.

    Raises:
        OSError: if the stream cannot be read. Nothing that it says raises.
    """
    tar = Tar(stream)
    try:
        for member in tar:
            content = b"".join(tar.content()) if _is(member, ANSWER) and member.size <= BLOCK else b""
            told = _ANSWER.match(content)
            if told is None or told[2] != nonce.encode():
                return None
            words = "; ".join(one_line(line) for line in content[told.end() :].splitlines())
            return Answer(code=None if told[1] is None else int(told[1]), words=words)
    except Broken:
        pass
    return None


def unpack_answer(stream: IO[bytes], *, nonce: str, folder: Path, limits: Limits) -> Word:
    """Unpack what a guest hands out by its answer, as `read` does with its results.

    Raises:
        OSError: as for `read`.
    """
    refused, said = _Refused(), Said.PART
    with closing(Unpacked(folder, limits=limits, reserved=(ANSWER,))) as into:
        tar = Tar(stream)
        try:
            next(iter(tar), None)
            said = _unpack(tar, into, f"{nonce}\n".encode(), refused, {}, {})
        except Broken as error:
            refused.add(error.name, error.reason)
        into.sync()
        return Word(said=said, files=tuple(sorted(into.files)), refused=refused.listed())


class _Refused:
    """The first refusals, and the number of all."""

    def __init__(self) -> None:
        self._first: list[Refusal] = []
        self._count = 0

    def add(self, name: str, reason: str) -> None:
        self._count += 1
        if self._count <= REFUSALS_MAX:
            self._first.append(Refusal(name=name, reason=reason))

    def listed(self) -> tuple[Refusal, ...]:
        more = self._count - len(self._first)
        rest = (Refusal(name="…", reason=f"{more} more were refused"),) if more else ()
        return (*self._first, *rest)


def _exit_code(tar: Tar) -> int:
    """The code in the first member.

    Raises:
        Broken: if it holds none.
    """
    for member in tar:
        content = _content(tar, member) if _is(member, EXIT_CODE) else b""
        code = _CODE.fullmatch(content)
        if code and int(code[1]) <= EXIT_CODE_MAX:
            return int(code[1])
        raise Broken(member.shown, f"the first entry must be {EXIT_CODE}: 0 to {EXIT_CODE_MAX} and a newline")
    raise Broken(EXIT_CODE, "the stream is empty")


def _unpack(
    tar: Tar, into: Unpacked, end: bytes, refused: _Refused, texts: dict[str, bytes], logs: Mapping[bytes, bytes]
) -> Said:
    """Unpack member by member, but for `texts`, which are read; all is said once a member proves it.

    `logs` says where those lie that have another place in the results; each has at most `LOG_ROOM` bytes.
    """
    for member in tar:
        if text := next((name for name in texts if _is(member, name)), None):
            texts[text] = _head(tar, _TEXTS[text])
            continue
        if _is(member, END):
            if _content(tar, member) == end:
                return Said.ALL
            raise Broken(END, "it does not hold the nonce that was given")
        try:
            into.put(_placed(member, logs), tar.content())
        except Unsafe as error:
            refused.add(member.shown, str(error))
    return Said.PART


def _placed(member: Member, logs: Mapping[bytes, bytes]) -> Member:
    """The member with the name that it has in the results.

    Raises:
        Unsafe: if it lies where logs do and is none, or is one and too long.
    """
    name = b"/".join(part for part in member.name.split(b"/") if part not in {b"", b"."})
    place = logs.get(name)
    if place is None:
        if logs and name.partition(b"/")[0] == STEP_LOGS.encode():
            raise Unsafe("that folder is for the logs of steps")
        return member
    if member.kind == (FILE if name == STEPS.encode() else FOLDER):
        raise Unsafe(f"it is {member.kind}, and what has that name is none")
    if member.size > performed.LOG_ROOM:
        raise Unsafe(f"a log has at most {format_size(performed.LOG_MOST)}")
    return replace(member, name=place)


def _is_answer(block: bytes) -> bool:
    """Whether a stream that begins with this block was never meant as results."""
    return block[:100].rstrip(b"\0") == ANSWER.encode()


def _is(member: Member, name: str) -> bool:
    return member.kind == FILE and member.name.removeprefix(b"./") == name.encode()


def _head(tar: Tar, size: int) -> bytes:
    """The first bytes of a member, at most so many."""
    head = b""
    for piece in tar.content():
        head += piece[: size - len(head)]
    return head


def _content(tar: Tar, member: Member) -> bytes:
    """The whole of a small member; nothing of one that is larger than any line of the contract."""
    return b"".join(tar.content()) if member.size <= _LINE_MAX else b""
