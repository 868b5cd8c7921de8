"""Where a life takes place: a state folder with its hosts, a folder to work in, an owner, and guests."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from crash.lives import Life, due
from vmf.model import Home, setback
from vmf.run import checksums, life, looking
from vmf.run.attempt import Attempt
from vmf.run.orders import Orders
from vmf.state import State, StopAsked, Wish
from vmf.store import Moment, Record, Store

JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {{name: j}}
spec:
  image: {image}
  memory: {memory}
  results: {{files: [out.txt], size: 1MiB}}
  run: |
{script}
"""
LOOK_SECONDS = 0.05
"""Between two looks whether a guest hears yet."""
PAUSE_SECONDS = 0.2
"""Before a host that has failed is asked again: shorter than otherwise, as nothing mends it meanwhile."""
SAID = ("one", "heard go")
"""What a guest says: once when it begins, and once when it has been told to go on."""


class Place(ABC):
    """A place for one life, whose guest goes on only when it is told to, so that it has been seen to run each time."""

    image: str
    memory: str
    script: str

    def __init__(self, lived: Life, home: Path | None = None) -> None:
        self.life = lived
        self.root = Path(tempfile.mkdtemp(prefix="crash-"))
        self.work = self.root / "work"
        self.home = Home(root=home or self.root / "home")
        self.work.mkdir()
        script = "\n".join(f"    {line}" for line in self.script.splitlines())
        (self.work / "j.yaml").write_text(JOB.format(image=self.image, memory=self.memory, script=script))
        self._known = max((each.id for each in self._records()), default=0)

    def prepare(self) -> None:
        """Make ready a process of vmf that is to live here: its surroundings, and its owner."""
        os.environ.update(VMF_HOME=str(self.home.root), XDG_CONFIG_HOME=str(self.root), COLUMNS="200")
        life.LONGEST_PAUSE_SECONDS = setback.FIRST_PAUSE = looking.FIRST_PAUSE = PAUSE_SECONDS
        checksums.SETTLED_SECONDS = 0.0  # whether a sum is kept is a step, and no matter of luck
        os.fsync = lambda _: None  # type: ignore[assignment]  # a killed process takes back nothing that it wrote
        self._speak()

    def words(self) -> tuple[tuple[str, ...], int]:
        """What is typed next, and the exit code that it has in the end."""
        lived = self.life
        if self.is_over():
            return lived.over, lived.code if lived.over_code is None else lived.over_code
        return (*lived.words, *self.changes()), lived.code

    def is_over(self) -> bool:
        """Whether the job has come to its end."""
        record = self.record()
        return bool(self.life.orphaned) if record is None else record.ended and self.life.state is not None

    def changes(self) -> Iterable[str]:
        """What is changed of the job, as words."""
        return (word for change in self.life.changes for word in ("--set", change))

    def record(self) -> Record | None:
        """The job, if it is known; of two that follow each other the later one."""
        return max((each for each in self._records() if each.id > self._known), key=lambda each: each.id, default=None)

    def history(self, record: Record) -> tuple[Moment, ...]:
        """What has happened to the job."""
        with closing(Store(self.home)) as store:
            return store.history(record.id)

    def holds_room(self) -> bool:
        """Whether room on a host is taken."""
        with closing(Store(self.home)) as store:
            return bool(store.holders())

    @abstractmethod
    def alive(self) -> list[str]:
        """The guests that are alive."""

    @abstractmethod
    def left_behind(self) -> list[str]:
        """What no job may leave, other than files that an undisturbed one leaves as well."""

    @abstractmethod
    def kill(self, record: Record) -> None:
        """Kill the job's guest, if it is alive."""

    @abstractmethod
    def fail(self, chance: float) -> None:
        """Have one of the hosts fail, in a way that `chance`, between 0 and 1, chooses."""

    def bereave(self) -> None:
        """Kill the job's guest, if there is one."""
        record = self.record()
        if record and record.placement:
            self.kill(record)

    def has_begun(self, _record: Record) -> bool:
        """Whether the job's guest has come so far that something may be done to it."""
        return True

    @abstractmethod
    def go_on(self, record: Record) -> bool:
        """Tell the job's guest to go on, unless that has been done; whether it hears yet."""

    def twice(self) -> list[str]:
        """What is known of guests that were started while another of the job's was alive."""
        return []

    def folders(self) -> tuple[Path, ...]:
        """The folders in which nothing is left but what an undisturbed life leaves."""
        return (self.work,)

    def close(self) -> None:
        """Leave nothing, whatever has happened."""
        shutil.rmtree(self.root)

    def _records(self) -> tuple[Record, ...]:
        if not self.home.store.exists():
            return ()
        with closing(Store(self.home)) as store:
            return store.records()

    def _speak(self) -> None:
        """Have the job's owner do what is due whenever an engine heeds its orders, and then have the guest go on."""
        heed, wait = Orders.heed, Attempt.wait

        def heeding(orders: Orders, record: Record) -> StopAsked | Wish | None:
            act = due(self.life, record, self.history(record))
            if act and act.state is record.state and (act.state is not State.RUNNING or self.has_begun(record)):
                act.do(self, record, orders)
            return heed(orders, record)

        def waiting(attempt: Attempt, seconds: float) -> None:
            record = attempt._record()
            if record.state is State.RUNNING:
                act = due(self.life, record, self.history(record))
                is_heard = self.has_begun(record) if act else self.go_on(record)
                seconds = seconds if is_heard else LOOK_SECONDS
            wait(attempt, seconds)

        Orders.heed, Attempt.wait = heeding, waiting  # type: ignore[method-assign]


def host_of(record: Record) -> str:
    """The name of the host that the job is on."""
    assert record.placement is not None
    return record.placement.host.name
