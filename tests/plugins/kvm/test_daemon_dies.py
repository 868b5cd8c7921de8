"""A daemon that is killed, or hangs, at each step of a life: the guest goes on, and no state is invented."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from plugins.kvm.conftest import KvmHost
from vmf.hookspecs import hookimpl
from vmf.model import MEBIBYTE, Checkpoint, Home, Host, Job, Results, Suspend, Transport, Why
from vmf.plugins import OTHERS, Plugins
from vmf.run import Advanced, Console, Engine, Hosts, Remark
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    ResumeAsked,
    Resumed,
    ResumeFailed,
    Saved,
    SuspendAsked,
    Suspended,
    SuspendFailed,
    Wish,
)
from vmf.store import Store
from vmf_libvirt import client, keeper

pytestmark = pytest.mark.real

HOST = Host(name="l", type="kvm")
SCRIPT = "echo ready; read -r go </dev/console; echo done >out.txt; exit 3"
WISHES: tuple[tuple[type, Wish], ...] = (
    (Suspended, ResumeAsked()),
    (Resumed, CheckpointAsked(why=Why.OWNER)),
    (Checkpointed, SuspendAsked(how=Suspend.HARD)),
    (Saved, ResumeAsked()),
)
"""What is wanted of a guest that has begun by standing still, each when it has done the one before."""


VERBS = ("create", "state", "suspend", "resume", "checkpoint", "fetch", "destroy")


class Fate:
    """Lets something befall the daemon when a verb is asked for the first time, just before it would be done."""

    def __init__(self, verbs, befall) -> None:
        self._befall = befall
        self.left = set(verbs)

    def around(self, verb):
        if verb in self.left:
            self.left.remove(verb)
            self._befall()
        return (yield)


def _wrapper(verb):
    def wrap(self):
        return (yield from self.around(verb))

    return hookimpl(wrapper=True)(wrap)


for _verb in VERBS:
    setattr(Fate, _verb, _wrapper(_verb))


class Life:
    """One job on a host of type kvm of its own: what its engine told, while something befell the host's daemon."""

    def __init__(self, root: Path, verbs, befall, host=HOST) -> None:
        self.fate = Fate(verbs, lambda: befall(self))
        self.plugins = Plugins.load()
        self.plugins.add(OTHERS, "fate", lambda: self.fate)
        self.store = Store(Home(root=root))
        self.spec = host
        self.host = KvmHost(self.store.home.host(host.name))
        self.hosts = Hosts(self.plugins, self.store, proof=lambda: None)
        self.engine = Engine(
            store=self.store, plugins=self.plugins, hosts=self.hosts, tell=self._tell, adopt=lambda _: ()
        )
        self.events: list[type] = []
        self._wishes = dict(WISHES)
        self._console = b""

    def carry(self, job: Job, folder: Path):
        return self.engine.carry(self.store.submit([(job, folder)], (self.spec,)))[0]

    def _tell(self, notice) -> None:
        if isinstance(notice, Remark):
            self.go_on()
        elif isinstance(notice, Console) and b"ready" not in self._console:
            self._console += notice.data
            if b"ready" in self._console:
                self.engine.ask(1, SuspendAsked(how=Suspend.SOFT))
        elif isinstance(notice, Advanced):
            self.events.append(type(notice.event))
            if isinstance(notice.event, CheckpointFailed):  # the guest goes on without; its owner asks again
                self.engine.ask(1, CheckpointAsked(why=Why.OWNER))
            elif wish := self._wishes.pop(type(notice.event), None):
                self.engine.ask(1, wish)
            elif isinstance(notice.event, Resumed):
                self._type(notice.record.handle)

    def _type(self, handle) -> None:
        terminal = self.hosts.hypervisor(self.spec).open_console(handle)
        terminal.write(b"go\n")
        terminal.close()

    def die(self) -> None:
        with suppress(ProcessLookupError):  # nobody has needed it since it died
            self.host.kill(self.host.daemon_pid())

    def hang(self) -> None:
        os.kill(self.host.daemon_pid(), signal.SIGSTOP)

    def go_on(self) -> None:
        with suppress(ProcessLookupError, FileNotFoundError):  # it is no process of this computer's
            os.kill(self.host.daemon_pid(), signal.SIGCONT)

    def end(self) -> None:
        self.go_on()
        hypervisor = self.hosts.hypervisor(self.spec)
        for handle in hypervisor.machines():
            hypervisor.destroy(handle)
        self.hosts.close()
        self.store.close()
        self.host.end()


@pytest.fixture
def live(image, tmp_path):
    """Lives a whole life on a host, while something befalls it at some verbs; the life, and the job's record."""
    with tempfile.TemporaryDirectory(prefix="vmf", dir="/tmp") as root:
        Path(root).chmod(0o711)
        lives = []

        def live(verbs, befall, host=HOST):
            lives.append(Life(Path(root), verbs, befall, host))
            job = Job(
                name="j",
                image=image,
                memory=256 * MEBIBYTE,
                run=SCRIPT,
                checkpoint=Checkpoint(on_eviction=True),
                results=Results(files=("out.txt",)),
            )
            return lives[-1], lives[-1].carry(job, tmp_path / "j.results")

        yield live
        for life in lives:
            life.end()


HUNG = ("create", "suspend", "checkpoint", "fetch", "destroy")
"""Where a hang is tried: each takes seconds, until a keepalive is missed."""


@pytest.mark.parametrize(("verbs", "befall"), [(VERBS, Life.die), (HUNG, Life.hang)], ids=["dies", "hangs"])
def test_a_guest_goes_on_whatever_befalls_the_daemon_at_each_step(live, verbs, befall, monkeypatch):
    monkeypatch.setattr(client, "KEEPALIVE_SECONDS", 1)
    monkeypatch.setattr(client, "KEEPALIVE_MISSES", 1)
    monkeypatch.setattr(keeper, "OPEN_SECONDS", 2)
    check_unscathed(*live(verbs, befall))


def test_a_guest_elsewhere_goes_on_though_its_daemon_dies_at_each_step(live, bed):
    def befall(_life):
        bed.kill()
        bed.start()

    check_unscathed(*live(VERBS, befall, bed.host(Transport.TLS)))


def check_unscathed(life, record):
    assert life.fate.left == set()
    assert (record.verdict.outcome, record.verdict.exit_code) == ("completed", 3)
    assert (record.results / "out.txt").read_text() == "done\n"
    assert (record.attempt, record.faults) == (1, ())
    assert not {SuspendFailed, ResumeFailed} & set(life.events)
    assert life.hosts.hypervisor(life.spec).machines() == ()
