"""The files that dom0 is started from."""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

from msgspec import Struct

from guests.wide import uncompressed
from vmf.errors import SetupError
from vmf.files import programs, sshkey
from vmf.warehouse.bundle import ALONE
from vmf.warehouse.packages import Unpacked
from xenbed import contents

DISK_SIZE = "12G"
"""Of dom0's disk, most of it a hole."""
APT = Path("/etc/apt")
SOURCES = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
"""Where this system's apt is told where packages are."""
NEEDS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", **programs.PACKAGES}

BY_OTHERS = "root can make it; other users need namespaces and a range of users in /etc/subuid"
INSTALL_SECONDS = 900

LEFT_OUT = ("man", "doc", "locale", "info")
HOOKS = (
    "tar-in files.tar /",
    # Emulated processors have no VME, and Xen hides SEP of AMD's: no model that libvirt knows fits, and its driver
    # for Xen does not start. Without SEP this one does.
    """sed -i "/name='sep'/d" "$1"/usr/share/libvirt/cpu_map/x86_qemu64.xml""",
    # libvirt looks for these where Xen's makers put them, and Debian does not.
    'mkdir -p "$1/usr/lib/xen/bin" "$1/usr/lib/xen/boot"',
    'ln -s /usr/libexec/xen-qemu-system-i386 "$1/usr/lib/xen/bin/qemu-system-i386"',
    'ln -s "$(cd "$1" && echo /usr/lib/xen-[0-9]*/boot/hvmloader)" "$1/usr/lib/xen/boot/hvmloader"',
    # It would ask each QEMU what that can do whenever libvirt starts.
    'rm "$1"/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so',
    'chroot "$1" depmod "$(ls "$1/usr/lib/modules")"',
    'rm -r "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*',
    # What is mounted below the root does not show in a second view of it. No journal: nobody needs a disk whose power
    # failed.
    'mount --bind "$1" "$1/mnt" && mount -t tmpfs tmpfs "$1/tmp"',
    f'mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -m 0 -N 65536 -d "$1/mnt" "$1/tmp/disk.raw" {DISK_SIZE}',
    'qemu-img convert -O qcow2 "$1/tmp/disk.raw" "$1/tmp/disk.qcow2"',
    "download /tmp/disk.qcow2 disk.qcow2",
    'umount "$1/mnt" "$1/tmp"',
)
"""What is done in dom0's root folder, `$1`, once all packages are installed."""


class Image(Struct, frozen=True, kw_only=True):
    """Where those files are."""

    folder: Path

    @property
    def hypervisor(self):
        return self.folder / "xen"

    @property
    def kernel(self):
        return self.folder / "vmlinux"

    @property
    def initrd(self):
        return self.folder / "initrd.img"

    @property
    def disk(self):
        """Of dom0: qcow2, and never written to."""
        return self.folder / "disk.qcow2"

    @property
    def ready(self):
        """An overlay of that disk, with a snapshot of the booted dom0 in it."""
        return self.folder / "ready.qcow2"

    @property
    def user(self):
        """The folder of the pair of keys that lets one in as root."""
        return self.folder / "user"

    @property
    def host(self):
        """The folder of the pair of keys that dom0 shows."""
        return self.folder / "host"


def make(image):
    """Make all but the snapshot, in its folder, and what that takes in `work` below it.

    Raises:
        SetupError: if packages cannot be had, or mmdebstrap cannot make a system as this user.
    """
    work = image.folder / "work"
    packages = Unpacked(work)
    for name in (contents.KERNEL, contents.XEN):
        packages.add(name, follow=contents.UNPACKED)
    packages.add("busybox-static", follow=ALONE)
    image.kernel.write_bytes(uncompressed(packages.find("boot/vmlinuz-*").read_bytes()))
    image.hypervisor.write_bytes(gzip.decompress(packages.find("boot/xen-*.gz").read_bytes()))
    image.initrd.write_bytes(contents.initrd(packages))
    user = sshkey.make(image.user)
    sshkey.make(image.host)
    files = contents.files(packages, host_key=(image.host / sshkey.PRIVATE).read_bytes(), user=user)
    archive(work / "files.tar", files)
    tools = (name for name in packages.versions if name.startswith("xen-utils-"))
    install(work, (*contents.PACKAGES, *tools))
    (work / "disk.qcow2").rename(image.disk)


def archive(path, entries):
    """A tar of entries that belong to root."""
    with tarfile.open(path, "w") as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry.name)
            member.mode, member.size = stat.S_IMODE(entry.mode), len(entry.data)
            tar.addfile(member, io.BytesIO(entry.data))


def install(folder, packages):
    """Make `disk.qcow2` in a folder that has `files.tar`, of packages from where this system has its own."""
    command = (
        programs.need("mmdebstrap", packages=NEEDS),
        "--variant=minbase",
        "--format=null",
        f"--include={','.join(packages)}",
        "--aptopt=APT::Install-Recommends false",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT),
        *(f"--customize-hook={hook}" for hook in HOOKS),
        "",  # the sources name the release
        "-",
        *(str(path) for pattern in SOURCES for path in sorted(APT.glob(pattern))),
    )
    programs.need("mke2fs", packages=NEEDS)
    log = folder / "mmdebstrap.log"
    with log.open("wb") as said:
        done = subprocess.run(
            programs.dying_with_us(*command),
            check=False,
            timeout=INSTALL_SECONDS,
            cwd=folder,
            env={**os.environ, "PATH": programs.PATH},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(f"mmdebstrap could not make dom0:\n{last}", hint=BY_OTHERS)
