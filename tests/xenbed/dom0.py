"""A dom0 that runs: waking or booting one, what tests reach of it, and its end."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager, suppress

from vmf.files import sshkey
from xenbed.emulator import SNAPSHOT, Emulator, Stuck

WAKING_SECONDS = 120
BOOTING_SECONDS = 300
RUN_SECONDS = 300
TRY_SECONDS = 15
LOG_LINES = 40
"""Of what it wrote to its serial port: as many of the last ones as a failure shows."""


class Dom0:
    """A running one.

    Attributes:
        port: of 127.0.0.1, where its libvirt answers, unencrypted.
        ssh_port: of 127.0.0.1, where its ssh does.
        key: the file of the private key that lets one in as root.
        host_key: its line of a file of known hosts.
        log: what it writes to its serial port.
    """

    def __init__(self, image, folder, name, *words):
        """Start QEMU, with more of its options; the disk is there already. See `boot` and `wake`."""
        self.key = folder / f"{name}.key"
        shutil.copy(image.user / sshkey.PRIVATE, self.key)  # the image may be built anew meanwhile
        self.log = folder / f"{name}.serial"
        self.emulator = Emulator(image, folder / f"{name}.qcow2", self.log, *words)
        try:
            ports = self.emulator.greet()
        except BaseException:
            self.emulator.kill()
            raise
        self.port, self.ssh_port = ports["libvirt"], ports["ssh"]
        public = (image.host / sshkey.PUBLIC).read_text().split()
        self.host_key = " ".join((f"[127.0.0.1]:{self.ssh_port}", *public[:2]))
        self._known = folder / f"{name}.known_hosts"
        self._known.write_text(f"{self.host_key}\n")

    def run(self, command, *, given=b"", seconds=RUN_SECONDS):
        """What a shell's command line prints in it, run as root; `given` is its standard input, bytes.

        Raises:
            subprocess.CalledProcessError: if the command fails, with its words in the notes.
            subprocess.TimeoutExpired: if that takes too long.
        """
        done = subprocess.run(self._ssh(command), check=False, input=given, capture_output=True, timeout=seconds)
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command)
            error.add_note(done.stderr.decode(errors="replace"))
            raise error
        return done.stdout.decode(errors="replace")

    def restart_libvirtd(self, meanwhile=":", *, before=":"):
        """Kill its libvirt, as a crash would, and return when a new one answers.

        A command line is run first, and another one while there is none; they share variables.
        """
        started = "until libvirtd --daemon --listen; do sleep 0.2; done"  # it waits for the old one's port
        self.run(
            f"{before}; kill -9 $(pidof libvirtd); {meanwhile}; {started}; until virsh version; do sleep 0.2; done"
        )

    def kill(self):
        """Pull the plug: nothing of it is left but its log."""
        self.emulator.kill()

    def await_ssh(self, seconds):
        """Return when it can be logged into, with its clock set right: a snapshot wakes with the time it was made at.

        Raises:
            Stuck: if it cannot for so long, with the last it said.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.emulator.process.poll() is None:
            with suppress(subprocess.SubprocessError):
                self.run(f"date --set=@{time.time():.3f}", seconds=TRY_SECONDS)
                return
        said = "".join(path.read_text(errors="replace") for path in (self.log, self.log.with_suffix(".qemu")))
        last = "\n".join(said.splitlines()[-LOG_LINES:])
        raise Stuck(f"dom0 was not to be logged into within {seconds} s; it said last:\n{last}")

    def _ssh(self, command):
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": RUN_SECONDS,
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "UserKnownHostsFile": self._known,
        }
        words = (word for option, value in options.items() for word in ("-o", f"{option}={value}"))
        return ("ssh", "-F", "none", "-i", self.key, "-p", str(self.ssh_port), *words, "root@127.0.0.1", command)


@contextmanager
def running(image, folder):
    """A dom0 that answers, until the block ends: woken from the snapshot, or booted if that does not succeed in time.

    Args:
        image: what `build` returns.
        folder: an empty one for its disk, which goes with it, and its logs.

    Raises:
        Stuck: if it does not boot either, with the last it said.
    """
    dom0 = wake(image, folder)
    try:
        yield dom0
    finally:
        dom0.kill()
        for disk in folder.glob("*.qcow2"):
            disk.unlink()


def wake(image, folder):
    """One that goes on where the snapshot was made; see `running`."""
    copy = ("cp", "--reflink=auto", "--sparse=always", image.ready, folder / "woken.qcow2")
    subprocess.run(copy, check=True)
    try:
        return answering(Dom0(image, folder, "woken", "-loadvm", SNAPSHOT), WAKING_SECONDS)
    except Stuck as error:
        print(f"it is booted instead: {error}")  # noqa: T201  # pytest shows it with a failure
        return boot(image, folder)


def boot(image, folder):
    """One that has just booted."""
    create = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.disk, folder / "booted.qcow2")
    subprocess.run(create, check=True)
    return answering(Dom0(image, folder, "booted"), BOOTING_SECONDS)


def answering(dom0, seconds):
    """The same one, once it can be logged into; it is ended if it cannot for so long."""
    try:
        dom0.await_ssh(seconds)
    except BaseException:
        dom0.kill()
        raise
    return dom0
