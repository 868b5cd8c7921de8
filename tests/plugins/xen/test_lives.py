"""Jobs on a real Xen: how their machines may be virtualised and started, and what their disks are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from guests import boot_sector
from vmf.files import programs

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

HELLO = Path(__file__).parents[3] / "specs/hello-xen.yaml"
WORDS = "quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests noreplace-smp"
MENU = f"""\
default 0
timeout 0
title tiny
root (hd0)
kernel /boot/vmlinuz {WORDS} told-by-the-image
initrd /boot/initrd
"""
"""What Xen's boot loader reads in an image."""
LAYS = """\
set -e
mkdir -p /tmp/image/boot/grub
cp /var/lib/images/vmlinuz /var/lib/images/initrd /tmp/image/boot
cat >/tmp/image/boot/grub/menu.lst
mke2fs -q -F -t ext2 -d /tmp/image /var/lib/images/included.raw 32M
cp /var/lib/images/included.raw /var/lib/images/copied.raw
rm -r /tmp/image
"""
"""Makes an image in a dom0, of what is there; whoever makes it on this computer has it brought there."""


@pytest.fixture
def over_ssh(shell, dom0, tmp_path):
    """The host is reached by ssh, which knows the dom0, and nothing of the user's own."""
    known = tmp_path / "known_hosts"
    known.write_text(f"{dom0.host_key}\n")
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    own = f"-F none -o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null -o IdentityAgent=none"
    program.write_text(f'#!/bin/sh\nexec {programs.need("ssh")} {own} "$@"\n')
    program.chmod(0o755)
    shell.environment["PATH"] = f"{program.parent}{os.pathsep}{shell.environment['PATH']}"
    connection = {
        "transport": "ssh",
        "address": "127.0.0.1",
        "port": dom0.ssh_port,
        "user": "root",
        "key": str(dom0.key),
    }
    shell.reach(dom0, connection=connection)


@pytest.mark.usefixtures("over_ssh")
def test_the_hello_job_brings_its_greeting_by_ssh(shell):
    done = shell.vmf("run", "--console", str(HELLO))
    assert done.returncode == 0, done.stdout + done.stderr
    greeting = (shell.folder / "hello-xen.results/greeting.txt").read_text()
    assert re.fullmatch(r"Hello, world, from Linux [0-9]\S* with 1 cpu\n", greeting)
    assert greeting.strip() in done.stdout
    assert greeting.strip() in (shell.folder / "hello-xen.results/console.log").read_text()
    told = shell.result("hello-xen")
    assert {key: told[key] for key in ("job", "outcome", "exit_code", "source", "host", "files", "refused")} == {
        "job": "hello-xen", "outcome": "completed", "exit_code": 0, "source": "guest",
        "host": "dom0", "files": ["greeting.txt"], "refused": [],
    }  # fmt: skip
    assert {"vmf", "xen", "libvirt"} <= set(told["versions"])
    assert shell.left() == []


