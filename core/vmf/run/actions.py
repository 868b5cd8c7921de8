"""Running the actions that a host's owner lends: programs of this computer, for steps that ask for them by name.

A spec never names a program. What it has run gets its words as arguments, and its variables under names that mean
nothing to whatever loads programs.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from graphlib import TopologicalSorter
from pathlib import Path

from msgspec import Struct

from vmf.errors import HostFault
from vmf.files import programs
from vmf.files.console import BoundedLog
from vmf.files.performed import LOG_MOST, last_words
from vmf.files.steps import published
from vmf.model import Action, Step, Then
from vmf.result import StepReport
from vmf.store import Record

LOOK_SECONDS = 0.1
"""How long an order, a limit or an end may go unseen."""
ENV = "VMF_ENV_"
"""What stands before the name of a step's variable."""
LATE = 124
"""The exit code of what was ended because it took too long."""
_PIECE = 64 * 1024
_LAST = 16
"""Pieces that are read at the most of what a program has left in its pipe."""


class Scene(Struct, frozen=True, kw_only=True):
    """What programs are run for."""

    host: str
    actions: Mapping[str, Action]
    """Those that the host lends."""
    logs: Path
    """The folder for what they say, and for the folders that they may leave something in."""
    disks: Mapping[int, Path] = {}
    """Copies of the machine's disks, by their numbers, for actions that work on them: one after the other."""
    variables: Mapping[str, str] = {}
    """More of their environment."""


def surroundings(record: Record) -> Mapping[str, str]:
    """What a program is told of the job that it is run for, and of its machine, if that has come into being."""
    known = {"VMF_JOB": record.job.name, "VMF_ADDRESS": record.address}
    return {**known, "VMF_MACHINE": record.handle.machine if record.handle else ""}


