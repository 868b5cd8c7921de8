"""The real Xen that other tests start: it answers, and is gone when its plug is pulled."""

from __future__ import annotations

import os
import shutil
import time

import libvirt
import pytest

from xenbed import running
from xenbed.image import Image

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture
def link(dom0):
    link = libvirt.open(uri(dom0))
    yield link
    link.close()


def uri(dom0):
    return f"xen+tcp://127.0.0.1:{dom0.port}/system"


def test_its_libvirt_answers(link):
    assert (link.getType(), link.getHostname()) == ("Xen", "dom0")


def test_it_has_the_time_of_this_computer(dom0):
    assert float(dom0.run("date +%s")) == pytest.approx(time.time(), abs=60)


def test_its_libvirt_can_be_killed(dom0):
    before = dom0.run("pidof libvirtd")
    dom0.restart_libvirtd()
    assert dom0.run("pidof libvirtd") not in {before, ""}
    libvirt.open(uri(dom0)).close()


def test_it_boots_where_it_does_not_wake(xenbed, tmp_path, capsys):
    without = tmp_path / "without a snapshot"
    shutil.copytree(xenbed.folder, without, copy_function=os.symlink)
    (without / xenbed.ready.name).unlink()
    (without / xenbed.ready.name).symlink_to(xenbed.disk)
    with running(Image(folder=without), tmp_path) as dom0:
        assert "Running hypervisor: Xen" in dom0.run("virsh version")
    assert "booted instead: QEMU has ended" in capsys.readouterr().out


def test_nothing_answers_once_its_plug_is_pulled(dom0):
    dom0.kill()
    with pytest.raises(libvirt.libvirtError, match="refused"):
        libvirt.open(uri(dom0))