def test_machines_of_every_mode_start_as_they_are_told_to(shell, dom0, dom0_image):
    """By a kernel of the host's, by one in an image that Xen's boot loader finds, and by BIOS; all at once."""
    kernel, initrd = ({"on_host": str(file.path)} for file in (dom0_image.kernel, dom0_image.initrd))
    shell.reach(dom0, boot={"kernel": kernel, "initrd": initrd})
    dom0.run(LAYS, given=MENU.encode())
    included, copied = ({"on_host": f"/var/lib/images/{name}.raw"} for name in ("included", "copied"))
    tells = "{ cat /sys/hypervisor/guest_type /proc/cmdline; } >out.txt"
    sector = shell.folder / "sector.raw"
    sector.write_bytes(boot_sector.disk())
    shell.write(
        tells,
        "pvh",
        image=None,
        xen={"mode": "pvh"},
        disks=[{"file": "sector.raw"}],
        boot={"parameters": WORDS},
        reboot="continue",  # the emulated processor trips, now and then
    )
    shell.write(tells, "pv", image=None, boot={"kernel": "included"}, disks=[{"file": included}])
    in_place = [{"file": copied, "access": "in-place"}]
    shell.write(tells, "in-place", image=None, boot={"kernel": "included"}, disks=in_place)
    shell.write(
        None,
        "hvm",
        image="sector.raw",
        memory="64MiB",
        xen={"mode": "hvm"},
        boot={"kernel": "included"},
        reboot="continue",
        results={"disks": "whole"},
    )
    done = shell.vmf("run", "pvh.yaml", "pv.yaml", "in-place.yaml", "hvm.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    guest, line = (shell.folder / "pvh.results/out.txt").read_text().splitlines()
    assert (guest, line) == ("PVH", f"{WORDS} console=hvc0")
    for name in ("pv", "in-place"):
        guest, line = (shell.folder / f"{name}.results/out.txt").read_text().splitlines()
        assert (guest, "told-by-the-image" in line) == ("PV", True)
    assert boot_sector.SAYS.decode().strip() in (shell.folder / "hvm.results/console.log").read_text()
    assert written(shell.folder / "hvm.results/disk0.qcow2") == boot_sector.sector()
    assert sector.read_bytes() == boot_sector.disk()
    assert shell.left() == []


def written(disk):
    """What the guest of one sector has written to its disk."""
    raw = disk.with_name("whole.raw")
    subprocess.run((shutil.which("qemu-img"), "convert", "-O", "raw", disk, raw), check=True)
    with raw.open("rb") as file:
        file.seek(boot_sector.SECTOR)
        return file.read(boot_sector.SECTOR)


READS = r"""
for disk in xvda xvdb xvdd; do head -n 1 /dev/$disk; done >out.txt
echo $(cat /sys/block/xvdb/ro) >>out.txt
for disk in xvda xvdd; do echo changed >/dev/$disk; done
mkdir -p disc && mount -o ro /dev/xvdf disc && cat disc/word >>out.txt
sync
echo read
read -r go </dev/console
"""


def test_disks_are_shared_locked_and_overlaid(shell, dom0):
    """Two machines read one disk at the same time; one writes where a disk lies, and no other may meanwhile."""
    for name in ("shared", "own"):
        dom0.run(f"cd /var/lib/images; echo {name} >{name}.raw; truncate -s 1M {name}.raw")
    (shell.folder / "here.raw").write_bytes(b"here\n".ljust(2**20, b"\0"))
    convert = ("qemu-img", "convert", "-O", "qcow2", shell.folder / "here.raw", shell.folder / "here.qcow2")
    subprocess.run(convert, check=True)
    (shell.folder / "word").write_text("disc\n")
    before = (shell.folder / "here.qcow2").read_bytes()
    shared = {"file": {"on_host": "/var/lib/images/shared.raw"}, "access": "read", "device": "xvdb"}
    own = {"file": {"on_host": "/var/lib/images/own.raw"}, "access": "in-place", "device": "xvdd"}
    cdrom = {"files": ["word"], "device": "xvdf"}
    shell.write(READS, "one", disks=[{"file": "here.qcow2"}, shared, own], cdrom=cdrom)
    shell.write(
        "head -n 1 /dev/xvdb >out.txt; echo read; read -r go </dev/console",
        "two",
        disks=[{"file": "here.qcow2"}, shared],
    )
    shell.write("exit 0", "second", disks=[own])
    with shell.start("run", "one.yaml", "two.yaml") as engine:
        for name in ("one", "two"):
            shell.says(name, "read")
        second = shell.vmf("run", "second.yaml")
        for name in ("one", "two"):
            shell.tell(name, "go")
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 0, out + err
    assert (shell.folder / "one.results/out.txt").read_text() == "here\nshared\nown\n1\ndisc\n"
    assert (shell.folder / "two.results/out.txt").read_text() == "shared\n"
    assert second.returncode == 76
    assert "/var/lib/images/own.raw" in second.stdout
    assert "another" in second.stdout
    assert dom0.run("head -n 1 /var/lib/images/own.raw; head -n 1 /var/lib/images/shared.raw") == "changed\nshared\n"
    assert (shell.folder / "here.qcow2").read_bytes() == before
    shell.vmf("rm", "second")
    assert shell.left() == []
