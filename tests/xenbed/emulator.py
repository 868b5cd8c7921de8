"""The computer that Xen runs on: a QEMU under emulation. Nothing outside reaches it, but by the two forwarded ports."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from contextlib import suppress

from vmf.files import programs

SNAPSHOT = "ready"
MEMORY = "2816M"
"""Of the computer: dom0, Xen itself, and guests of 1.5 GiB in all."""
XEN = "console=com1 com1=115200,8n1 dom0_mem=768M,max:768M dom0_max_vcpus=1 spec-ctrl=no xpti=no bootscrub=0"
LINUX = "console=hvc0 mitigations=off nokaslr loglevel=4 tsc=reliable"
CPU = "max,-smap,-rdtscp,-xsave"
"""With SMAP, dom0 crashes when it boots under emulation; PVH guests do with the other two."""
CARD = "e1000"
"""It cuts what dom0 sends into packets outside of the emulation: files come twice as fast as by virtio's card."""
PORTS = {"libvirt": 16509, "ssh": 22}
"""What dom0 listens on."""
FORWARDED = re.compile(r"^ *TCP\[HOST_FORWARD\] +\S+ +\S+ +(\d+) +\S+ +(\d+)", re.MULTILINE)
ANSWER_SECONDS = 60


class Stuck(Exception):
    """The computer, or what runs on it, does not do what it should."""


class Emulator:
    """One that has been started; it dies with the thread that started it."""

    def __init__(self, image, disk, log, *words):
        """Start it.

        Args:
            image: what it boots.
            disk: an overlay of the image's disk, which it writes to.
            log: the file that gets what it writes to its serial port; what QEMU says is beside it.
            words: more of QEMU's options.
        """
        self.log = log
        with log.with_suffix(".qemu").open("wb") as said:
            self.process = subprocess.Popen(
                programs.dying_with_us(*command(image, disk, log), *words),
                cwd=image.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        self._said = b""

    def greet(self):
        """Return when it can be asked, with the ports of this computer by what they lead to."""
        self._hear("QMP")
        self._tell("qmp_capabilities")
        forwarded = {int(there): int(here) for here, there in FORWARDED.findall(self.ask("info usernet"))}
        return {name: forwarded[port] for name, port in PORTS.items()}

    def ask(self, line):
        """The answer to a line of QEMU's monitor."""
        return self._tell("human-monitor-command", **{"command-line": line})

    def kill(self):
        """Pull the plug."""
        self.process.kill()
        self.process.communicate()

    def _tell(self, order, **arguments):
        with suppress(BrokenPipeError):  # what it does not say tells
            self.process.stdin.write(json.dumps({"execute": order, "arguments": arguments}).encode() + b"\n")
            self.process.stdin.flush()
        return self._hear("return")

    def _hear(self, what):
        """What it says next under that name; other things it says are passed over."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            line, found, rest = self._said.partition(b"\n")
            if not found:
                self._more(deadline)
                continue
            self._said = rest
            said = json.loads(line)
            if "error" in said:
                raise Stuck(f"QEMU refuses: {said['error']['desc']}")
            if what in said:
                return said[what]

    def _more(self, deadline):
        """Wait until it has said more."""
        pipe = self.process.stdout.fileno()
        ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
        more = os.read(pipe, 2**16) if ready else b""
        if not more:
            raise Stuck("QEMU has ended" if ready else "QEMU does not answer")
        self._said += more


def command(image, disk, log):
    """QEMU's command line, in the image's folder: its names there have no blanks, which QEMU would take for the end."""
    backing = f"backing.driver=qcow2,backing.file.filename={image.disk.name}"
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in PORTS.values())
    options = {
        "machine": "q35",
        "accel": "tcg,thread=multi,tb-size=512",
        "cpu": CPU,
        "smp": "2",
        "m": MEMORY,
        "display": "none",
        "vga": "none",
        "serial": f"file:{log}",
        "qmp": "stdio",
        "kernel": image.hypervisor.name,
        "append": XEN,
        "initrd": f"{image.kernel.name} {LINUX},{image.initrd.name}",
        "drive": f"file={disk},format=qcow2,if=none,id=disk,cache=unsafe,{backing}",
        "netdev": f"user,id=net,restrict=on{forwards}",
    }
    devices = ("virtio-blk-pci,drive=disk", f"{CARD},netdev=net,romfile=", "virtio-rng-pci")
    words = (word for option, value in options.items() for word in (f"-{option}", str(value)))
    fixed = ("-nodefaults", "-no-user-config", "-no-reboot")  # a Xen that panics ends the computer
    return ("qemu-system-x86_64", *fixed, *words, *(word for each in devices for word in ("-device", each)))
