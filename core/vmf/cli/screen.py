"""What a run looks like while it happens: lines on a pipe, a live table on a terminal, JSON for programs.

A screen is called with every notice, on any thread; it is entered for the time of the run.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self, TextIO

import msgspec

from vmf.cli.printed import is_terminal, safe
from vmf.cli.telling import far
from vmf.errors import VmfError
from vmf.files.console import Escaper, one_line
from vmf.model import Kept, Outcome, Placement, Verdict
from vmf.result import MEANING, STEP_LOGS
from vmf.run import Advanced, Console, Notice, Remark, Staging, Stuck
from vmf.run.results import told as read_result
from vmf.state import (
    Checkpointed,
    CheckpointFailed,
    Configured,
    Created,
    Event,
    Failure,
    FellBack,
    RestoreFailed,
    ResumeFailed,
    State,
    SuspendFailed,
)
from vmf.store import Record
from vmf.units import format_duration, format_size

FAILED: Mapping[type[Failure | FellBack], str] = MappingProxyType({
    SuspendFailed: "could not be suspended",
    ResumeFailed: "could not be resumed",
    CheckpointFailed: "no checkpoint could be taken",
    RestoreFailed: "checkpoint {event.number} could not be gone on from",
    FellBack: "is to go on from checkpoint {event.number}",
})  # fmt: skip
"""What is said of an event with a reason."""
TAIL_LINES = 10
STAGING_SECONDS = 5.0
"""Between two lines that tell how far one job's files are."""


class Screen(Protocol):
    """Shows a run."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """End."""

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""


class Plain:
    """One line for each thing that happens; the console as it comes, if it is wanted."""

    def __init__(self, *, console: bool, out: TextIO) -> None:
        self._console = console
        self._out = out
        self._lock = threading.Lock()
        self._escapers: dict[int, Escaper] = {}
        self._staged: dict[int, float] = {}
        """When it was last told how far a job's files are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""
        with self._lock:
            if isinstance(notice, Console):
                if self._console:
                    escaper = self._escapers.setdefault(notice.record.id, Escaper())
                    self._write(escaper.feed(notice.data))
            elif not isinstance(notice, Staging) or self._is_time(notice.record):
                self._write(f"{notice.record.job.name}: {sentence(notice)}\n")

    def _is_time(self, record: Record) -> bool:
        """Whether it is long enough ago that it was told how far the job's files are."""
        now = time.monotonic()
        if now - self._staged.get(record.id, -STAGING_SECONDS) < STAGING_SECONDS:
            return False
        self._staged[record.id] = now
        return True

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class Json:
    """One JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""
        record = notice.record
        what = {"at": time.time(), "job": record.job.name, "id": record.id, "state": record.state, **_details(notice)}
        with self._lock:
            self._out.write(in_json(what) + "\n")
            self._out.flush()


def choose(*, form: str, console: bool) -> Screen:
    """The screen for this output."""
    if form == "json":
        return Json(sys.stdout)
    if is_terminal():
        from vmf.cli.live import Live  # noqa: PLC0415  # rich is slow to import and only a terminal wants it

        return Live(console=console)
    return Plain(console=console, out=sys.stdout)


def sentence(notice: Advanced | Remark | Staging | Stuck) -> str:
    """A notice in words, safe to show: they may name any file."""
    return safe(_words(notice))


def _words(notice: Advanced | Remark | Staging | Stuck) -> str:
    if isinstance(notice, Remark):
        return notice.text
    if isinstance(notice, Staging):
        doing = "fetching" if notice.record.state is State.COLLECTING else "staging"
        return f"{doing} {one_line(notice.file.encode(errors='replace'))} {far(notice.done, notice.total, notice.rate)}"
    if isinstance(notice, Stuck):
        name = notice.record.job.name
        return f"{fault(notice.error)}; the job is kept: `vmf wait {name}` carries it on, `vmf rm {name}` removes it"
    return _news(notice.record, notice.event)


def _news(record: Record, event: Event) -> str:
    if isinstance(event, Failure | FellBack):
        return failure(event)
    if isinstance(event, Checkpointed):
        return keeping(event.kept)
    if isinstance(event, Configured):
        return configured(event)
    return ending(record) if record.ended else _state(record, event)


def _state(record: Record, event: Event) -> str:
    if record.state is State.STARTING and record.placement is not None:
        return f"starting on {record.placement.host.name} ({why(record.placement)})"
    if tells_beginning(record, event):
        return f"{record.state}; it {record.beginning}"
    return str(record.state)


def tells_beginning(record: Record, event: Event) -> bool:
    """Whether it is told how a guest begins, since there is memory that it could wake from."""
    return isinstance(event, Created) and event.gap is None and record.beginning is not None


def why(placement: Placement) -> str:
    """Why this host, in a line."""
    facts = placement.facts
    note = f" ({facts.note})" if facts.note else ""
    return "; ".join((*placement.reasons, f"accelerator {facts.accelerator}{note}"))


def failure(event: Failure | FellBack) -> str:
    """What could not be done, or go on, and why not."""
    return f"{FAILED[type(event)].format(event=event)}: {event.reason}"


def keeping(kept: Kept) -> str:
    """A checkpoint in words; the guest may have stood still anyhow."""
    stood = f"; the guest stood still for {format_duration(kept.stopped)}" if kept.stopped else ""
    return f"checkpoint {kept.number}, {format_size(kept.size)}{stood}"


def configured(event: Configured) -> str:
    """What was done on a machine while its guest ran."""
    return f"configured: {', '.join(f'{each.name} failed' if each.failed else each.name for each in event.steps)}"


def ending(record: Record) -> str:
    """How a job ended, in words: the outcome, whose exit code, how long it took, where its results are."""
    verdict = record.verdict
    if verdict is None:
        return str(record.state)
    took = format_duration(record.elapsed(time.time()))
    reason = f": {'; '.join(line.strip() for line in verdict.reason.splitlines())}" if verdict.reason else ""
    code = f"exit code {verdict.exit_code} ({verdict.source})"
    return f"{verdict.outcome}{reason}, {code}, in {took}{_whereabouts(record)}"


def advice(record: Record) -> str:
    """What to do about an end that is not a completion, with the console's tail; empty for a completion."""
    verdict = record.verdict
    if verdict is None or verdict.source == "guest":
        return ""
    meaning = MEANING[verdict.outcome]
    tail = _tail(_log(record.results, verdict)) if record.results else []
    return "\n".join(
        ("", f"{record.job.name}: {meaning.sentence} {meaning.advice}", *(f"    | {line}" for line in tail))
    )


