"""Real guests that leave a host and go on upon another: two hosts, each with a libvirt daemon of its own."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import Command, RealShell, kill, until

pytestmark = pytest.mark.real

HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{type: kvm}}\n"
SITES = ("one", "two")
COUNTERS = {"a": 1, "b": 2}
"""Processes of the guest, each with the block of the disk that it writes to."""

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
while sleep 1; do hwclock -s -u; done &
"""
END = """\
read -r go </dev/console
touch stop
wait $a $b
for block in 1 2; do dd if=/dev/vda bs=4096 skip=$block count=1 iflag=direct 2>/dev/null | head -n 1; done >disk
cat /sys/class/net/eth0/address >after
date +%s >clock
exit 7
"""


class Pair(RealShell):
    """A shell with two real hosts; its words about the guest are meant where that runs."""

    @property
    def local(self) -> Path:
        placement = self.records()[-1].placement
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
        until(lambda: [(each.attempt, each.state) for each in self.records()] == [(attempt, "running")], "it goes on")
        return self.local.name

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
    for each in real.records():
        real.vmf("rm", "--force", str(each.id))
    for pid in real.home.glob("hosts/*/run/libvirt/*d.pid"):
        kill(int(pid.read_text()), signal.SIGTERM)


def ended(pair: Pair, process: Command) -> dict[str, list[str]]:
    """Let the guest end; what it made, by lines, and what it wrote to its console on all its hosts."""
    pair.tell("j", "go")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 7, err
    files = {each.name: each.read_text().splitlines() for each in (pair.folder / "j.results").iterdir()}
    return {**files, "console": out.splitlines()}


def check(found: dict[str, list[str]]) -> None:
    """No number is missing or twice, in the guest's memory, on its disk and on its console."""
    for block, (name, _) in enumerate(COUNTERS.items()):
        last = len(found[name])
        assert found[name] == [str(each) for each in range(1, last + 1)]
        assert found["disk"][block] == str(last)
        assert [line for line in found["console"] if line.startswith(f"{name} ")] == [
            f"{name} {each}" for each in range(1, last + 1)
        ]


def served(pair: Pair) -> list[str]:
    """What the guest answers a peer outside, who connects by the forward of its port."""
    answer = b""

    def ask() -> bytes:
        nonlocal answer
        (forward,) = json.loads(pair.vmf("facts", "j", "--format", "json").stdout)["forwards"]
        with socket.create_connection(("127.0.0.1", forward["host_port"]), timeout=10) as peer:
            answer = peer.makefile("rb").read()
        return answer

    until(ask, "the guest answers")
    return answer.decode().split()


def test_a_guest_that_counts_and_serves_goes_on_elsewhere(pair: Pair, wide: Path) -> None:
    shutil.copytree(wide, pair.home / "images/wide")
    pair.image = "wide"
    network = "network={type: user, forwards: [{port: 7000}]}"
    with pair.begin(COUNT + SERVE + END, network, "checkpoint={on_eviction: true, lose_connections: true}") as process:
        pair.counted(3)
        mac, *before = served(pair)
        first = pair.local.name
        assert pair.vmf("vacate", "j").returncode == 0
        assert {first, pair.moved(2)} == set(SITES)
        assert pair.machines(first) == []
        answers = served(pair)
        assert answers[0] == mac
        assert answers[1 : len(before) + 1] == before
        found = ended(pair, process)
    check(found)
    assert found["before"] == found["after"] == [mac]
    assert [each["gap"]["checkpoint"] for each in pair.events("created")[1:]] == [1]
    assert pair.left_behind() == []
