"""What it takes a guest to wake from the memory of one that is ready, against booting it: the same guest, in turns.

- From the order until the user's script runs, booted and woken; the same with eight times the memory.
- Twenty guests that woke on one host: what all their QEMUs take of its memory (PSS, in which what is shared counts
  once) against one that booted and what the twenty have changed; the time of the twentieth.
- The same twenty where their host is short of memory: before the last wakes, most of what they share is taken back.
- Eight at once against eight one after the other.
- The engine's whole `vmf run` of a job that wakes, against one that boots.

Medians; all but the last at the plugin seam, without an engine. The tiny guest has no driver for a network card.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from pressure import group
from state import fresh

from vmf import spec
from vmf.cli.places import home
from vmf.files.identity import identity
from vmf.model import MEBIBYTE, TINY, Host, Machine
from vmf.plugins import Plugins
from vmf.testing.bench import READY, Bench, Golden
from vmf.testing.contract_shell import GUESTS

ROUNDS = 7
SMALL, LARGE = 256 * MEBIBYTE, 2048 * MEBIBYTE
MANY, AT_ONCE = 20, 8
SPARE = 64 * MEBIBYTE
LOOK_SECONDS = 0.002
KIBIBYTE = 1024
TARGET, FLAT, ROOM = 0.15, 1.1, 1.5
IMAGE = """\
apiVersion: vmf/v1
kind: Image
metadata: {name: awake}
spec: {from: tiny, hardware: {memory: 256MiB}}
"""
JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: j}
spec: {image: tiny, memory: 256MiB, run: "true"}
"""
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ .*$", re.MULTILINE)
COUNT = re.compile(r"^(Pss|Private_Dirty): +([0-9]+) kB$", re.MULTILINE)


class Taken(Struct, frozen=True, kw_only=True):
    """Bytes that a process takes of its host's memory."""

    pss: int
    changed: int
    """Those that are its alone, because it has written to them."""
    guest: int
    """What of the first is its guest's memory."""
    guest_changed: int


def main() -> None:
    """Measure and print."""
    with fresh() as (work, environment):
        with _bench(work, "small", SMALL) as bench:
            golden = bench.imprint(bench.template(), work)
            boots, wakes = _turns(bench, golden)
            _many(bench, golden, work / "home/hosts/small")
            _pressed(bench, golden, work / "home/hosts/small")
            _at_once(bench, golden)
        with _bench(work, "large", LARGE) as bench:
            large = _turns(bench, bench.imprint(bench.template(), work))[1]
        _runs(work, environment)
    print(f"wake {wakes:.3f} s, boot {boots:.2f} s: {wakes / boots:.3f} x, target <= {TARGET} x")
    print(f"wake with 2 GiB {large:.3f} s, with 256 MiB {wakes:.3f} s: {large / wakes:.2f} x, target <= {FLAT} x")


@contextmanager
def _bench(work: Path, name: str, memory: int) -> Iterator[Bench]:
    image = spec.load_image(TINY, beside=work, images=home(os.environ).images)
    host, folder = Host(name=name, type="kvm"), work / name
    folder.mkdir(mode=0o711)
    hypervisor = Plugins.load().connect(host, work / "home/hosts" / name)
    bench = Bench(hypervisor, image=image, guests=replace(GUESTS, memory=memory), folder=folder)
    try:
        yield bench
    finally:
        bench.close()


def _turns(bench: Bench, golden: Golden) -> tuple[float, float]:
    """Median seconds until the script of a guest runs that boots, and of one that wakes; the first of each warms up."""
    boots, wakes = [], []
    for _ in range(1 + ROUNDS):
        for times, given in ((boots, None), (wakes, golden)):
            times.append(_timed(bench, _prepared(bench, given)))
            _clear(bench)
    return statistics.median(boots[1:]), statistics.median(wakes[1:])