def fault(error: Exception) -> str:
    """An error in words."""
    if isinstance(error, VmfError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return f"vmf failed ({type(error).__name__}: {error}); please report this with the job's log"


def _whereabouts(record: Record) -> str:
    """Where results are; of a build that succeeded the warehouse has them, and the folder goes."""
    is_build = record.ground is not None and record.ground.building is not None
    if is_build and record.verdict and record.verdict.outcome is Outcome.COMPLETED:
        return ""
    return f"; results in {record.results}" if record.results else "; no results"


def _log(results: Path, verdict: Verdict) -> Path:
    """Where the last words are of what went wrong."""
    told = read_result(results) if verdict.outcome is Outcome.STEP_FAILED else None
    return results / STEP_LOGS / f"{told.steps[-1].name}.log" if told and told.steps else results / "console.log"


def _tail(console: Path) -> list[str]:
    try:
        text = Escaper().feed(console.read_bytes())
    except OSError:
        return []
    return text.splitlines()[-TAIL_LINES:]


def in_json(what: dict[str, object]) -> str:
    """An object on one line. What is not UTF-8 in a file's name becomes question marks: JSON has no word for it."""
    text = json.dumps(msgspec.to_builtins(what, enc_hook=str), ensure_ascii=False)
    return text.encode(errors="replace").decode()


def _beside(notice: Advanced) -> dict[str, object]:
    """What is told with an event: of a machine that has come into being its ad, of an end where the results are."""
    if isinstance(notice.event, Created):
        return {"ad": ad_of(notice.record)}
    return {"results": notice.record.results} if notice.record.ended else {}


def ad_of(record: Record) -> dict[str, object]:
    """The ad of a job's machine, for programs."""
    from vmf.ads import plain  # noqa: PLC0415  # the language of ads is slow to import, and only programs want it here
    from vmf.cli.ads import machine_ad  # noqa: PLC0415  # as above

    return plain(machine_ad(record))


def _details(notice: Notice) -> dict[str, object]:
    if isinstance(notice, Advanced):
        return {"event": notice.event} | _beside(notice)
    if isinstance(notice, Console):
        return {"console": notice.data.decode(errors="replace")}
    if isinstance(notice, Remark):
        return {"remark": notice.text}
    if isinstance(notice, Staging):
        return {"staging": {name: getattr(notice, name) for name in ("file", "done", "total", "rate")}}
    return {"stuck": fault(notice.error)}
