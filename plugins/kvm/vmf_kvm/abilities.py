"""What this hypervisor can, of what not all can; the contract suite tries each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABILITIES: Mapping[str, str] = MappingProxyType({
    "cdroms": "a machine may have CD-ROMs beside the one with its script",
    "checkpoint": "memory and disks of a guest can be kept, so that it goes on from there",
    "clock-local": "the hardware clock may show the host's local time",
    "console-writable": "one can type on the console of a guest",
    "device": "a job may say what its drives are called",
    "disk-growth": "what the overlays of disks take may be limited",
    "disk-ide": "disks and CD-ROMs may be IDE ones: the machine is of type pc then",
    "disk-in-place": "a disk may be written where it is",
    "disk-rate": "the host may limit bytes and operations of all disks of a machine together",
    "disk-read": "a disk on virtio or SCSI may be one that is only read, by many machines at once",
    "disk-sata": "disks and CD-ROMs may be SATA ones",
    "disk-scsi": "disks and CD-ROMs may be SCSI ones",
    "disk-virtio": "disks may be virtio ones",
    "disk-vmdk": "a disk may be a vmdk",
    "firmware-bios": "machines start by BIOS",
    "firmware-uefi": "machines start by UEFI, where the host has the package ovmf",
    "guest-agent": "a guest may run the QEMU guest agent",
    "guest-clock": "a guest's clock can be put right, by its agent",
    "guest-files": "files can be copied into a running guest, and out of it, by its agent",
    "hard-suspend": "the memory of a guest may be put into a file, which frees what it took of the host",
    "kernel-included": "machines start from their first disk",
    "live-checkpoint": "a guest runs on while what is kept of it is written",
    "live-results": "what a running guest writes on its results volume can be read at once",
    "media-change": "discs can be changed while the guest runs",
    "network-bridge": "machines may be on a bridge of the computer, with its own libvirt",
    "network-nat": "machines may be on a nat network of vmf's, with the computer's own libvirt",
    "network-user": "machines may have a network that reaches nobody, and ports that are forwarded to them",
    "nic-e1000": "the network card may be an e1000",
    "nic-e1000e": "the network card may be an e1000e",
    "nic-rtl8139": "the network card may be an rtl8139",
    "nic-virtio": "the network card may be a virtio one",
    "periodic-checkpoint": "a guest can be kept again and again",
    "port-forwards": "ports of this computer's loopback are forwarded to machines of network type user",
    "shares": "folders of the host are shared by 9p",
    "soft-suspend": "a guest may stand still, with its memory where it is",
    "static-mac": "a job may name the MAC address of its card",
    "tells-halt": "a guest that has stopped all its processors is told from one that has nothing to do",
    "tells-panic": "a guest whose kernel panics is told from one that dies with its QEMU, while it is watched",
    "tells-reboot": "a guest that reboots is told from one that powers off, while it is watched",
    "transport-ssh": "the host may be another computer, reached by ssh",
    "transport-tcp": "the host may be another computer, reached by plain TCP",
    "transport-tls": "the host may be another computer, reached by TLS",
    "vnc": "a machine may have a screen, reached by a socket",
    "whole-disks": "disks come back with all that is in them",
})  # fmt: skip
"""Ability to sentence."""
