"""Text from guests: made safe for a terminal, and kept within bounds."""

from __future__ import annotations

import codecs
import re

MEBIBYTE = 2**20
_GAP = b"\n[vmf: %d bytes are left out here]\n"
_GAP_LINE = re.compile(re.escape(_GAP).replace(b"%d", b"([0-9]{1,18})"))

_LINE_END = re.compile(r"\r*\n|\r+")
# Controls but newline and tab, C1 controls, and what reorders or breaks lines behind the reader's back.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NUMBERS = r"[0-9]{0,4}(?:;[0-9]{0,4}){0,15}"
_CONTROL = (  # compiled, as the next, when a terminal is shown: most of vmf only escapes
    rf"(?P<passes>[\x08\r]|\x1b\[{_NUMBERS}[@A-HJ-MPXdfm])"
    rf"|(?P<left_out>\x07|\x1b\[\??{_NUMBERS}[hln]|\x1b[=>])"
    rf"|{_UNSAFE.pattern}"
)
_BEGUN = rf"\x1b(?:\[\??{_NUMBERS})?\Z"


class Escaper:
    r"""Makes a guest's bytes safe to write to a terminal, chunk by chunk.

    What is not UTF-8 becomes U+FFFD, a control character its escape (`\x1b`, `\u202e`). A carriage return becomes a
    newline, alone or in front of one: a progress bar turns into lines, and no line can paint over another.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        """The text of the next chunk; what may go on in the one after it is held back."""
        return self._escaped(self._decoder.decode(data))

    def close(self) -> str:
        """The text of what was held back: nothing follows."""
        text = self._escaped(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text + held.replace("\r", "\n")

    def _escaped(self, text: str) -> str:
        text = self._held + text
        # One return stands for all: those in front of a newline are one line's end together.
        self._held = "\r" if text.endswith("\r") else ""
        text = _LINE_END.sub("\n", text.rstrip("\r"))
        return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def escape(data: bytes) -> str:
    """A guest's bytes as text that is safe to write to a terminal; see `Escaper`."""
    escaper = Escaper()
    return escaper.feed(data) + escaper.close()


def one_line(data: bytes, *, limit: int = 200) -> str:
    """A stranger's name for something, safe to show within a line: at most `limit` characters and a dash of dots."""
    text = escape(data[: 4 * limit]).replace("\n", r"\n").replace("\t", r"\t")
    return text if len(text) <= limit else f"{text[:limit]}…"


class Typescript:
    r"""Makes a guest's bytes fit for a terminal on which somebody types to the guest, chunk by chunk.

    Line editing needs more than `Escaper` lets through: backspace, carriage return, and the sequences that move the
    cursor, erase, and set colours, of bounded length. Sequences that would ask the terminal for an answer or change
    its modes, and the bell, are left out; whatever else could control it becomes its escape.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        """The text of the next chunk; a sequence that may go on in the one after it is held back."""
        text = self._held + self._decoder.decode(data)
        begun = re.search(_BEGUN, text)
        text, self._held = (text[: begun.start()], begun[0]) if begun else (text, "")
        return re.sub(_CONTROL, _tamed, text)


def _tamed(found: re.Match[str]) -> str:
    if found["passes"]:
        return found[0]
    return "" if found["left_out"] else found[0].encode("unicode_escape").decode("ascii")


class BoundedLog:
    """The start and the end of a console, whatever its length.

    Keeps at most `limit` bytes, half of them the first and half the last; takes half as much again while it grows.
    """

    def __init__(self, limit: int = MEBIBYTE) -> None:
        self._first_size = (limit + 1) // 2
        self._last_size = limit // 2
        self._first = bytearray()
        self._last = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        """Take what the guest wrote next."""
        room = self._first_size - len(self._first)
        self._first += data[:room]
        self._last += data[room:]
        if len(self._last) > 2 * self._last_size:  # seldom, so that many small pieces cost little
            self._drop()

    def contents(self) -> bytes:
        """What is kept; where something was dropped, a line says how much."""
        self._drop()
        gap = _GAP % self._dropped if self._dropped else b""
        return bytes(self._first) + gap + bytes(self._last)

    def _drop(self) -> None:
        excess = max(0, len(self._last) - self._last_size)
        del self._last[:excess]
        self._dropped += excess


def rest(contents: bytes, offset: int, *, limit: int = MEBIBYTE) -> bytes:
    """What a `BoundedLog` kept of all that came after the first `offset` bytes; a gap that is still to come stays."""
    first = (limit + 1) // 2
    gap = _GAP_LINE.match(contents, first)
    if gap is None or offset <= first:
        return contents[offset:]
    return contents[gap.end() :][max(0, offset - first - int(gap[1])) :]
