"""`vmf console`: sitting at the serial console of a guest."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

from vmf.cli.guest import add_job, reached
from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.errors import Exit
from vmf.files.console import Typescript
from vmf.hookspecs import Terminal
from vmf.state import State
from vmf.store import Record

LEAVE = b"\x1d"
"""Ctrl-]"""
PIECE = 1024
AHEAD_MOST = 64 * 1024
"""Typed and not taken by the guest yet: more is not read."""
SAVING = frozenset({State.SUSPENDING, State.SAVED})
PLAIN = "\x1b[0m"
"""Ends colours."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf console`."""
    add_job(parser)


def act(options: argparse.Namespace) -> int:
    """Join keyboard and screen to the guest's console, until Ctrl-] or the guest's end."""
    session = Session(options)
    with (
        reached(session, options.job) as guest,
        closing(guest.hypervisor.open_console(guest.handle)) as terminal,
        _ending_in_order(),
    ):
        name, keys = guest.record.job.name, _descriptor()
        say(f"vmf: at the console of {name}; Ctrl-] leaves it")
        with _raw(keys):
            left = converse(terminal, keys, _screen())
        say(f"vmf: left the console of {name}, which goes on" if left else f"vmf: {_closing(session, guest.record)}")
    return 0


def _closing(session: Session, record: Record) -> str:
    """What it means that the console is closed."""
    name, now = record.job.name, session.store.get(record.id) or record
    if now.state in SAVING:
        return f"the guest of {name} stands still; `vmf resume {name}` has it go on"
    return f"the machine of {name} has ended"


def converse(terminal: Terminal, keys: int | None, show: Callable[[bytes], None]) -> bool:
    """Pass on what is typed and what the guest writes; whether it was left, rather than that the machine ended.

    Without keys, or at the end of what they have to say, the guest is listened to until its end.
    """
    ahead = b""
    while True:
        hearing: list[Terminal | int] = [terminal]
        if keys is not None and len(ahead) <= AHEAD_MOST:
            hearing.append(keys)
        ready, taking, _ = select.select(hearing, [terminal] if ahead else [], [])
        if terminal in ready:
            data = terminal.read()
            if not data:
                return False
            show(data)
        if taking:
            terminal.write(ahead[:PIECE])
            ahead = ahead[PIECE:]
        if keys is not None and keys in ready:
            typed = os.read(keys, PIECE)
            keys = keys if typed else None
            typed, leaving, _ = typed.partition(LEAVE)
            ahead += typed
            if leaving:
                _send_rest(terminal, ahead)
                return True


def _send_rest(terminal: Terminal, ahead: bytes) -> None:
    """Send what was typed before it was left, as far as the guest takes it at once."""
    while ahead and select.select([], [terminal], [], 0)[1]:
        terminal.write(ahead[:PIECE])
        ahead = ahead[PIECE:]


def _screen() -> Callable[[bytes], None]:
    typescript = Typescript()

    def show(data: bytes) -> None:
        sys.stdout.write(typescript.feed(data))
        sys.stdout.flush()

    return show


def _descriptor() -> int | None:
    return None if sys.stdin is None or sys.stdin.closed else sys.stdin.fileno()


@contextmanager
def _raw(keys: int | None) -> Iterator[None]:
    """Let every key through, Ctrl-C and Ctrl-Z among them, while this lasts."""
    if keys is None or not os.isatty(keys):
        yield
        return
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)
        yield
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(keys, termios.TCSAFLUSH, before)
        if sys.stdout.isatty():
            with suppress(OSError):
                sys.stdout.write(f"{PLAIN}\r\n")
                sys.stdout.flush()


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind what is under way, so that the terminal is put right."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(Exit.LEFT)

    wanted = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, end) for each in wanted}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
