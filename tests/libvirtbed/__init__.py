"""A second libvirt, as that of another computer: reached over tcp, tls and ssh on loopback. Needs root.

    with running(folder) as bed:
        host = bed.host(Transport.TLS)

Its files and processes are its own (`far.sh`); its daemon has the drivers for QEMU and for storage, no KVM and no
networks; its guests run as QEMU's user. Below `FOLDER` a host may keep its machines there. `bed.kill()` kills the
daemon and leaves its guests, `bed.start()` starts it again. Everything ends with the test, however that ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from libvirtbed import certificates
from vmf.files import programs
from vmf.model import Connection, Host, Transport

ADDRESS = "127.0.0.1"
FOLDER = "/var/lib/libvirt/vmf"
"""A folder of the other computer that nobody else uses."""
DRIVERS = ("qemu", "storage")
"""No network driver: the bed shares this computer's network, which it has to leave alone."""
PLACES = ("lib/*", "lib64", "lib")
"""Where distributions have libraries, below /usr."""
SETTINGS = """\
listen_addr = "{address}"
listen_tcp = 1
tcp_port = "{tcp}"
auth_tcp = "none"
listen_tls = 1
tls_port = "{tls}"
auth_tls = "none"
ca_file = "/run/far/ca.pem"
cert_file = "/run/far/server.pem"
key_file = "/run/far/server-key.pem"
log_outputs = "3:file:/run/far/libvirtd.log"
"""
SSH = """\
#!/bin/sh
exec {ssh} -F "{config}" "$@"
"""
CONFIG = """\
UserKnownHostsFile "{known}"
GlobalKnownHostsFile /dev/null
IdentitiesOnly yes
IdentityAgent none
"""


class Bed:
    """The other computer.

    In `folder`: certificates and keys of both sides, libvirtd.conf, libvirtd.log, ssh.log; known_hosts is what this
    side knows of servers, and bin/ssh the program that looks there and nowhere else.
    """

    def __init__(self, folder: Path) -> None:
        assert os.geteuid() == 0, "the tests of hosts elsewhere need root: their daemon is a system's; run them as root"
        self.folder = folder
        self.ports = _free_ports(Transport.TCP, Transport.TLS, Transport.SSH)
        self.known_hosts = folder / "known_hosts"
        self.programs = folder / "bin"
        self._lay_keys()
        ports = {transport.value: port for transport, port in self.ports.items()}
        (folder / "libvirtd.conf").write_text(SETTINGS.format(address=ADDRESS, **ports))
        _link_drivers(folder / "drivers")
        self._process = self._begin()
        self.start()

    def connection(self, transport: Transport, **changes: Any) -> Connection:
        """What leads there."""
        proofs: Mapping[Transport, Mapping[str, Any]] = {
            Transport.TLS: {
                "ca": self.folder / "ca.pem",
                "certificate": self.folder / "client.pem",
                "key": self.folder / "client-key.pem",
            },
            Transport.SSH: {"user": "root", "key": self.folder / "user"},
        }
        place = {"transport": transport, "address": ADDRESS, "port": self.ports[transport]}
        return Connection(**{**place, **proofs.get(transport, {}), **changes})

    def host(self, transport: Transport, **changes: Any) -> Host:
        """A host of type kvm there."""
        given = {"name": f"far-{transport}", "type": "kvm", "settings": {"kvm": {"folder": FOLDER}}}
        return Host(**{**given, "connection": self.connection(transport), **changes})

    @property
    def root(self) -> Path:
        """Its file system, as this computer sees it."""
        return Path(f"/proc/{self._process.pid}/root")

    def start(self) -> None:
        """Start the daemon; it listens on return."""
        self._tell("start")

    def kill(self) -> None:
        """Kill the daemon; it is gone on return, and its guests live."""
        self._tell("kill")

    def close(self) -> None:
        """End all that runs there."""
        self._process.communicate()

    def _lay_keys(self) -> None:
        authority = certificates.authority(self.folder, "ca")
        certificates.server(self.folder, "server", by=authority)
        certificates.client(self.folder, "client", by=authority)
        ssh_key(self.folder / "user")
        made = subprocess.run(
            ("dropbearkey", "-t", "ed25519", "-f", self.folder / "host_key"), check=True, capture_output=True, text=True
        )
        public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-"))
        self.known_hosts.write_text(f"[{ADDRESS}]:{self.ports[Transport.SSH]} {public}\n")
        config = self.folder / "ssh.conf"
        config.write_text(CONFIG.format(known=self.known_hosts))
        self.programs.mkdir()
        program = self.programs / "ssh"
        program.write_text(SSH.format(ssh=programs.need("ssh"), config=config))
        program.chmod(0o755)

    def _begin(self) -> subprocess.Popen[str]:
        namespaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--mount-proc")
        inside = (Path(__file__).with_name("far.sh"), self.folder, str(self.ports[Transport.SSH]))
        return subprocess.Popen(
            ("unshare", *namespaces, "--", *inside),
            env={"PATH": programs.PATH, "LIBVIRT_DRIVER_DIR": "/run/far/drivers"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _tell(self, word: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        assert said == f"{word}\n", said + self._process.communicate()[0]


@contextmanager
def running(folder: Path) -> Iterator[Bed]:
    """A bed that ends with the block; within it, libvirt's ssh knows the bed, and nothing of the user's own."""
    with ExitStack() as stack:
        bed = Bed(folder)
        stack.callback(bed.close)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PATH", str(bed.programs), prepend=os.pathsep)
        yield bed


def ssh_key(path: Path) -> Path:
    """Make a pair of keys for ssh; its public one has the name with `.pub`."""
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path), check=True)
    return path


def _free_ports(*users: Transport) -> Mapping[Transport, int]:
    with ExitStack() as stack:
        sockets = {user: stack.enter_context(socket.create_server((ADDRESS, 0))) for user in users}
        return MappingProxyType({user: each.getsockname()[1] for user, each in sockets.items()})


def _link_drivers(folder: Path) -> None:
    """Make a folder of libvirt's drivers with those only that the bed has."""
    folder.mkdir()
    installed = next(each for place in PLACES for each in Path("/usr").glob(f"{place}/libvirt/connection-driver"))
    for name in DRIVERS:
        module = f"libvirt_driver_{name}.so"
        (folder / module).symlink_to(installed / module)
