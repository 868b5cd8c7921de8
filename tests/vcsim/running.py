"""One that runs, and what tests ask of it beside the API."""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
from base64 import b64encode
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

from libvirtbed import certificates
from vmf.files import programs

ADDRESS = "127.0.0.2"
"""pyVmomi does not verify who answers at 127.0.0.1."""
USER = "administrator@vsphere.local"


class Vcsim:
    """A running one. It dies with the thread that started it, and its machines with it.

    Attributes:
        address, port: where it answers, by HTTPS only.
        user, password: who may log in.
        ca: the file of the certificate that signed its own.
        certificate: the file of its own.
        datastore: the folder that is its datastore `store1`.
        log: what it says of what it does.
        pid: of its process.
    """

    def __init__(self, program, folder, *, datastore=None, **sizes):
        """Start it; see `running`."""
        self.address, self.user, self.password = ADDRESS, USER, secrets.token_hex(8)
        authority = certificates.authority(folder, "vcsim-ca")
        server = certificates.server(folder, "vcsim", by=authority, address=ADDRESS)
        self.ca, self.certificate = authority.certificate, server.certificate
        self.datastore = datastore or folder / "store1"
        self.datastore.mkdir(exist_ok=True)
        self.log = folder / "vcsim.log"
        options = {
            "user": self.user, "certificate": server.certificate, "key": server.key,
            "datastore": self.datastore, "listen": f"{ADDRESS}:0", **sizes,
        }  # fmt: skip
        words = [str(word) for name, value in options.items() for word in (f"-{name}", value)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                programs.dying_with_us(str(program), *words),
                env={**os.environ, "PATH": programs.PATH, "VCSIM_PASSWORD": self.password},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.pid = self._process.pid
        said = self._process.stdout.readline()
        assert said, self.log.read_text()
        self.port = int(said)

    def fault(self, method, fault="", *, mode="task", count=1, **how):
        """Make the next `count` calls of a method go wrong; 0: all.

        Args:
            method: as WSDL calls it (`PowerOnVM_Task`); of the datastore's files, `GET`, `PUT` or `HEAD`.
            fault: the name of the fault's type, such as `InvalidPowerState`.
            mode: `task`: its task fails with the fault; `slow`: its task takes `seconds` longer; `soap`: the call fails
                with the fault; `http`: it is answered with `status`; `drop`: the connection breaks, of a PUT after
                `bytes` have come, else after `bytes` of the answer; `lose`: it is done, and the connection breaks
                without an answer; `delay`: it is done after `seconds`.
            count: how many.
            how: `seconds`, `status` and `bytes`, which are 0 otherwise.
        """
        self._wish("POST", json.dumps({"method": method, "mode": mode, "fault": fault, "count": count, **how}))

    def faults_clear(self):
        """Let nothing more go wrong."""
        self._wish("DELETE")

    def expire_sessions(self):
        """End all sessions, as their time does."""
        self._wish("PATCH")

    def qemus(self):
        """The processes of all machines that are powered on."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(word) for path in children for word in path.read_text().split()]

    def kill(self):
        """Kill it as a crash would, and all its machines with it."""
        self._process.kill()
        self._process.communicate()

    def _wish(self, verb, body=None):
        connection = HTTPSConnection(self.address, self.port, context=ssl.create_default_context(cafile=self.ca))
        secret = b64encode(f"{self.user}:{self.password}".encode()).decode()
        connection.request(verb, "/test", body, {"Authorization": f"Basic {secret}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()


@contextmanager
def running(program, folder, **how):
    """One that ends with the block.

    Args:
        program: as `build` returns it.
        folder: where its files go.
        how: `datastore`: the folder that is its datastore, else one in `folder`; `capacity`: of the datastore, and
            `memory`: of the host, both in bytes; `cpus`: of the host; `lifetime`: after which it ends by itself, such
            as `10m`.
    """
    vcsim = Vcsim(program, folder, **how)
    try:
        yield vcsim
    finally:
        vcsim.kill()
