"""What standing still, being kept and moving cost a guest under vmf, against libvirt alone on the same guest.

- Soft suspend and resume: from the order, sent to the engine's socket, until that records it as done; the bare call.
- A checkpoint while the guest runs: how long it stands still, by QEMU's own events; and in a snapshot of libvirt's.
- The second checkpoint of an idle guest whose first one has 512 MiB of a disk in it: whole, from order to record.
- Vacate, from the order until the guest runs on another host, which has a daemon of its own; saving and restoring in
  place.

Medians; the engine is another process, as for any user, and is stopped while libvirt is measured.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import DEVNULL
from urllib.parse import quote
from xml.etree import ElementTree as ET

import libvirt
import libvirt_qemu
from state import fresh

from vmf.control import AskJob, send
from vmf.model import MEBIBYTE, Home, Suspend, Why
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    Created,
    Event,
    Failure,
    ResumeAsked,
    Resumed,
    SuspendAsked,
    Suspended,
    VacateAsked,
    Wish,
)
from vmf.store import Record, Store
from vmf_kvm.daemon import LISTENING
from vmf_libvirt import client, described

CALLS = 21
TAKES = 7
MOVES = 9
CHANGED = 512 * MEBIBYTE
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.02
"""Seldom, for who looks takes the engine's time."""
HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{type: kvm}}\n"
SPEC = """\
apiVersion: vmf/v1
kind: Job
metadata: {{name: {name}}}
spec:
  image: tiny
  memory: 256MiB
  disks: {disks}
  checkpoint: {{on_eviction: true}}
  run: |
    [ ! -e /dev/vdc ] || yes changed | dd of=/dev/vdb bs=1M count={count} iflag=fullblock oflag=direct
    echo ready
    while :; do sleep 60; done
"""
"""The disk is the second: the first is the image's own, and the last one is the results volume, which stays empty."""


class Guest:
    """A guest that stands idle under an engine of its own, and what libvirt knows it as."""

    def __init__(self, name: str, work: Path, store: Store) -> None:
        self._name = name
        self._work = work
        self._store = store

    @property
    def record(self) -> Record:
        """The job as it is now."""
        return self._store.find(self._name)

    def ask(self, wish: Wish, done: type[Event]) -> tuple[float, Event]:
        """Seconds from the order until the engine records it as done, and the event that says so."""
        record = self.record
        seen = len(self._store.history(record.id))
        began = time.time()
        send(Path(record.engine), AskJob(job=record.id, wish=wish))
        while True:
            for moment in self._store.history(record.id)[seen:]:
                if isinstance(moment.event, done):
                    return moment.at - began, moment.event
                if isinstance(moment.event, Failure):
                    raise SystemExit(f"{moment.event.reason}: nothing is measured")
            if time.time() - began > PATIENCE_SECONDS:
                raise SystemExit(f"{wish} was not obeyed: nothing is measured")
            time.sleep(LOOK_SECONDS)

    def domain(self) -> libvirt.virDomain:
        """The guest, at the daemon of the host that it is on."""
        placement = self.record.placement
        folder = self._work / "home/hosts" / placement.host.name / "run/libvirt"
        path = next(folder / name for name in LISTENING.values() if (folder / name).exists())
        return client.dial(f"qemu:///session?socket={quote(str(path), safe='')}").lookupByName(self.record.machine)


def main() -> None:
    """Measure and print."""
    with fresh() as (work, environment):
        for name in ("one", "two"):
            (work / f"{name}.yaml").write_text(HOST.format(name=name))
        with (work / "data.raw").open("wb") as disk:
            disk.truncate(2 * CHANGED)
        with idle("moved", work, environment, disks="[]") as (guest, engine):
            _measure(guest, engine)
        with idle("kept", work, environment, disks="[{file: data.raw}]") as (guest, _):
            _measure_second(guest)


