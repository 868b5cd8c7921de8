"""The contract suite on a Linux that keeps the guest contract: scripts for its shell, and what the tiny guest lacks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from vmf import spec
from vmf.cli.places import home
from vmf.model import TINY, Bus, Firmware, Image, NetworkType, NicModel
from vmf.testing.bench import Guests
from vmf.testing.contract import HypervisorContract

HERE = Path(__file__).with_name("guests")
TELLS, SERVES, CALLS, KEEPS = ((HERE / f"{name}.sh").read_text() for name in ("tells", "serves", "calls", "keeps"))
FIRST = "$(ls /dev/sda /dev/vda /dev/xvda 2>/dev/null | tail -n 1)"
"""The first disk in the guest's shell, whatever the hypervisor's disks are called."""
DISCS = """\
echo vmf-ready; mkdir disc
while :; do
  for drive in /dev/sr1 /dev/xvd?; do mount -r -t iso9660 $drive disc && { cat disc/word; umount disc; }; done
  sleep 0.1
done 2>/dev/null
"""
IDENTIFIES = """\
echo "host $(hostname)"; echo "machine $(cat /etc/machine-id)"; date +'clock %s'
echo "random $(head -c 16 /dev/urandom | od -A n -t x1 | tr -d ' ')"
echo vmf-ready; while :; do sleep 1; done
"""
GUESTS = Guests(
    ends="echo vmf-ready\nhead -c 70000 /dev/zero | tr '\\0' x\necho\necho made > made\nexit 7\n",
    hangs="echo vmf-ready\nwhile :; do sleep 1; done\n",
    ignores="pkill -f 'head -c 1 /dev/input' || killall head\necho vmf-ready\nwhile :; do sleep 1; done\n",
    reboots="echo vmf-ready\nsleep 0.1\nreboot -f\n",
    fills=f'echo vmf-ready\ncat /dev/urandom >"{FIRST}"\n',
    hears='echo vmf-ready\nread -r line </dev/console\necho "heard $line"\n',
    discs=DISCS,
    tells=TELLS,
    serves=SERVES,
    calls=CALLS,
    keeps=KEEPS,
    counts='echo vmf-ready\nn=0; while :; do n=$((n+1)); echo "count $n"; sleep 0.2; done\n',
    identifies=IDENTIFIES,
    panics="echo vmf-ready\nsleep 0.1\necho c >/proc/sysrq-trigger\n",
    halts="echo vmf-ready\nsleep 0.1\nhalt -f\n",
    ticks="date -s @1000000000\necho vmf-ready\nwhile :; do date +'time %s'; sleep 0.2; done\n",
)
"""For a guest that has busybox, and drivers and agents for all that its hypervisor has."""

_NO_NETWORK = "the tiny guest has no drivers for network cards"
_NO_AGENT = "the tiny guest runs no agent"
_NO_LOADER = "the tiny guest's disk does not boot by itself"
TINY_LACKS: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys((f"network-{each}" for each in NetworkType), _NO_NETWORK),
    **dict.fromkeys((f"nic-{each}" for each in NicModel), _NO_NETWORK),
    **dict.fromkeys(("static-mac", "port-forwards"), _NO_NETWORK),
    **dict.fromkeys(("guest-agent", "guest-clock", "guest-commands", "guest-files"), _NO_AGENT),
    **dict.fromkeys((f"firmware-{each}" for each in Firmware), _NO_LOADER),
    "kernel-included": _NO_LOADER,
    **dict.fromkeys((f"disk-{each}" for each in (Bus.IDE, Bus.SATA)), "the tiny guest has no drivers for IDE and SATA"),
    "shares": "the tiny guest cannot mount folders of its host",
})  # fmt: skip
"""What the tiny guest cannot try, each with the reason."""


class ShellContract(HypervisorContract):
    """Subclass it, name it `Test…`, and give it the fixture `host`; the warehouse has to have the tiny guest."""

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls) -> Image:
        """The tiny guest; override it, and `guests`, to try what that one cannot."""
        return spec.load_image(TINY, beside=Path.cwd(), images=home(os.environ).images)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls) -> Guests:
        """The scripts, less what the tiny guest cannot try."""
        return replace(GUESTS, lacks=TINY_LACKS)
