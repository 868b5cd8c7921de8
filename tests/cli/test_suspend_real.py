"""A real guest that stands still, while what it needs to go on is taken from it, and given back."""

from __future__ import annotations

import signal
import socket

import pytest

from shell import DEADLINE, RealShell

pytestmark = pytest.mark.real

SCRIPT = """\
n=0
while :; do
  n=$((n + 1))
  echo "$n" | dd of=/dev/vdb conv=notrunc,fsync 2>/dev/null
  echo "count $n"
done
"""
IN_PLACE = "disks=[{{file: {file}, access: in-place}}]"
FORWARDS = "network={{type: user, forwards: [{{port: 80, host_port: {port}}}]}}"


def counted(real: RealShell) -> list[int]:
    lines = real.vmf("logs", "j").stdout.split("\n")[:-1]  # the last may be half a line
    return [int(line.removeprefix("count ")) for line in lines if line.startswith("count ")]


def test_a_guest_goes_on_only_with_what_it_had(real: RealShell) -> None:
    disk = real.home / "data.raw"
    disk.write_bytes(bytes(2**20))
    disk.chmod(0o666)
    in_place = IN_PLACE.format(file=disk)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        port = taker.getsockname()[1]
    real.job(SCRIPT)
    real.job("exit 0", "other")
    with real.start("run", "j.yaml", "--set", in_place, "--set", FORWARDS.format(port=port)) as process:
        real.says("j", "count 3")
        assert real.vmf("suspend", "--hard", "j").stdout == "j: saved\n"
        stood = counted(real)[-1]
        told = f"j (job {real.records('j')[-1].id})"

        held = real.vmf("run", "other.yaml", "--set", in_place)
        assert held.returncode == 76
        assert f"{disk} is used by {told}, whose guest is saved" in held.stdout

        with socket.create_server(("127.0.0.1", port)):
            done = real.vmf("resume", "j")
        assert (done.returncode, done.stdout) == (71, "")
        assert f"{told} could not be resumed: tcp port {port} of this computer is taken" in done.stderr
        real.reaches("j", "saved")

        assert real.vmf("resume", "j").stdout == "j: running\n"
        real.says("j", f"count {stood + 3}")
        assert real.vmf("suspend", "--hard", "j").stdout == "j: saved\n"
        found = counted(real)
        assert found == list(range(1, len(found) + 1))
        assert int(disk.read_bytes().split()[0]) in {found[-1], found[-1] + 1}

        with disk.open("r+b") as file:
            file.write(b"0\n")
        done = real.vmf("resume", "j")
        assert done.returncode == 71
        assert f"{disk} is not as it was when the guest was saved" in done.stderr
        real.reaches("j", "saved")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert real.left_behind() == []
