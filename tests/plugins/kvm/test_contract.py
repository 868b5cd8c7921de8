from __future__ import annotations

import pytest

from guests.wide import HERE
from vmf.model import DiskFormat, Host, MachineDisk
from vmf.testing.contract import Guests, HypervisorContract

pytestmark = pytest.mark.real

DISCS = """\
echo vmf-ready; mkdir disc
while :; do mount -r -t iso9660 /dev/sr1 disc && cat disc/word && umount disc; sleep 0.1; done 2>/dev/null
"""


class TestKvm(HypervisorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="local", type="kvm")

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
        return Guests(
            ends="echo vmf-ready\nhead -c 70000 /dev/zero | tr '\\0' x\necho\necho made > made\nexit 7\n",
            hangs="echo vmf-ready\nwhile :; do sleep 1; done\n",
            ignores="pkill -f 'head -c 1 /dev/input' || killall head\necho vmf-ready\nwhile :; do sleep 1; done\n",
            reboots="echo vmf-ready\nsleep 0.1\nreboot -f\n",
            fills="echo vmf-ready\ncat /dev/urandom >/dev/vda\n",
            hears='echo vmf-ready\nread -r line </dev/console\necho "heard $line"\n',
            discs=DISCS,
            tells=(HERE / "tells.sh").read_text(),
            serves=(HERE / "serves.sh").read_text(),
            calls=(HERE / "calls.sh").read_text(),
        )
