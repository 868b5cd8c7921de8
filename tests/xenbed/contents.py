"""What dom0 consists of: packages of the distribution, modules of its kernel, and files of our own."""

from __future__ import annotations

import re
from pathlib import Path

from vmf.warehouse import cpio, kernel

HERE = Path(__file__).parent

KERNEL = "linux-image-amd64"
"""The cloud kernel, which the tiny guest boots, cannot be a dom0."""
XEN = "xen-system-amd64"
UNPACKED = re.compile(r"(?:linux-(?:image|modules)|xen-(?:hypervisor|utils))-\d\S*")
"""What those two lead to and dom0 is booted with; only the hypervisor's own tools are installed in it as well."""
PACKAGES = (
    "bridge-utils", "busybox-static", "dmidecode", "dnsmasq-base", "iproute2", "iptables", "kmod", "libvirt-clients",
    "libvirt-daemon", "libvirt-daemon-driver-xen", "netcat-openbsd", "openssh-server", "qemu-system-xen", "qemu-utils",
    "xenstore-utils",
)  # fmt: skip
"""What is installed in dom0 beside those tools."""

BOOT_MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
DRIVERS = (
    "e1000", "virtio_rng", "xenfs", "xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xen_blkback",
    "xen_blkfront", "xen_netback", "tun", "loop", "bridge",
)  # fmt: skip
"""What is loaded when dom0 boots."""
FILTERS = (
    "nf_tables", "nft_compat", "nft_chain_nat", "nft_ct", "nf_nat", "xt_nat", "xt_MASQUERADE", "xt_CHECKSUM",
    "xt_conntrack", "xt_tcpudp", "xt_physdev", "ipt_REJECT", "ip6t_REJECT", "br_netfilter",
)  # fmt: skip
"""What the kernel itself loads for libvirt's networks."""

BOOT_FOLDERS = ("bin", "dev", "proc", "sys", "root", "modules")
CONFIGURATION = {
    "etc/dom0.sh": 0o755,
    "etc/inittab": 0o644,
    "etc/libvirt/libvirtd.conf": 0o644,
    "etc/ssh/sshd_config": 0o644,
    "etc/xen/scripts/vif-vmf": 0o755,
}
"""Files of the folder `files` by their place, with their mode."""


def initrd(packages):
    """What finds dom0's disk and goes on there, as an archive of its initial RAM disk."""
    modules = kernel.ordered(packages.root, BOOT_MODULES)
    return cpio.archive([
        *(cpio.folder(name) for name in BOOT_FOLDERS),
        cpio.file("init", (HERE / "files/init").read_bytes(), mode=0o755),
        cpio.file("bin/busybox", packages.find("**/bin/busybox").read_bytes(), mode=0o755),
        *(cpio.file(f"modules/{number:02}.ko", module) for number, module in enumerate(modules.values())),
    ])  # fmt: skip


def files(packages, *, host_key, user):
    """What dom0 has beside its packages; its modules lie all in one folder, and their index is to be made there.

    Args:
        packages: the unpacked kernel.
        host_key: by which dom0 proves who it is: the private key.
        user: who may log in as root: the public key.
    """
    modules = f"usr/lib/modules/{version(packages)}"
    for name, mode in CONFIGURATION.items():
        yield cpio.file(name, (HERE / "files" / Path(name).name).read_bytes(), mode=mode)
    yield cpio.file("etc/hosts", b"127.0.0.1 localhost dom0\n")
    yield cpio.file("etc/drivers", "\n".join(DRIVERS).encode())
    yield cpio.file("etc/ssh/host_key", host_key, mode=0o600)
    yield cpio.file("root/.ssh/authorized_keys", user.encode(), mode=0o600)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        yield cpio.file(f"{modules}/{name}", packages.find(f"**/{name}").read_bytes())
    for name, module in kernel.ordered(packages.root, DRIVERS + FILTERS).items():
        yield cpio.file(f"{modules}/kernel/{name}.ko", module)


def version(packages):
    """The kernel's, as its modules' folder is called."""
    return packages.find("**/modules.builtin").parent.name
