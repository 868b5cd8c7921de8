"""Guests that take what they can get, all at once: the host, the machine beside them and vmf stay well."""

from __future__ import annotations

import os
import re

import pytest

from vmf.model import MEBIBYTE, DiskFormat, Ending, MachineDisk, Power

pytestmark = pytest.mark.real

MEMORY = 80 * MEBIBYTE
OVERHEAD = 256 * MEBIBYTE
"""What QEMU takes beside its guest's memory, most of it for translated code."""
GROWTH = 8 * MEBIBYTE
BEATS = "while :; do sleep 0.2; echo beat; done\n"
FLOODS_AND_FORKS = r"""
for i in $(seq 320); do printf '\033]0;owned\007\033[2J\033c\033[6n%0200d' 0; done
echo
(while :; do sleep 1000 & done)
read -r _ </dev/console
"""
BALLOONS = """
mkdir full
mount -t tmpfs -o size=100% none full
cat /dev/zero >full/zeros
cat /dev/zero | tail
"""
STOPPED = re.compile(b"can't fork|Killed")
"""What a guest's own kernel has to say to whoever forks without end."""
FILLS = "cat /dev/urandom >/dev/vda\n"


def beats(connection, machine):
    return connection.console(machine.name, 0).count(b"beat")


def test_guests_that_take_what_they_can_get_harm_nobody(connection, host, put, new_home):
    original = new_home().with_name("original")
    original.touch()
    os.truncate(original, 64 * MEBIBYTE)
    disk = MachineDisk(file=str(original), format=DiskFormat.RAW, growth=GROWTH)
    beside, _ = put(connection, BEATS, memory=MEMORY)
    forks, _ = put(connection, FLOODS_AND_FORKS, memory=MEMORY)
    balloons, _ = put(connection, BALLOONS, memory=MEMORY, reboots=False)
    fills, _ = put(connection, FILLS, memory=MEMORY, disks=(disk,))
    for each in (beside, forks, balloons, fills):
        connection.create(each)

    host.until(lambda: connection.console(forks.name, 66_000), STOPPED.search)
    assert b"\x1b]0;owned\x07\x1b[2J" in connection.console(forks.name, 0)
    assert resident(host, forks) < MEMORY + OVERHEAD

    full = host.until(lambda: connection.state(fills.name), lambda state: state.power is not Power.RUNNING)
    assert (full.power, full.limit) == (Power.PAUSED, "disk0 has taken the 8 MiB that it may")
    overlay = (connection.folder(fills.name).path / "disk0").stat()
    assert overlay.st_size == GROWTH
    assert overlay.st_blocks * 512 <= GROWTH + 4096

    ended = host.until(lambda: connection.state(balloons.name), lambda state: state.power is Power.OFF)
    assert ended.ending is Ending.SHUTDOWN

    seen = beats(connection, beside)
    host.until(lambda: beats(connection, beside), lambda now: now > seen)
    assert {each.name for each in (beside, forks, balloons, fills)} == set(connection.machines())
    connection.destroy(forks.name)


def resident(host, machine):
    """The bytes of the host's memory that a machine's QEMU has."""
    return int(host.process(host.qemu_pid(machine.name))["VmRSS"].split()[0]) * 1024
