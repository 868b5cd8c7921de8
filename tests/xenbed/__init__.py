"""A real Xen for tests: its dom0, with libvirt, in a QEMU that emulates a whole computer; nothing of it is installed.

`build` makes it, once for this checkout, and `running` starts one in seconds, from a snapshot of a booted one.
"""

from __future__ import annotations

from xenbed.built import build
from xenbed.dom0 import Dom0, running

__all__ = ["Dom0", "build", "running"]
