"""How texts and tables are shown; whatever is in them, it cannot control a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from vmf.errors import UsageError
from vmf.files.console import escape


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines with columns as wide as they have to be."""
    cells = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def safe(text: str) -> str:
    """Text that controls no terminal and can be written anywhere: a file may have a name that is not even UTF-8."""
    return escape(text.encode(errors="backslashreplace"))


def show(text: str) -> None:
    """Print text, control characters escaped."""
    print(safe(text).rstrip("\n"))


def refuse_terminal(*, hint: str) -> None:
    """See that what a guest wrote, byte for byte, does not go to a terminal.

    Raises:
        UsageError: if it would.
    """
    if sys.stdout.isatty():
        raise UsageError("what a guest wrote could take over this terminal", hint=hint)


def is_terminal() -> bool:
    """Whether a table can be drawn: not on a pipe, nor where nothing is known of a cursor or a width."""
    return (
        sys.stdout.isatty()
        and os.environ.get("TERM", "") not in {"", "dumb"}
        and os.get_terminal_size(sys.stdout.fileno()).columns > 0
    )
