"""Looking into a real guest and handing things in, all on one guest, while another process runs it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from shell import DEADLINE, RealShell
from window import window

pytestmark = pytest.mark.real

SCRIPT = """\
echo ready; read -r line </dev/console; echo "heard $line"
mkdir disc; mount -r -t iso9660 /dev/sr1 disc
cat disc/word /root/handed >out.txt
exit 4
"""


@pytest.fixture
def running(real: RealShell, wide: Path):
    """A job on the wide guest, with an agent, a screen and a second drive."""
    shutil.copytree(wide, real.home / "images/wide")
    real.image = "wide"
    real.job(SCRIPT)
    (real.folder / "first").write_text("first\n")
    more = ("agent=true", "vnc=true", "cdrom.files=[first]")
    with real.start("run", "j.yaml", *(word for each in more for word in ("--set", each))) as process:
        real.says("j", "ready")
        yield process
    shutil.rmtree(real.home / "images/wide")


def test_a_guest_is_looked_into_and_handed_files_discs_and_words(real: RealShell, running) -> None:
    known = json.loads(real.vmf("facts", "j", "--format", "json").stdout)
    assert known["memory"] == 2**28
    assert known["cpu_seconds"] > 0
    assert known["disks"]["disk0"] > 0
    with socket.socket(socket.AF_UNIX) as screen:
        screen.connect(known["screen"])
        assert screen.recv(4) == b"RFB "

    (real.folder / "word").write_text("of the disc\n")
    assert real.vmf("media", "j", "--insert", "word").stdout == "j: drive 1 has another disc\n"
    held = real.vmf("media", "j", "--drive", "0", "--eject")
    assert (held.returncode, "holds on to the disc in drive 0" in held.stderr) == (78, True)

    (real.folder / "handed").write_bytes(bytes(range(1, 256)) * 500)
    assert real.vmf("cp", "handed", "j:/root/").stderr == ""
    assert real.vmf("cp", "j:/root/handed", "back").stderr == ""
    assert (real.folder / "back").read_bytes() == (real.folder / "handed").read_bytes()
    assert "No such file or directory" in real.vmf("cp", "j:/none", "nothing").stderr

    with window(real, "j") as opened:
        opened.joined()
        assert "somebody else is at the console" in real.vmf("console", "j").stderr
        opened.type(b"hello\r")
        opened.shows(b"heard hello")
        opened.shows(b"the machine of j has ended")
        assert opened.ends() == 0
        assert opened.as_it_was()
    assert running.wait(DEADLINE) == 4
    assert (real.folder / "j.results/out.txt").read_bytes() == b"of the disc\n" + bytes(range(1, 256)) * 500
    assert "heard hello" in real.vmf("logs", "j").stdout
    assert real.left_behind() == []