class Performance:
    """Runs the steps of a scene; those that do not wait for each other at once, but for those that work on disks."""

    def __init__(
        self, scene: Scene, *, check: Callable[[], None], say: Callable[[str], None], hear: Callable[[bytes], None]
    ) -> None:
        """`check` is called often; what it raises ends all programs. `say` is told of each step, in a line.

        `hear` is given all that a step publishes. They are called by several threads, the last two by one at a time.
        """
        self._scene = scene
        self._check_caller = check
        self._say_caller = say
        self._hear = hear
        self._telling = threading.Lock()
        self._disks = threading.Lock()
        self._broken = threading.Event()

    def perform(self, steps: Sequence[Step]) -> tuple[StepReport, ...]:
        """Do steps, in an order that their graph allows, until one fails for good; how those went that were begun.

        Raises:
            HostFault: if the host does not lend an action, or its program cannot be run.
            Exception: what `check` raises.
        """
        named = {step.name: step for step in steps}
        sorter = TopologicalSorter({step.name: named.keys() & {*step.after} for step in steps})
        sorter.prepare()
        done: dict[str, StepReport] = {}
        running: dict[Future[StepReport], str] = {}
        failed = False
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool, self._breaking():
            while sorter.is_active():
                ready = () if failed else sorter.get_ready()
                running |= {pool.submit(self._perform, named[name]): name for name in ready}
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    done[name] = future.result()
                    failed |= bool(done[name].exit_code) and named[name].on_error.then is Then.FAIL
                    sorter.done(name)
        return tuple(done[step.name] for step in steps if step.name in done)

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """End all programs if something is in the way of the rest."""
        try:
            yield
        except BaseException:
            self._broken.set()
            raise

    def _perform(self, step: Step) -> StepReport:
        action = self._scene.actions.get(step.on_host or "")
        if action is None:
            raise HostFault(f"host {self._scene.host} lends no action {step.on_host}")
        with self._disks if action.disks else nullcontext():
            return self._tried(step, action)

    def _tried(self, step: Step, action: Action) -> StepReport:
        """Do a step, as often as it may be tried."""
        began, log, most, tries = time.monotonic(), BoundedLog(LOG_MOST), step.on_error.retry + 1, 1
        place, scratch = self._scene.logs / f"{step.name}.log", self._scene.logs / step.name
        scratch.mkdir(parents=True, exist_ok=True)
        self._say(step, "begins")
        while code := self._run(step, action, log):
            self._say(step, f"failed with exit code {code}, try {tries} of {most}")
            if tries == most:
                break
            tries += 1
        _tidy(scratch)
        place.write_bytes(log.contents())
        self._tell(step, log, code)
        said, seconds = last_words(place) if code else "", time.monotonic() - began
        return StepReport(name=step.name, exit_code=code, tries=tries, seconds=round(seconds, 2), said=said)

    def _tell(self, step: Step, log: BoundedLog, code: int) -> None:
        anyway = step.on_error.then is Then.CONTINUE
        failed = "left undone, as it may be" if anyway else "could not be done, and what comes after it is not"
        self._say(step, failed if code else "done")
        with self._telling:
            self._hear(b"\n" + log.contents() + b"\n")
            if not code:
                self._hear(b"".join(published(name, text) for name, text in step.publish.items()))

    def _say(self, step: Step, what: str) -> None:
        with self._telling:
            self._say_caller(f"step {step.name}: {what}")

    def _check(self) -> None:
        self._check_caller()
        if self._broken.is_set():
            raise HostFault("another step could not be begun")

    def _run(self, step: Step, action: Action, log: BoundedLog) -> int:
        """Run a program to its end; its exit code, as a shell has it."""
        if not os.access(action.program, os.X_OK) or not action.program.is_file():
            raise HostFault(
                f"host {self._scene.host}: action {step.on_host}: {action.program} is no program that can be run",
                hint="its owner names another one in the host's spec, or sees to this one",
            )
        words = programs.dying_with_us(str(action.program), *action.arguments, *step.arguments)
        limit = min(each for each in (action.time_limit, step.time_limit) if each)
        process = subprocess.Popen(
            words,
            cwd=self._scene.logs / step.name,
            env=self._environment(step, action),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with process:
            try:
                in_time = self._follow(process, log, time.monotonic() + limit)
            finally:  # before it is reaped, its number is nobody else's
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            if not in_time:
                log.feed(f"vmf: it may take {limit} seconds, and is ended\n".encode())
            code = process.wait()
            _drain(process, log)
        return LATE if not in_time else code if code >= 0 else 128 - code

    def _follow(self, process: subprocess.Popen[bytes], log: BoundedLog, deadline: float) -> bool:
        """Take what a program says until it has ended; whether it did so in time."""
        pipe = _pipe(process)
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        is_open = True
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self._check()
            if time.monotonic() >= deadline:
                return False
            if not is_open:
                time.sleep(LOOK_SECONDS)
            elif poll.poll(LOOK_SECONDS * 1000):
                piece = os.read(pipe, _PIECE)
                is_open = bool(piece)
                log.feed(piece)
        return True

    def _environment(self, step: Step, action: Action) -> Mapping[str, str]:
        disks = self._scene.disks if action.disks else {}
        return {
            "PATH": programs.PATH,
            "HOME": str(Path.home()),
            "LANG": "C.UTF-8",
            **{f"{ENV}{name}": text for name, text in step.env.items()},
            **self._scene.variables,
            "VMF_STEP": step.name,
            "VMF_DIR": str(self._scene.logs / step.name),
            **{f"VMF_DISK{number}": str(path) for number, path in disks.items()},
        }


def _pipe(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    return process.stdout.fileno()


def _drain(process: subprocess.Popen[bytes], log: BoundedLog) -> None:
    """Take what is left in the pipe; another session's process may still hold it open."""
    pipe = _pipe(process)
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        for _ in range(_LAST):
            if not (piece := os.read(pipe, _PIECE)):
                return
            log.feed(piece)


def _tidy(scratch: Path) -> None:
    """Leave files and folders only of what a program has left behind, and no empty folder of its own."""
    for folder, folders, files in os.walk(scratch):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if stat.S_IFMT(path.lstat().st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
                path.unlink()
    with suppress(OSError):  # there is something in it
        scratch.rmdir()
