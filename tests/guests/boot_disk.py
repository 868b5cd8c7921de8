"""A whole disk that boots a kernel by itself, by BIOS and by UEFI: made without root and without mounting anything."""

from __future__ import annotations

import os
import struct
import subprocess

PACKAGES = ("mtools", "syslinux", "syslinux-common", "systemd-boot-efi")
"""What the disk is made with and of: nothing of it is installed."""

SECTOR = 512
START = 2**20
"""Where the one partition begins, in bytes."""
ROOM = 8 * 2**20
"""What the partition has beside kernel and initial RAM disk, in bytes."""
FAT32 = 0x0C

SYSLINUX = """\
default vmf
label vmf
kernel vmlinuz
initrd initrd.img
append {parameters}
"""
ENTRY = """\
title vmf
linux /vmlinuz
initrd /initrd.img
options {parameters}
"""


def boot_disk(packages, *, kernel, initrd, parameters):
    """The disk's bytes.

    Args:
        packages: where `PACKAGES` are unpacked.
        kernel: a bzImage.
        initrd: its initial RAM disk.
        parameters: the kernel's command line.
    """
    loader = packages.find("usr/lib/systemd/boot/efi/systemd-bootx64.efi").read_bytes()
    files = {
        "vmlinuz": kernel,
        "initrd.img": initrd,
        "syslinux.cfg": SYSLINUX.format(parameters=parameters).encode(),
        "EFI/BOOT/BOOTX64.EFI": loader,
        "loader/loader.conf": b"timeout 0\n",
        "loader/entries/vmf.conf": ENTRY.format(parameters=parameters).encode(),
    }
    size = -(-(len(kernel) + len(initrd) + ROOM) // START) * START
    disk = packages.root / "boot.raw"
    with disk.open("wb") as file:
        file.write(master_boot_record(packages.find("usr/lib/syslinux/mbr/mbr.bin").read_bytes(), size))
        file.truncate(START + size)
    formatted(packages, disk, files, size)
    return disk.read_bytes()


def master_boot_record(code, size):
    """A disk's first sector: a boot loader's code, and one active partition of `size` bytes."""
    anywhere = b"\xfe\xff\xff"  # whoever boots this counts sectors, and not cylinders
    partition = struct.pack("<B3sB3sII", 0x80, anywhere, FAT32, anywhere, START // SECTOR, size // SECTOR)
    return code.ljust(446, b"\0") + partition + bytes(48) + b"\x55\xaa"


def formatted(packages, disk, files, size):
    """Make the partition's file system, copy the files into it, and give it its boot sector."""

    def run(*command, given=b""):
        subprocess.run(command, env=env, input=given, check=True, stdout=subprocess.DEVNULL)

    env = {**os.environ, "PATH": f"{packages.root / 'usr/bin'}:{os.environ['PATH']}", "MTOOLS_SKIP_CHECK": "1"}
    partition = ("-i", f"{disk}@@{START}")
    run("mformat", *partition, "-T", str(size // SECTOR), "-h", "64", "-s", "32", "-H", str(START // SECTOR), "::")
    run("mmd", *partition, "::EFI", "::EFI/BOOT", "::loader", "::loader/entries")
    for name, content in files.items():
        run("mcopy", *partition, "-", f"::{name}", given=content)
    run("syslinux", "--offset", str(START), "--install", disk)
