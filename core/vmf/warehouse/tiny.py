"""The tiny guest: a bundle that boots in a second or two, keeps the guest contract and powers off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vmf.model import Image
from vmf.warehouse import bundle
from vmf.warehouse.bundle import Recipe
from vmf.warehouse.initrd import text

KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-generic", "linux-image-amd64")
"""The smallest first."""

MODULES = (
    "virtio_pci", "virtio_blk", "virtio_scsi", "ahci", "ata_piix", "sd_mod", "sr_mod", "isofs", "evdev", "button",
    "pvpanic_mmio", "vmw_pvscsi", "xen_blkfront", "xen_netfront",
)  # fmt: skip
"""What the guest contract takes on any hypervisor: disks, the CD-ROM, the power button; and a word when it panics."""

PARAMETERS = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests noreplace-smp"
SCRATCH = b"vmf tiny scratch disk\n".ljust(2**20, b"\0")

RECIPE = Recipe(
    name="tiny",
    kernels=KERNELS,
    modules=MODULES,
    parameters=PARAMETERS,
    scratch=SCRATCH,
    source=text("tiny.py"),
)


def build(folder: Path, *, report: Callable[[str], None]) -> Image:
    """Build the tiny guest into `folder`; see `bundle.build`."""
    return bundle.build(RECIPE, folder, report=report)
