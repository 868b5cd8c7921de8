"""QEMU's programs for disks, as tests call them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def qemu_img(*words: object) -> str:
    """What it says."""
    return subprocess.run(("qemu-img", *map(str, words)), check=True, capture_output=True, text=True).stdout


def qemu_io(path: Path, *orders: str) -> None:
    """Write to a qcow2 image as its guest would."""
    words = [word for order in orders for word in ("-c", order)]
    subprocess.run(("qemu-io", "-f", "qcow2", *words, path), check=True, stdout=subprocess.DEVNULL)
