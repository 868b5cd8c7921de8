"""Real guests that leave a host and go on upon another: two hosts, each with a libvirt daemon of its own."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from shell import DEADLINE, Command, RealShell, kill, until
from vmf.store import Record

pytestmark = pytest.mark.real

HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{type: kvm}}\n"
SITES = ("one", "two")
COUNTERS = ("a", "b")
"""Processes of the guest; each writes to a block of the disk of its own, from 1."""

COUNT = """\
count() {
  n=0
  until [ -e stop ]; do
    n=$((n + 1))
    echo "$1 $n"
    echo "$n" >>"$1"
    echo "$n" | dd of=/dev/vda bs=4096 seek="$2" conv=notrunc,fsync 2>/dev/null
    sleep 0.1
  done
}
count a 1 & a=$!
count b 2 & b=$!
"""
SERVE = """\
cat /sys/class/net/eth0/address >before
while :; do cat /sys/class/net/eth0/address a | nc -l -p 7000; done &
"""
CLOCK = """\
date -s @1000
while sleep 1; do
  hwclock -s -u
  date +%s >now
  mv now clock
done &
"""
GO = """\
stty -echo </dev/console
read -r go </dev/console
"""
"""What is typed would stand in the midst of a counter's line."""
SET = """\
for each in begun whole; do
  rm clock
  until [ -e clock ]; do sleep 0.1; done
done
"""
"""One setting may be on its way; the next one is later."""
END = """\
touch stop
wait $a $b
for block in 1 2; do dd if=/dev/vda bs=4096 skip=$block count=1 iflag=direct 2>/dev/null | head -n 1; done >disk
cat /sys/class/net/eth0/address >after
exit 7
"""


@dataclass
class Site(RealShell):
    """A shell whose words about the host are meant of this one."""

    site: str = ""

    @property
    def local(self) -> Path:
        return self.home / "hosts" / self.site


class Pair(RealShell):
    """A shell with two real hosts; its words about the guest are meant where that runs."""

    @property
    def job_now(self) -> Record:
        return self.records("j")[-1]

    @property
    def local(self) -> Path:
        placement = self.job_now.placement
        assert placement is not None
        return self.home / "hosts" / placement.host.name

    def begin(self, script: str, *changes: str) -> Command:
        self.job(script)
        changes = ("results.files=[a, b, disk, before, after, clock]", *changes)
        words = [word for each in changes for word in ("--set", each)]
        return self.start("run", "--console", "j.yaml", *words)

    def counted(self, least: int) -> None:
        """Wait until the guest has counted so far, where it runs now."""
        self.says("j", f"\nb {least}\n")

    def moved(self, attempt: int) -> str:
        """Wait until the job runs in this attempt; the host."""
        until(lambda: (self.job_now.attempt, self.job_now.state) == (attempt, "running"), "it goes on")
        return self.local.name

    def lose(self, *, for_good: bool = False) -> Path:
        """Kill the guest and its host, which is started again when it is asked, unless it is gone for good."""
        local, daemon, guest = self.local, self.daemon(), self.guest("j")
        if for_good:
            local.rename(local.with_suffix(".off"))
            (local / "daemon.lock").mkdir(parents=True)  # so none can be started
        kill(daemon)
        kill(guest)
        return local

    def events(self, kind: str) -> list[dict[str, object]]:
        told = json.loads(self.vmf("show", "j", "--format", "json").stdout)
        return [each["event"] for each in told["events"] if each["event"]["type"] == kind]


@pytest.fixture
def pair(real: RealShell) -> Iterator[Pair]:
    folder = real.folder / "hosts"
    folder.mkdir()
    for name in SITES:
        (folder / f"{name}.yaml").write_text(HOST.format(name=name))
    yield Pair(folder=real.folder, home=real.home, environment=real.environment, hosts=("--hosts", "hosts"))
    if live := [str(each.id) for each in real.records() if not each.ended]:
        real.vmf("rm", "--force", *live)
    for name in SITES:
        Site(folder=real.folder, home=real.home, environment={}, site=name).end()
        for left in real.home.glob(f"hosts/{name}*"):
            shutil.rmtree(left)


