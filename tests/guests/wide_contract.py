"""The contract suite on the wide guest."""

from __future__ import annotations

import pytest

from guests.wide import HERE
from vmf.model import DiskFormat, MachineDisk
from vmf.testing.contract import Guests, HypervisorContract

TELLS, SERVES, CALLS, KEEPS = ((HERE / f"{name}.sh").read_text() for name in ("tells", "serves", "calls", "keeps"))
DISCS = """\
echo vmf-ready; mkdir disc
while :; do mount -r -t iso9660 /dev/sr1 disc && cat disc/word && umount disc; sleep 0.1; done 2>/dev/null
"""
GUESTS = Guests(
    ends="echo vmf-ready\nhead -c 70000 /dev/zero | tr '\\0' x\necho\necho made > made\nexit 7\n",
    hangs="echo vmf-ready\nwhile :; do sleep 1; done\n",
    ignores="pkill -f 'head -c 1 /dev/input' || killall head\necho vmf-ready\nwhile :; do sleep 1; done\n",
    reboots="echo vmf-ready\nsleep 0.1\nreboot -f\n",
    fills="echo vmf-ready\ncat /dev/urandom >/dev/vda\n",
    hears='echo vmf-ready\nread -r line </dev/console\necho "heard $line"\n',
    discs=DISCS,
    tells=TELLS,
    serves=SERVES,
    calls=CALLS,
    keeps=KEEPS,
    counts='echo vmf-ready\nn=0; while :; do n=$((n+1)); echo "count $n"; sleep 0.2; done\n',
    panics="echo vmf-ready\nsleep 0.1\necho c >/proc/sysrq-trigger\n",
    halts="echo vmf-ready\nsleep 0.1\nhalt -f\n",
    ticks="date -s @1000000000\necho vmf-ready\nwhile :; do date +'time %s'; sleep 0.2; done\n",
)


class WideContract(HypervisorContract):
    """Subclass it, name it `Test…`, and give it the fixture `host`."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, new_home):
        return new_home()

    @pytest.fixture(scope="class")
    @classmethod
    def on_host(cls, new_home):
        folder = new_home().with_name("on-host")
        folder.mkdir()
        return folder

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, wide_image):
        return wide_image

    @pytest.fixture(scope="class")
    @classmethod
    def bootable(cls, wide_image):
        file = wide_image.kernel.path.with_name("boot.raw")
        return (MachineDisk(file=str(file), format=DiskFormat.RAW),)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return GUESTS
