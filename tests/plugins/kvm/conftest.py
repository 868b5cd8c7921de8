from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vmf.files import cdrom, disc, volume
from vmf.hookspecs import unreported
from vmf.model import MEBIBYTE, Access, DiskFormat, Job, Machine, MachineCdrom, MachineDisk, Power, Results
from vmf.spec.image import load_image
from vmf_kvm.connection import Connection


@pytest.fixture(scope="session")
def new_home():
    """Makes host folders with short paths, and ends the daemons in them."""
    folders = []

    def make():
        root = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))
        root.chmod(0o711)
        folders.append(root)
        return root / "h"

    yield make
    for root in folders:
        KvmHost(root / "h").end()
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def host(new_home):
    return KvmHost(new_home())


@pytest.fixture
def connection(host):
    connection = Connection(host.home)
    yield connection
    for name in connection.machines():
        connection.destroy(name)
    connection.close()


@pytest.fixture(scope="session")
def image(tiny, new_home):
    """The tiny guest, where the daemon's user can read it."""
    return readable(tiny, new_home())


@pytest.fixture(scope="session")
def wide_image(wide, new_home):
    """The wide guest, likewise."""
    return readable(wide, new_home())


def readable(bundle, home):
    """A bundle's image, copied beside a host's folder."""
    folder = home.with_name(bundle.name)
    shutil.copytree(bundle, folder)
    return load_image(str(folder), beside=folder, images=folder)


@pytest.fixture
def put(image, tmp_path):
    """Puts what a guest with this script needs, and returns the machine and the magic of its volume."""

    def put(connection, script, name=None, **changes):
        name = name or f"m{secrets.token_hex(4)}"
        magic = volume.magic(volume.new_nonce())
        results = Results(files=("out",))
        job = Job(name=name, image=image, memory=256 * MEBIBYTE, run=script, results=results)
        disc.write(tmp_path / "cdrom", cdrom.contents(job, magic), label=cdrom.LABEL)
        volume.make(tmp_path / "results", size=64 * MEBIBYTE, magic=magic)
        sources = {
            "kernel": image.kernel.path,
            "initrd": image.initrd.path,
            "cdrom": tmp_path / "cdrom",
            "results": tmp_path / "results",
        }
        for file, source in sources.items():
            connection.folder(name).put(file, source, unreported)
        given = {
            "name": name,
            "memory": job.memory,
            "cpus": 1,
            "accelerator": "tcg",
            "kernel": "kernel",
            "initrd": "initrd",
            "kernel_parameters": image.kernel_parameters,
            "disks": tuple(MachineDisk(file=str(disk.file.path), format=disk.format) for disk in image.disks),
            "cdroms": (MachineCdrom(file="cdrom"),),
            "results": MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
        }
        return Machine(**{**given, **changes}), magic

    return put


class KvmHost:
    """A host's folder, and the processes that belong to it."""

    deadline = 200

    def __init__(self, home):
        self.home = home

    def files(self):
        """Every file but those that the daemon keeps for itself, and every machine's folder."""
        own = {path for path in self.home.rglob("*") if path.suffix != ".pid" and "capabilities" not in path.parts}
        return {path for path in own if not path.is_dir()} | set((self.home / "machines").iterdir())

    def daemon_pid(self):
        return int((self.home / "run/libvirt/libvirtd.pid").read_text())

    def qemu_pid(self, machine):
        return int((self.home / f"run/libvirt/qemu/run/{machine}.pid").read_text())

    def process(self, pid):
        """What the kernel says of a process."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def until(self, look, done=bool):
        """Look again and again until it is done."""
        deadline = time.monotonic() + self.deadline
        while not done(seen := look()):
            assert time.monotonic() < deadline, f"there is still only {seen!r}"
            time.sleep(0.02)
        return seen

    def until_off(self, connection, machine):
        return self.until(lambda: connection.state(machine), lambda state: state.power is Power.OFF)

    def kill(self, pid, how=signal.SIGKILL):
        """Kill a process; return when it is gone."""
        os.kill(pid, how)
        self.gone(pid)

    def gone(self, pid):
        """Return when a process is gone."""
        with suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            try:
                assert select.select([process], [], [], self.deadline)[0], f"process {pid} does not end"
            finally:
                os.close(process)

    def end(self):
        """End the daemon and its launcher, if they are there."""
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            daemon = self.daemon_pid()
            launcher = int(self.process(daemon)["PPid"])
            self.kill(daemon, signal.SIGTERM)
            self.gone(launcher)
