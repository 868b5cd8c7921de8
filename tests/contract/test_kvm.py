from __future__ import annotations

import os
import select
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from vmf.model import Host
from vmf.spec.image import load_image
from vmf.testing.contract import Guests, HypervisorContract

SECONDS = 60


@pytest.mark.real
class TestKvm(HypervisorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def place(cls):
        """A folder with a short path, for the daemon's sockets, which the daemon's user may pass through."""
        place = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))
        place.chmod(0o711)
        yield place
        for pid in place.glob("host/run/libvirt/*.pid"):
            end(int(pid.read_text()))
        shutil.rmtree(place)

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, place):
        return place / "host"

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="here", type="kvm")

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, tiny, place):
        shutil.copytree(tiny, place / "tiny")
        return load_image(str(place / "tiny"), beside=place, images=place)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return Guests(
            ends="echo vmf-ready; yes 'a long line for a long console' | head -n 2500; echo made >made; exit 7",
            hangs="echo vmf-ready; sleep 3600",
            ignores="killall head; echo vmf-ready; sleep 3600",  # head waits for the power button
            seconds=SECONDS,
        )


def end(daemon):
    """End the libvirt daemon, whose launcher follows it; without this they would stay until they have been idle."""
    process = os.pidfd_open(daemon)
    try:
        os.kill(daemon, signal.SIGTERM)
        assert select.select([process], [], [], SECONDS)[0]
    finally:
        os.close(process)
