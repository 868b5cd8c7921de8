"""A real guest on a network of type user: it reaches nobody, and its owner gets in by ssh."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shell import DEADLINE, RealShell

pytestmark = pytest.mark.real

SCRIPT = """\
until ip -4 addr show eth0 | grep -q inet; do sleep 0.1; done
basename "$(readlink /sys/class/net/eth0/device/driver)"
call() { echo hello | nc -w 1 "$1" PORT & timeout 1 tftp -g -l - -r x "$1" PORT & } >/dev/null 2>&1
ip route replace default via 10.0.2.2
for there in 10.0.2.2 10.0.2.3 OUTSIDE; do call $there; done
timeout 3 nslookup localhost 10.0.2.3 >/dev/null 2>&1 && echo resolved
wait
for all in /proc/sys/net/ipv4/conf/*; do echo 1 >$all/route_localnet; done
ip addr flush dev lo; ip route add 127.0.0.0/8 via 10.0.2.2
call 127.0.0.1
wait
echo scanned
until [ -e /run/done ]; do sleep 0.1; done
exit 5
"""


class Listeners:
    """Whoever calls a port of this computer, at any of its addresses."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self._tcp = socket.create_server(("", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("", self.port))
        for hear in (self._accept, lambda: self._udp.recv(1)):
            threading.Thread(target=self._hear, args=(hear,), daemon=True).start()

    def _accept(self) -> str:
        self._tcp.accept()[0].close()
        return "a call"

    def _hear(self, hear) -> None:
        with suppress(OSError):  # closed
            while True:
                self.calls.append(hear())

    def close(self) -> None:
        for each in (self._tcp, self._udp):
            each.close()


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    listeners = Listeners()
    yield listeners
    listeners.close()


def outside() -> str:
    """An address of this computer that is not its loopback, if it has one."""
    with socket.socket(type=socket.SOCK_DGRAM) as nobody:
        try:
            nobody.connect(("192.0.2.254", 9))
        except OSError:
            return "127.0.0.1"
        return str(nobody.getsockname()[0])


def test_a_guest_reaches_nobody_and_its_owner_gets_in(on_wide: RealShell, listeners: Listeners) -> None:
    shell = on_wide
    shell.job(SCRIPT.replace("PORT", str(listeners.port)).replace("OUTSIDE", outside()))
    words = ("network.type=user", "network.model=e1000", "ssh.port=22")
    with shell.start("run", "j.yaml", *(word for each in words for word in ("--set", each))) as process:
        shell.reaches("j", "running")
        with shell.start("ssh", "j", "--", "id -u; echo $SSH_CONNECTION; exit 3") as within:
            out, said = within.communicate(timeout=90)
        assert (within.returncode, out.split()[:2]) == (3, ["0", "10.0.2.2"]), said
        key = json.loads(shell.vmf("show", "j", "--format", "json").stdout)["key"]
        assert Path(key).read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        shell.says("j", "scanned")
        assert shell.vmf("ssh", "j", "--", "-T", "touch", "/run/done").returncode == 0
        assert process.wait(DEADLINE) == 5
    said = shell.vmf("logs", "j").stdout.split()
    assert "e1000" in said
    assert "resolved" not in said
    assert listeners.calls == []
    assert "only a guest that runs can be reached" in shell.vmf("ssh", "j").stderr
    assert shell.left_behind() == []
