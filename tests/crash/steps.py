"""The steps of a process of vmf: every commit to the store and every call of a verb, so that it can be killed at any.

A step is a text, such as `before apply created` or `after put results`; what happens more than once is numbered. A call
that only looks is no step, but a machine's state is one when it is news: so the steps of a life are the same each time,
however often it polls.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from vmf.plugins import Hypervisor
from vmf.store import Store

COMMITS = ("submit", "apply", "claim", "update", "forget", "forget_stray", "keep_facts", "keep_checksum")
CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "socket.bind"})
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LOOKS = frozenset({"read", "console", "facts", "machines", "state", "close"})
VERBS = ("__init__", *(name for name in vars(Hypervisor) if not name.startswith("_") and name not in LOOKS))

Befall: TypeAlias = Callable[[str, int], None]
"""Is told the name and the number of each step, counted from 1, when it is taken."""


def death(last: str) -> Befall:
    """The process dies at the step of this name or number."""

    def befall(name: str, number: int) -> None:
        if last in {name, str(number)}:
            os.kill(os.getpid(), signal.SIGKILL)

    return befall


class Steps:
    """What this process does, a line each in the file behind `trace`; `befall` is told as well."""

    def __init__(self, trace: int, befall: Befall) -> None:
        self._trace = trace
        self._befall = befall
        self._process = os.getpid()
        self._counts = Counter[str]()
        self._power: dict[str, str] = {}
        self._lock = threading.Lock()
        self._taking = threading.local()

    def watch(self) -> None:
        """Take note of commits and verbs from now on."""
        for name in COMMITS:
            self._around(Store, name)
        for name in VERBS:
            self._around(Hypervisor, name)
        looking = Hypervisor.state

        def state(hypervisor: Hypervisor, handle: Any) -> Any:
            found = looking(hypervisor, handle)
            if self._power.get(handle.machine) != found.power:
                self._power[handle.machine] = found.power
                self._take(f"state {found.power}")
            return found

        Hypervisor.state = state  # type: ignore[method-assign]

    def watch_files(self) -> None:
        """Take note of every change of the file system as well, but of what SQLite does."""
        sys.addaudithook(self._heed)

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        ours = os.getpid() == self._process and not getattr(self._taking, "now", False)
        if ours and (event in CHANGES or (event == "open" and arguments[2] & WRITES)):
            self._take(f"before {event}")

    def _take(self, step: str) -> None:
        """Note a step; the process may not outlive it."""
        with self._lock:
            self._counts[step] += 1
            name = step if self._counts[step] == 1 else f"{step} {self._counts[step]}"
            number = self._counts.total()
            os.write(self._trace, f"{name}\n".encode())
        self._taking.now = True
        self._befall(name, number)
        self._taking.now = False

    def _around(self, owner: type, name: str) -> None:
        done: Callable[..., Any] = getattr(owner, name)

        @wraps(done)
        def counted(*args: Any, **kwargs: Any) -> Any:
            what = " ".join((name.strip("_").replace("init", "connect"), *_told(name, args)))
            self._take(f"before {what}")
            try:
                return done(*args, **kwargs)
            finally:
                self._take(f"after {what}")

        setattr(owner, name, counted)


def _told(name: str, args: tuple[Any, ...]) -> tuple[str, ...]:
    """What tells this call from others of its kind."""
    match name:
        case "apply":
            return (type(args[2]).__struct_config__.tag,)
        case "put" | "fetch":
            return (args[2],)
    return ()