def _many(bench: Bench, golden: Golden, host: Path) -> None:
    _timed(bench, _prepared(bench))
    (alone,) = _taken(host)
    _clear(bench)
    times = [_timed(bench, _prepared(bench, golden)) for _ in range(MANY)]
    each = _taken(host, golden.wakes.memory)
    everything, changed = sum(one.pss for one in each), sum(one.changed for one in each)
    guests, guests_changed = sum(one.guest for one in each), sum(one.guest_changed for one in each)
    print(
        f"{MANY} guests that woke take {_mebibytes(everything)}, {_mebibytes(guests)} of it guests' memory;"
        f" they changed {_mebibytes(changed)}, {_mebibytes(guests_changed)} of it guests' memory;"
        f" one that booted takes {_mebibytes(alone.pss)}: {everything / (alone.pss + changed):.2f} x, target <= {ROOM}"
    )
    first = statistics.median(times[: MANY // 4])
    print(f"the {MANY}th to wake {times[-1]:.3f} s, the first {first:.3f} s: {times[-1] / first:.2f} x")
    _clear(bench)


def _pressed(bench: Bench, golden: Golden, host: Path) -> None:
    """Print what the last of many takes to wake where little is left of what the others have read."""
    with group() as bounded:
        if bounded is None:
            print(f"the {MANY}th to wake under memory pressure: not measured, no control group can be made here")
            return
        bounded.take_in(int((host / "run/libvirt/libvirtd.pid").read_text()))
        _forget(Path(golden.wakes.memory))
        times = [_timed(bench, _prepared(bench, golden)) for _ in range(MANY - 1)]
        bounded.bound(bounded.kept * MANY // (MANY - 1) + SPARE)
        pressed = _timed(bench, _prepared(bench, golden))
        _clear(bench)
    first = statistics.median(times[: MANY // 4])
    print(
        f"the {MANY}th to wake with {_mebibytes(SPARE)} left for what is shared {pressed:.3f} s,"
        f" the first {first:.3f} s: {pressed / first:.2f} x"
    )


def _forget(path: Path) -> None:
    """Have none of a file in memory, so that whoever reads it next counts for it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _at_once(bench: Bench, golden: Golden) -> None:
    machines = [_prepared(bench, golden) for _ in range(2 * AT_ONCE)]
    began = time.perf_counter()
    for machine in machines[:AT_ONCE]:
        _timed(bench, machine)
    one_by_one = time.perf_counter() - began
    with ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.perf_counter()
        list(pool.map(lambda machine: _timed(bench, machine), machines[AT_ONCE:]))
        at_once = time.perf_counter() - began
    cpus = len(os.sched_getaffinity(0))
    print(
        f"{AT_ONCE} guests wake at once in {at_once:.2f} s, one after the other in {one_by_one:.2f} s:"
        f" {at_once / one_by_one:.2f} x, on {cpus} processors"
    )
    _clear(bench)


def _runs(work: Path, environment: Mapping[str, str]) -> None:
    """Print what it takes to run a job that wakes, and one that boots: whole processes, in turns."""
    (work / "j.yaml").write_text(JOB)
    (work / "awake.image.yaml").write_text(IMAGE)
    warehouses = {name: work / name for name in ("cold", "warm")}
    for warehouse in warehouses.values():
        shutil.copytree(home(os.environ).images / TINY, warehouse / TINY)
    apart = {name: {**environment, "VMF_WAREHOUSE": str(path)} for name, path in warehouses.items()}
    _vmf(work, apart["warm"], "image", "build", "awake.image.yaml")
    times: dict[str, list[float]] = {name: [] for name in apart}
    for _ in range(1 + ROUNDS):
        for name, each in apart.items():
            times[name].append(_vmf(work, each, "run", "j.yaml"))
            shutil.rmtree(work / "j.results")
    boots, wakes = (statistics.median(times[name][1:]) for name in ("cold", "warm"))
    print(f"vmf run of a job that wakes {wakes:.2f} s, of one that boots {boots:.2f} s: {wakes / boots:.2f} x")


def _vmf(work: Path, environment: Mapping[str, str], *words: str) -> float:
    """Seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "vmf", *words], cwd=work, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def _prepared(bench: Bench, golden: Golden | None = None) -> Machine:
    """A machine whose files have been put on its host; it boots, or wakes."""
    name = bench.new_name()
    machine = bench.machine(name, GUESTS.hangs)
    if golden:
        machine = replace(machine, disks=golden.disks, wakes=golden.wakes)
    bench.put(name, GUESTS.hangs, identity=identity(machine, name) if golden else b"")
    return machine


def _timed(bench: Bench, machine: Machine) -> float:
    """Seconds from the order until the script runs."""
    began = time.perf_counter()
    handle = bench.hypervisor.create(machine)
    while READY not in bench.hypervisor.console(handle, 0):
        if time.perf_counter() - began > bench.seconds:
            raise SystemExit(f"{machine.name} did not come up: nothing is measured")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


def _clear(bench: Bench) -> None:
    for handle in bench.hypervisor.machines():
        bench.hypervisor.destroy(handle)


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.0f} MiB"


def _taken(host: Path, memory: str = "") -> list[Taken]:
    """What each QEMU takes whose daemon keeps its things in this folder; `memory` is what their guests woke from."""
    return [_looked_at(int(pid.read_text()), memory) for pid in host.glob("run/libvirt/qemu/run/T*.pid")]


def _looked_at(pid: int, memory: str) -> Taken:
    text = Path(f"/proc/{pid}/smaps").read_text()
    starts = [*MAPPING.finditer(text)]
    ends = [*(each.start() for each in starts[1:]), len(text)]
    parts = [
        (memory and each[0].endswith(memory), text[each.end() : end]) for each, end in zip(starts, ends, strict=True)
    ]
    whole, guest = ([_counts(part) for its, part in parts if its or every] for every in (True, False))
    return Taken(
        pss=sum(each.get("Pss", 0) for each in whole),
        changed=sum(each.get("Private_Dirty", 0) for each in whole),
        guest=sum(each.get("Pss", 0) for each in guest),
        guest_changed=sum(each.get("Private_Dirty", 0) for each in guest),
    )


def _counts(part: str) -> dict[str, int]:
    return {name: int(count) * KIBIBYTE for name, count in COUNT.findall(part)}


main()
