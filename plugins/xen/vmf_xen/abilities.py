"""What this hypervisor can, of what not all can; the contract suite tries each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABILITIES: Mapping[str, str] = MappingProxyType({
    "bridge-script": "a script of the host's may join machines to its bridge",
    "cdroms": "a machine may have CD-ROMs beside the one with its script",
    "checkpoint": "memory and disks of a guest can be kept, so that it goes on from there",
    "console-writable": "one can type on the console of a guest",
    "default-kernel": "a host may have a kernel for jobs that name none",
    "device": "a job may say what its drives are called",
    "disk-ide": "disks and CD-ROMs of a machine of mode hvm may be IDE ones",
    "disk-in-place": "a disk may be written where it is",
    "disk-read": "a raw disk on Xen's own bus may be one that is only read, by many machines at once",
    "disk-xen": "disks may be Xen's own ones",
    "hard-suspend": "the memory of a guest may be put into a file, which frees what it took of the host",
    "kernel-included": "machines start from their first disk: with the host's boot loader, or by BIOS",
    "mode-hvm": "machines may be whole computers, where the processor helps",
    "mode-pvh": "guests whose kernels know Xen may use what the processor has for virtual machines",
    "network-bridge": "machines may be on a bridge of the host, if it lets them meet, or has a script for it",
    "network-nat": "machines may be on a nat network of vmf's, if the host lets them meet",
    "nic-e1000": "the network card of a machine of mode hvm may be an e1000",
    "nic-rtl8139": "the network card of a machine of mode hvm may be an rtl8139",
    "periodic-checkpoint": "a guest can be kept again and again",
    "soft-suspend": "a guest may stand still, with its memory where it is",
    "static-mac": "a job may name the MAC address of its card",
    "tells-panic": "a guest whose kernel panics is told from one that is destroyed, while it is watched",
    "tells-reboot": "a guest that reboots is told from one that powers off, while it is watched",
    "transport-ssh": "the host may be reached by ssh",
    "transport-tcp": "the host may be reached by plain TCP",
    "transport-tls": "the host may be reached by TLS",
    "whole-disks": "disks come back with all that is in them",
})  # fmt: skip
"""Ability to sentence."""
