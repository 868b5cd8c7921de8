"""What changes on a host, heard by one thread for all who wait: states of machines, their events, and tasks.

The host tells of changes as they happen (`WaitForUpdatesEx`). Whenever it cannot, and now and then when it is silent,
it is asked: so nothing is waited for in vain because a word was lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from vmf.errors import HostFault, HostLost
from vmf.hookspecs import Report
from vmf_vmware import events, properties
from vmf_vmware.data import Data, Kind, Ref, Value, data
from vmf_vmware.faults import STALE, VimFault

if TYPE_CHECKING:
    from vmf_vmware.session import Session

WAIT_SECONDS: Final = 20
"""So long the host is let be silent before it is asked."""
CLOSE_SECONDS: Final = 1.0
PAUSES: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between one try to listen and the next; the last one stays."""
ASKING_SECONDS: Final = 0.5
"""The most of them while somebody waits for a task."""
STATE, PROGRESS, RESULT, ERROR = TASK = ("info.state", "info.progress", "info.result", "info.error")
FAILED: Final = "error"
ENDS: Final = frozenset({"success", FAILED})
"""The states in which a task has come to its end."""
MACHINE: Final = ("name", "runtime.powerState")
PERCENT: Final = 100

log = logging.getLogger(__name__)


class Watch:
    """One who is told of machines that may have changed."""

    def __init__(self, notify: Callable[[str], None], forget: Callable[[Watch], None]) -> None:
        self._notify = notify
        self._forget = forget
        self._gate = threading.RLock()
        self._is_open = True

    def tell(self, machine: str) -> None:
        """Tell of one, unless closed."""
        with self._gate:  # held meanwhile: so `close` knows that no call is under way
            if self._is_open:
                self._notify(machine)

    def close(self) -> None:
        """End it; no call of `notify` begins after the return."""
        with self._gate:
            self._is_open = False
        self._forget(self)


