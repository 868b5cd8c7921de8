from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial

import pytest
from msgspec.structs import replace

from vmf.errors import HostFault, JobFault
from vmf.model import Stop, Transport
from vmf_kvm import proof
from vmf_kvm.elsewhere import opened
from vmf_kvm.proof import NAME

pytestmark = pytest.mark.real


@pytest.fixture
def prove(connection, host):
    """Proves on this connection's host that QEMU emulates processors."""
    return partial(proof.prove, connection, folder=connection.daemon.folder, accelerator="tcg", seconds=host.deadline)


def test_a_guest_that_boots_and_speaks_proves_an_accelerator(connection, prove, image):
    assert prove(image) == ""
    assert connection.machines() == ()


def test_a_guest_that_does_not_end_in_time_proves_that_it_hangs(connection, prove, image):
    assert prove(image, seconds=0.2).startswith("hangs: ")
    assert connection.machines() == ()


def test_a_guest_that_ends_without_a_word_proves_nothing(connection, prove, image):
    silent = replace(image, kernel_parameters=f"{image.kernel_parameters} rdinit=/bin/poweroff")
    assert prove(silent).startswith("does not work: ")
    assert connection.machines() == ()


def test_a_guest_whose_qemu_dies_proves_that_it_aborts(host, connection, prove, image, monkeypatch):
    wait = proof._await

    def die(connection, seconds):
        host.kill(host.qemu_pid(NAME))
        return wait(connection, seconds)

    monkeypatch.setattr(proof, "_await", die)
    assert prove(image).startswith("aborts: ")
    assert connection.machines() == ()


def test_a_guest_that_cannot_be_started_proves_nothing(connection, prove, image):
    broken = replace(image, kernel=image.disks[0].file)
    with pytest.raises(JobFault, match="kernel"):
        prove(broken)
    assert connection.machines() == ()


@pytest.mark.parametrize("meddle", [lambda host: host.destroy(NAME), lambda host: host.shut_down(NAME, Stop.FORCE)])
def test_a_guest_that_somebody_else_ends_proves_nothing(connection, prove, image, monkeypatch, meddle):
    wait = proof._await

    def interfere(connection, seconds):
        meddle(connection)
        return wait(connection, seconds)

    monkeypatch.setattr(proof, "_await", interfere)
    with pytest.raises(HostFault, match="was not seen"):
        prove(image)
    assert connection.machines() == ()


def test_what_a_killed_prober_left_is_removed(host, connection, prove, image):
    """A prober in a process of its own is killed while its guest boots; the next one proves, and leaves nothing."""
    script = """
import os, sys
from pathlib import Path
from vmf.model import Power
from vmf.spec import load_image
from vmf_kvm import proof
from vmf_kvm.connection import Connection

def die(connection, seconds):
    assert connection.state(proof.NAME).power is Power.RUNNING
    os.kill(os.getpid(), 9)

proof._await = die
image = load_image(sys.argv[2], beside=Path(sys.argv[2]), images=Path(sys.argv[2]))
home = Path(sys.argv[1])
proof.prove(Connection(home), image, folder=home, accelerator="tcg")
"""
    words = [sys.executable, "-c", script, str(host.home), str(image.kernel.path.parent)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert connection.machines() == (NAME,)
    assert prove(image) == ""
    assert connection.machines() == ()
    assert not (connection.daemon.folder / NAME).exists()


def test_a_guest_elsewhere_proves_an_accelerator_there(remote_host, image, tmp_path):
    there = opened(remote_host(Transport.TCP), tmp_path)
    assert proof.prove(there, image, folder=tmp_path, accelerator="tcg", seconds=200.0) == ""
    assert there.machines() == ()
    there.close()
