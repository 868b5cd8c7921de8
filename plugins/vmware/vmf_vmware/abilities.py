"""What this hypervisor can, of what not all can; the contract suite tries each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABILITIES: Mapping[str, str] = MappingProxyType({
    "cdroms": "a machine may have CD-ROMs beside the one with its script",
    "checkpoint": "memory and disks of a guest can be kept, so that it goes on from there",
    "default-kernel": "a host may have a kernel for jobs that name none",
    "disk-ide": "disks and CD-ROMs may be IDE ones, four in all",
    "disk-in-place": "a disk may be written where it is",
    "disk-sata": "disks and CD-ROMs may be SATA ones",
    "disk-scsi": "disks may be SCSI ones, on a paravirtual controller",
    "disk-vmdk": "a disk may be a vmdk",
    "firmware-bios": "machines start by BIOS",
    "firmware-uefi": "machines start by UEFI from their disks",
    "hard-suspend": "the memory of a guest may be put into a file, which frees what it took of the host",
    "kernel-included": "machines start from their first disk",
    "network-bridge": "machines may be on the network that the host's spec names for type bridge",
    "network-nat": "machines may be on the network that the host's spec names for type nat",
    "nic-e1000": "the network card may be an e1000",
    "nic-e1000e": "the network card may be an e1000e",
    "periodic-checkpoint": "a guest can be kept again and again",
    "static-mac": "a job may name the MAC address of its card",
    "tells-reboot": "a guest that reboots is told from one that powers off",
    "transport-api": "the host is reached by its own API",
    "whole-disks": "disks come back with all that is in them",
})  # fmt: skip
"""Ability to sentence."""