@pytest.fixture
def networked(pair: Pair, wide: Path) -> Iterator[Pair]:
    """Its guests have drivers for cards."""
    shutil.copytree(wide, pair.home / "images/wide")
    pair.image = "wide"
    yield pair
    shutil.rmtree(pair.home / "images/wide")


def ended(pair: Pair, process: Command) -> dict[str, list[str]]:
    """Let the guest end; what it made, by lines, and what was said of it meanwhile."""
    pair.tell("j", "go")
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 7, err
    files = {each.name: each.read_text().splitlines() for each in (pair.folder / "j.results").iterdir()}
    return {**files, "said": out.splitlines()}


def check(found: dict[str, list[str]]) -> None:
    """No number is missing or twice, in the guest's memory and on its disk."""
    for block, name in enumerate(COUNTERS):
        last = len(found[name])
        assert found[name] == [str(each) for each in range(1, last + 1)]
        assert found["disk"][block] == str(last)


def served(pair: Pair) -> list[str]:
    """What the guest answers a peer outside, who connects by the forward of its port."""
    answer = b""

    def ask() -> bytes:
        nonlocal answer
        forwards = json.loads(pair.vmf("facts", "j", "--format", "json").stdout)["forwards"]
        for forward in forwards:
            with suppress(OSError), socket.create_connection(("127.0.0.1", forward["host_port"]), timeout=10) as peer:
                answer = peer.makefile("rb").read()
        return answer

    until(ask, "the guest answers")
    return answer.decode().split()


def test_a_guest_that_counts_and_serves_goes_on_elsewhere(networked: Pair) -> None:
    network = "network={type: user, forwards: [{port: 7000}]}"
    with networked.begin(
        COUNT + SERVE + GO + END, network, "checkpoint={on_eviction: true, lose_connections: true}"
    ) as process:
        networked.counted(3)
        mac, *before = served(networked)
        first = networked.local.name
        assert networked.vmf("vacate", "j").returncode == 0
        assert {first, networked.moved(2)} == set(SITES)
        assert networked.machines(first) == []
        answers = served(networked)
        assert answers[0] == mac
        assert answers[1 : len(before) + 1] == before
        found = ended(networked, process)
    check(found)
    for name in COUNTERS:
        assert [line for line in found["said"] if line.startswith(f"{name} ")] == [f"{name} {n}" for n in found[name]]
    assert found["before"] == found["after"] == [mac]
    assert [each["gap"]["checkpoint"] for each in networked.events("created")[1:]] == [1]
    assert networked.left_behind() == []


def test_a_job_goes_on_from_the_last_sound_checkpoint_whatever_becomes_of_its_hosts(pair: Pair) -> None:
    with pair.begin(COUNT + CLOCK + GO + SET + END, "checkpoint={on_eviction: true, keep: 2}") as engine:
        for number in (1, 2):
            pair.counted(5 * number)
            assert pair.vmf("checkpoint", "j").returncode == 0
        memory = pair.home / f"jobs/{pair.job_now.id}/checkpoints/2/memory"
        memory.write_bytes(memory.read_bytes()[:-100])
        pair.lose()
        assert pair.moved(2) in SITES
        assert pair.vmf("checkpoint", "j").returncode == 0
        second = pair.lose(for_good=True)
        done = pair.vmf("host", "dead", second.name, *pair.hosts)
        assert done.returncode == 0, done.stderr
        assert {second.name, pair.moved(3)} == set(SITES)
        went_on = int(time.time())
        with pair.start("wait", "j") as waiting:
            found = ended(pair, waiting)
        engine.communicate(timeout=DEADLINE)
    check(found)
    (failed,) = pair.events("restore-failed")
    assert failed["reason"] == f"{memory} is not what was kept"
    assert [each["gap"]["checkpoint"] for each in pair.events("created")[1:]] == [1, 3]
    assert int(found["clock"][0]) >= went_on - 1  # the hardware clock knows whole seconds
