"""The live table of a run on a terminal."""

from __future__ import annotations

import threading
import time
from typing import Self

from rich.console import Console as Terminal
from rich.live import Live as Refresh
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from vmf.cli.printed import safe
from vmf.cli.screen import ending, sentence, tells_beginning
from vmf.files.console import Escaper
from vmf.run import Advanced, Console, Notice, Staging
from vmf.state import State
from vmf.store import Record
from vmf.units import format_duration

COLOURS = {
    State.COMPLETED: "green",
    State.HELD: "yellow",
    State.FAILED: "red",
    State.REMOVED: "yellow",
    State.RUNNING: "cyan",
}


class Live:
    """One line for each job with state, host and elapsed time; the console and remarks scroll above."""

    def __init__(self, *, console: bool) -> None:
        self._console = console
        self._terminal = Terminal(highlight=False)
        self._records: dict[int, Record] = {}
        self._staging: dict[int, str] = {}
        """How far a job's files are, while that is so."""
        self._pending: dict[int, tuple[Escaper, str]] = {}
        self._lock = threading.Lock()
        self._refresh = Refresh(
            console=self._terminal, get_renderable=self._table, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        self._refresh.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._refresh.__exit__(None, None, None)
        for record in self._records.values():
            line = ending(record) if record.ended else str(record.state)
            self._terminal.print(Text(safe(f"{record.job.name}: {line}"), style=COLOURS.get(record.state, "")))

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""
        with self._lock:
            self._records[notice.record.id] = notice.record
            if isinstance(notice, Staging):
                self._staging[notice.record.id] = sentence(notice)
                return
            if isinstance(notice, Console):
                self._scroll(notice)
                return
            self._staging.pop(notice.record.id, None)
            if not isinstance(notice, Advanced) or _is_told(notice):
                self._terminal.print(Text(f"{notice.record.job.name}: {sentence(notice)}"))

    def _scroll(self, notice: Console) -> None:
        """Print whole lines: the table below would eat a part of one."""
        if not self._console:
            return
        escaper, rest = self._pending.get(notice.record.id, (Escaper(), ""))
        *lines, rest = (rest + escaper.feed(notice.data)).split("\n")
        self._pending[notice.record.id] = (escaper, rest)
        for line in lines:
            self._terminal.print(Text(line))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for record in list(self._records.values()):
            host = record.placement.host.name if record.placement else ""
            elapsed = format_duration(record.elapsed(time.time()))
            doing = self._staging.get(record.id, str(record.state))
            state = Text(doing, style=COLOURS.get(record.state, ""))
            busy = Text("") if record.ended else Spinner("dots")
            table.add_row(busy, record.job.name, state, host, elapsed)
        return table


def _is_told(notice: Advanced) -> bool:
    """Whether an event is worth a line: the table shows the states."""
    return notice.record.state is State.STARTING or tells_beginning(notice.record, notice.event)
