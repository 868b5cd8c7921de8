"""The wide guest: like the tiny one, with drivers for every device that a machine can have, and programs.

Its DHCP client runs on each card, `dropbear` lets those in whose keys are in `/root/.ssh/authorized_keys`, and
`qemu-ga` answers where its port is. Beside the bundle's own files there is `boot.raw`, a disk that boots it by itself,
by BIOS and by UEFI: without those programs, for firmware reads slowly.
"""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

from guests.boot_disk import PACKAGES, boot_disk
from vmf.errors import SetupError
from vmf.warehouse import bundle, cpio
from vmf.warehouse.bundle import Recipe
from vmf.warehouse.initrd import initrd, text
from vmf.warehouse.tiny import PARAMETERS

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "build/wide"

MODULES = (
    "virtio_pci", "virtio_blk", "virtio_scsi", "ahci", "ata_piix", "sd_mod", "sr_mod", "isofs",
    "vfat", "nls_cp437", "nls_ascii", "virtio_net", "e1000", "e1000e", "8139cp",
    "9p", "9pnet_virtio", "virtiofs", "virtio_console", "virtio_balloon", "evdev", "button", "pvpanic_mmio",
    "vmw_pvscsi", "vmxnet3",
    "xen_blkfront", "xen_netfront",
)  # fmt: skip
PROGRAMS = {"qemu-ga": "qemu-guest-agent", "dropbear": "dropbear-bin"}
"""Programs, and the packages that have them."""

LOADER = "ld-linux-x86-64.so.2"
LIBRARIES = "lib/x86_64-linux-gnu"
"""Where that loader looks without being told."""

SOURCES = ("boot_disk.py", "udhcpc.sh", "wide.py", "wide.sh")
XZ = b"\xfd7zXZ\0"
PASSWD = b"root::0:0:root:/root:/bin/sh\n"
SCRATCH = b"vmf wide scratch disk\n".ljust(2**20, b"\0")


def more(packages):
    """What is in the initial RAM disk beside kernel and busybox."""
    folders = ("lib", LIBRARIES, "lib64", "etc/dropbear", "root/.ssh")
    yield from (cpio.folder(name) for name in folders)
    yield cpio.file("etc/passwd", PASSWD)
    yield cpio.file("etc/udhcpc.sh", (HERE / "udhcpc.sh").read_bytes(), mode=0o755)
    yield cpio.file("guest.sh", (HERE / "wide.sh").read_bytes() + text("guest.sh"))
    yield cpio.file(f"lib64/{LOADER}", packages.find(f"**/{LOADER}").read_bytes(), mode=0o755)
    libraries = {}
    for name in PROGRAMS:
        program = packages.find(f"usr/sbin/{name}")
        yield cpio.file(f"bin/{name}", program.read_bytes(), mode=0o755)
        libraries |= {path.name: path for path in linked(program, packages)}
    yield from (cpio.file(f"{LIBRARIES}/{name}", path.read_bytes(), mode=0o755) for name, path in libraries.items())


def beside(packages, files):
    """The bundle's files: with a disk that boots by itself, and a kernel that boots two seconds sooner under emulation.

    UEFI boots the kernel of the disk only: the other one has lost its stub with its compression.
    """
    kernel = files["vmlinuz"]
    disk = boot_disk(packages, kernel=kernel, initrd=initrd(packages, MODULES), parameters=PARAMETERS)
    return {**files, "vmlinuz": uncompressed(kernel), "bzImage": kernel, "boot.raw": disk}


def uncompressed(kernel):
    """The ELF file in a kernel that is compressed with xz; another kernel as it is."""
    start = kernel.find(XZ)
    return kernel if start < 0 else lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(kernel[start:])


def linked(program, packages):
    """The libraries that a program needs, as the packages' own loader finds them."""
    path = ":".join(str(each) for each in sorted(packages.root.glob(f"**/{LIBRARIES}")))
    command = (packages.find(f"**/{LOADER}"), "--inhibit-cache", "--library-path", path, "--list", program)
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = [Path(line.split()[2]) for line in listed.splitlines() if "=>" in line]
    if strange := [each for each in found if not each.is_relative_to(packages.root)]:
        raise SetupError(f"{program.name} needs {strange[0].name}, which its packages do not have")
    return [each for each in found if each.name != LOADER]


RECIPE = Recipe(
    name="wide",
    kernels=("linux-image-generic", "linux-image-amd64"),
    modules=MODULES,
    parameters=PARAMETERS,
    scratch=SCRATCH,
    packages=(*PROGRAMS.values(), *PACKAGES),
    more=more,
    beside=beside,
    source=b"\0".join((HERE / name).read_bytes() for name in SOURCES),
)


def build(folder=BUILT):
    """The folder of the bundle, built once for this checkout."""
    bundle.build(RECIPE, folder, report=print)
    return folder


if __name__ == "__main__":
    build()