@contextmanager
def idle(
    name: str, work: Path, environment: Mapping[str, str], *, disks: str
) -> Iterator[tuple[Guest, subprocess.Popen[bytes]]]:
    """A guest that has nothing to do, and the process of its engine."""
    (work / "job.yaml").write_text(SPEC.format(name=name, disks=disks, count=CHANGED // MEBIBYTE))
    hosts = ("--hosts", "one.yaml", "--hosts", "two.yaml")
    vmf = (sys.executable, "-m", "vmf")
    command = [*vmf, "run", "--console", *hosts, "job.yaml"]
    with subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.PIPE) as engine:
        try:
            if not any(line.startswith(b"ready") for line in engine.stdout):
                raise SystemExit("the guest did not come up: nothing is measured")
            threading.Thread(target=engine.stdout.read, daemon=True).start()
            with closing(Store(Home(root=work / "home"))) as store:
                yield Guest(name, work, store), engine
        finally:
            engine.kill()
            subprocess.run(
                [*vmf, "rm", "--force", name], check=False, cwd=work, env=environment, stdout=DEVNULL, stderr=DEVNULL
            )


def _measure(guest: Guest, engine: subprocess.Popen[bytes]) -> None:
    soft = SuspendAsked(how=Suspend.SOFT)
    turns = [(guest.ask(soft, Suspended)[0], guest.ask(ResumeAsked(), Resumed)[0]) for _ in range(CALLS)]
    takes = [guest.ask(CheckpointAsked(why=Why.OWNER), Checkpointed)[1] for _ in range(TAKES)]
    moves = [guest.ask(VacateAsked(), Created)[0] for _ in range(MOVES)]
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    domain = guest.domain()
    calls = [(_timed(domain.suspend), _timed(domain.resume)) for _ in range(CALLS)]
    snapshots = [_stopped(domain, number) for number in range(TAKES)]
    saves = [_timed(lambda: _save_and_restore(domain)) for _ in range(MOVES)]
    for name, ours, bare in zip(("suspend", "resume"), zip(*turns, strict=True), zip(*calls, strict=True), strict=True):
        own, theirs = 1000 * statistics.median(ours), 1000 * statistics.median(bare)
        print(f"soft {name} {own:.1f} ms, libvirt's call {theirs:.1f} ms: {own - theirs:.1f} ms above, target <= 20 ms")
    _print("a guest that is kept stands still for", [each.kept.stopped for each in takes], snapshots, target=1.5)
    _print("vacate to running elsewhere", moves, saves, target=1.3, against="saving and restoring")


def _measure_second(guest: Guest) -> None:
    first, *others = (guest.ask(CheckpointAsked(why=Why.OWNER), Checkpointed)[0] for _ in range(TAKES))
    _print(
        "the second checkpoint of an idle guest with 512 MiB on a disk",
        others,
        [first],
        target=0.5,
        against="the first",
    )


def _print(
    what: str, ours: list[float], theirs: list[float], *, target: float, against: str = "in libvirt's snapshot"
) -> None:
    own, other = statistics.median(ours), statistics.median(theirs)
    print(f"{what} {own:.2f} s, {against} {other:.2f} s: {own / other:.2f} x, target <= {target} x")


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _save_and_restore(domain: libvirt.virDomain) -> None:
    file = f"{_folder(domain)}/saved"
    domain.saveFlags(file, None, 0)
    domain.connect().restoreFlags(file, None, 0)


def _folder(domain: libvirt.virDomain) -> Path:
    """The machine's own, in which its console is."""
    return Path(described.tree(domain.XMLDesc()).find("devices/serial/log").get("file")).parent


def _stopped(domain: libvirt.virDomain, number: int) -> float:
    """Seconds that the guest stands still for a live snapshot of libvirt's, by QEMU's events."""
    times: dict[str, float] = {}
    resumed = threading.Event()

    def tell(_: object, __: object, name: str, seconds: int, microseconds: int, *___: object) -> None:
        times[name] = seconds + microseconds / 1_000_000
        if name == "RESUME":
            resumed.set()

    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "memory", snapshot="external", file=f"{_folder(domain)}/bare-{number}")
    disks = ET.SubElement(root, "disks")
    for disk in described.disks(domain.XMLDesc()):
        element = ET.SubElement(disks, "disk", name=disk.name, snapshot="external" if disk.writable else "no")
        if disk.writable:
            ET.SubElement(element, "source", file=f"{_folder(domain)}/{disk.name}-{number}")
    flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    heard = libvirt_qemu.qemuMonitorEventRegister(domain.connect(), domain, None, tell, None, 0)
    domain.snapshotCreateXML(ET.tostring(root, encoding="unicode"), flags)
    resumed.wait(PATIENCE_SECONDS)
    libvirt_qemu.qemuMonitorEventDeregister(domain.connect(), heard)
    return times["RESUME"] - times["STOP"]


main()