class Collector:
    """The one who listens to a host; it begins when somebody first waits for something."""

    def __init__(self, session: Session, *, prefix: str) -> None:
        """`prefix` is what the names of this user's machines begin with in the inventory."""
        self._session = session
        self._prefix = prefix
        self._closed = threading.Event()
        self._changed = threading.Condition()
        """Guards all that follows, but what is only of the thread."""
        self._thread: threading.Thread | None = None
        self._watches: tuple[Watch, ...] = ()
        self._tasks: dict[Ref, Mapping[str, Value]] = {}
        """The tasks that somebody waits for, with what is known of each."""
        self._list: Ref | None = None
        """The host's own list of them, while it is listened to."""
        self._ear: Ref | None = None
        """The host's object that is listened to."""
        self._lost: HostLost | None = None
        """Why the host cannot be asked."""
        self._names: dict[Ref, str] = {}
        """Only of the thread: the machines' names in the inventory."""
        self._last = 0
        """Only of the thread: the number of the last event."""

    def close(self) -> None:
        """Hear nothing more; who waits for a task is told so."""
        self._closed.set()
        with self._changed:
            self._watches = ()
            self._changed.notify_all()
            ear, thread = self._ear, self._thread
        if ear:
            with suppress(HostFault):  # then it hears of it in `WAIT_SECONDS` at the latest
                self._session.call(ear, "CancelWaitForUpdates")
        if thread:
            thread.join(CLOSE_SECONDS)

    def watch(self, notify: Callable[[str], None]) -> Watch:
        """Call `notify` with the name of each machine that may have changed; empty: any of them may."""
        watch = Watch(notify, self._forget)
        with self._changed:
            self._watches = (*self._watches, watch)
        self._begin()
        return watch

    def wait(self, task: Ref, report: Report) -> Value:
        """Wait for a task's end, and return its result; `report` is told of 100 how much is done.

        What `report` raises breaks the task off.

        Raises:
            VimFault: as the task failed.
            HostLost: if the host cannot be asked any more; the task may go on.
        """
        with self._waiting(task):
            known = self._known(task)
            while known[STATE] not in ENDS:
                self._tell(task, report, known)
                known = self._next(task, known)
        if known[STATE] == FAILED:
            raise known.get(ERROR) or HostFault("the task has failed, and vSphere does not say why")
        return known.get(RESULT)

    @contextmanager
    def _waiting(self, task: Ref) -> Iterator[None]:
        """Have a task listened to."""
        first = self._session.read(task, *TASK)
        with self._changed:
            self._tasks[task] = first
            self._lost = None  # else it would not have been read
            listed = self._list
        try:
            if first[STATE] not in ENDS:
                self._begin()
                self._list_task(listed, add=[task])
            yield
        finally:
            with self._changed:
                del self._tasks[task]
            if first[STATE] not in ENDS:
                self._list_task(listed, remove=[task])

    def _list_task(self, listed: Ref | None, **change: Sequence[Ref]) -> None:
        """Change the host's list; if there is none, or it is no more, one is made of all tasks."""
        if listed:
            with suppress(VimFault):
                self._session.call(listed, "ModifyListView", **change)

    def _known(self, task: Ref) -> Mapping[str, Value]:
        with self._changed:
            return self._tasks[task]

    def _next(self, task: Ref, known: Mapping[str, Value]) -> Mapping[str, Value]:
        """What is known of a task as soon as it is something else."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks[task] is not known or self._lost or self._closed.is_set())
            if self._tasks[task] is known:
                raise self._lost or HostLost("the connection has been closed")
            return self._tasks[task]

    def _tell(self, task: Ref, report: Report, known: Mapping[str, Value]) -> None:
        try:
            report(known.get(PROGRESS, 0), PERCENT)
        except BaseException:
            with suppress(HostFault):  # it may have ended meanwhile, or be one that cannot be broken off
                self._session.call(task, "CancelTask")
            raise

    def _begin(self) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vsphere-collector", daemon=True)
                self._thread.start()

    def _forget(self, watch: Watch) -> None:
        with self._changed:
            self._watches = tuple(each for each in self._watches if each is not watch)

    def _run(self) -> None:
        tries, is_away = 0, False
        while not self._closed.is_set():
            try:
                with self._listening() as ear:
                    if is_away:
                        self._nudge("")
                    is_away = False
                    for update in self._updates(ear):
                        self._hear(update)
                        tries = 0
            except HostFault as fault:
                log.info("the host cannot be listened to: %s", fault.brief)
                was_away, is_away = is_away, isinstance(fault, HostLost)
                if not (was_away and is_away):  # what happens meanwhile is not told; that it is still away is not new
                    self._nudge("")
            self._ask()
            self._closed.wait(min(PAUSES[min(tries, len(PAUSES) - 1)], ASKING_SECONDS if self._tasks else PAUSES[-1]))
            tries += 1

    @contextmanager
    def _listening(self) -> Iterator[Ref]:
        """What tells of machines, events and tasks, from now on."""
        session, content = self._session, self._session.content
        inventory = session.inventory
        ear = session.call(content["propertyCollector"], "CreatePropertyCollector")
        made = []
        try:
            views = content["viewManager"]
            kinds = {"container": inventory.datacenter, "type": [Kind("VirtualMachine")], "recursive": True}
            made.append(machines := session.call(views, "CreateContainerView", **kinds))
            made.append(tasks := session.call(views, "CreateListView"))
            self._filter(ear, properties.viewed(machines), "VirtualMachine", MACHINE)
            self._filter(ear, properties.viewed(tasks), "Task", TASK)
            with suppress(VimFault):  # what has no events tells of machines that are off, at least
                collector = events.collecting(session, inventory.datacenter, recursion="all")
                self._filter(ear, properties.single(collector), collector.kind, ("latestPage",))
            with self._changed:
                self._list, self._ear = tasks, ear
                waiting = list(self._tasks)
            self._list_task(tasks, add=waiting)
            yield ear
        finally:
            with self._changed:
                self._list = self._ear = None
            with suppress(HostFault):  # it goes with the session at the latest
                session.call(ear, "DestroyPropertyCollector")
                for view in made:
                    session.call(view, "DestroyView")

    def _filter(self, ear: Ref, objects: Data, kind: str, paths: Sequence[str]) -> None:
        self._session.call(ear, "CreateFilter", spec=properties.wanted([objects], kind, paths), partialUpdates=False)

    def _updates(self, ear: Ref) -> Iterator[Data]:
        """What changes, object by object; when nothing has for a while, the tasks are asked for."""
        version, options = "", data("WaitOptions", maxWaitSeconds=WAIT_SECONDS)
        while not self._closed.is_set():
            news = self._session.call(ear, "WaitForUpdatesEx", version=version, options=options)
            if news is None:
                self._ask()
                continue
            version = news["version"]
            for each in news.get("filterSet", ()):
                yield from each.get("objectSet", ())

    def _hear(self, update: Data) -> None:
        ref = update["obj"]
        changes = {each["name"]: each.get("val") for each in update.get("changeSet", ())}
        if ref.kind == "Task":
            self._learn({ref: changes})
        elif ref.kind == "VirtualMachine":
            self._names[ref] = name = changes.get("name") or self._names.get(ref, "")
            if update["kind"] == "leave":
                del self._names[ref]
            self._nudge_of(name)
        else:
            self._hear_events([each for value in changes.values() for each in _several(value)])

    def _hear_events(self, page: Iterable[Data]) -> None:
        """Tell of the machines of events that are new; which those are, their numbers say."""
        told = [each for each in map(events.happened, page) if each.number > self._last]
        self._last = max((each.number for each in told), default=self._last)
        for machine in {each.machine for each in told}:
            self._nudge_of(machine)

    def _ask(self) -> None:
        """Ask for all that is waited for."""
        with self._changed:
            waiting = list(self._tasks)
        lost = None
        try:
            found = self._session.read_all(waiting, *TASK)
        except HostLost as fault:
            found, lost = {}, fault
        except HostFault as fault:
            log.info("the host does not tell of tasks: %s", fault.brief)
            found = {}
        else:
            found |= {task: {STATE: FAILED, ERROR: VimFault((STALE,))} for task in waiting if task not in found}
        with self._changed:
            self._lost = lost
        self._learn(found)

    def _learn(self, found: Mapping[Ref, Mapping[str, Value]]) -> None:
        with self._changed:
            for task in found.keys() & self._tasks.keys():
                self._tasks[task] = {**self._tasks[task], **found[task]}
            self._changed.notify_all()

    def _nudge_of(self, called: str) -> None:
        """Tell of a machine by its name in the inventory, if it is one of this user's."""
        if called.startswith(self._prefix):
            self._nudge(called.removeprefix(self._prefix))

    def _nudge(self, machine: str) -> None:
        for watch in self._watches:
            watch.tell(machine)


def _several(value: Value) -> tuple[Data, ...]:
    """The events of a change: the whole page, or the one that has come."""
    return value if isinstance(value, tuple) else (value,) if isinstance(value, Data) else ()
