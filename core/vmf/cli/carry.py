"""Carrying jobs in the foreground: the engine with its screen, its socket and its signals."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from msgspec.structs import replace

from vmf import result
from vmf.cli import screen
from vmf.cli.orphaned import mention, orphans, take
from vmf.cli.say import say
from vmf.cli.session import Session, log_jobs
from vmf.cli.steps import Steps
from vmf.control import AskJob, Message, Server, StopJobs
from vmf.errors import Exit, VmfError
from vmf.run import Engine, Notice, Remark, Stuck, eventlog
from vmf.state import STANDS_STILL
from vmf.store import Owned, Record, try_to_own


class Carrier:
    """Carries jobs to their end and remembers what stopped it."""

    def __init__(self, session: Session, view: screen.Screen) -> None:
        self._session = session
        self._screen = view
        self._stuck: dict[int, Exception] = {}
        self._mentioned: set[int] = set()
        self.responsible = False
        """Whether jobs are in our hands: an interrupt is then theirs, else it just ends this process."""
        self.over = False
        """Whether an interrupt came: what is not in our hands yet is not taken, nor waited for."""
        self.engine = Engine(
            store=session.store, plugins=session.plugins, hosts=session.hosts, tell=self.tell, adopt=self._adopt
        )
        self.server = Server(session.home, self._obey)

    def carry(self, jobs: Sequence[Owned]) -> tuple[Record, ...]:
        """Carry the jobs, and say what to do about those that did not complete; their last records."""
        self.responsible = True
        with self._screen:
            last = self.engine.carry(self._sign(jobs))
        self.responsible = False
        sys.stdout.flush()
        for record in last:
            if advice := screen.advice(record):
                say(advice)
        return last

    def _obey(self, message: Message) -> None:
        match message:
            case StopJobs(jobs=jobs, force=force):
                self.engine.stop(force=force, jobs=jobs)
            case AskJob(job=job, wish=wish):
                self.engine.ask(job, wish)

    def adopt(self, orphaned: Iterable[Record]) -> tuple[Owned, ...]:
        """Those of these orphans that nobody else was faster to take; said."""
        adopted = tuple(found for each in orphaned if (found := take(self._session.store, each.id, try_to_own)))
        for record, _ in adopted:
            self.tell(Remark(record=record, text=f"was orphaned, {record.state}; carrying it on"))
        return adopted

    def _adopt(self, known: Collection[int]) -> tuple[Owned, ...]:
        """The orphans, other than these, that hold room; one that stands still would not free it, and is told of."""
        holding = (each for each in self._session.store.holders() if each.id not in known)
        found = orphans(self._session.store, holding)
        still = {each.id: each for each in found if each.state in STANDS_STILL}
        for number in still.keys() - self._mentioned:
            mention(still[number])
        self._mentioned |= still.keys()
        return self._sign(self.adopt(each for each in found if each.id not in still))

    def _sign(self, jobs: Sequence[Owned]) -> tuple[Owned, ...]:
        """Write down where the engine of these jobs is, and keep their logs."""
        socket = str(self.server.path)
        ours = tuple((self._session.store.update(replace(record, engine=socket)), owned) for record, owned in jobs)
        log_jobs(self._session.home, tuple(record for record, _ in ours))
        return ours

    def exit_code(self, last: Sequence[Record]) -> int:
        """The exit code of a call that asked for these jobs."""
        if unfinished := [self._unfinished(record) for record in last if not record.ended]:
            return max(unfinished)
        return result.exit_code(record.verdict for record in last if record.verdict)

    def _unfinished(self, record: Record) -> Exit:
        error = self._stuck.get(record.id)
        if error is None:
            return Exit.LEFT
        if isinstance(error, VmfError):
            return error.exit
        return Exit.SETUP if isinstance(error, OSError) else Exit.INTERNAL

    def tell(self, notice: Notice) -> None:
        """Show a notice; remember what an exit code needs."""
        if isinstance(notice, Stuck):
            self._stuck[notice.record.id] = notice.error
        try:
            self._screen(notice)
        except OSError:  # nobody looks any more, or the disk that the output goes to is full; the jobs go on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def carrying(session: Session, options: argparse.Namespace, *, console: bool = False) -> Iterator[Carrier]:
    """A carrier that obeys its socket and the signals of its process."""
    try:
        carrier = Carrier(session, Steps(screen.choose(form=options.format, console=console)))
        with carrier.server, _signals(carrier):
            eventlog.complete(session.store)
            yield carrier
    finally:
        session.hosts.close()


@contextmanager
def _signals(carrier: Carrier) -> Iterator[None]:
    """Ctrl-C stops our jobs, a second one at once; SIGTERM and SIGHUP leave them to be adopted."""
    interrupts: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if not carrier.responsible:
            raise KeyboardInterrupt
        interrupts.append(number)
        carrier.over = True
        carrier.engine.stop(force=len(interrupts) > 1)
        say("vmf: stopping; Ctrl-C again forces" if len(interrupts) == 1 else "vmf: forcing")

    def leave(_number: int, _frame: FrameType | None) -> None:
        if not carrier.responsible:
            raise SystemExit(Exit.LEFT)
        carrier.over = True
        carrier.engine.leave()

    wanted: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGINT: interrupt,
        signal.SIGTERM: leave,
        signal.SIGHUP: leave,
    }
    before = {each: signal.getsignal(each) for each in wanted}
    for each, handler in wanted.items():
        if before[each] is not signal.SIG_IGN:
            signal.signal(each, handler)
    try:
        yield
    finally:
        for each, handler_before in before.items():
            signal.signal(each, handler_before)
