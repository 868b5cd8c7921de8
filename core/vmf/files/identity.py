"""Who a guest is that wakes from another one's memory: a file of its CD, for its shell to read before the script runs.

`docs/guest.md` describes it to whoever builds a guest.
"""

from __future__ import annotations

import re
import secrets

from vmf.model import Clock, Machine

READY = b"vmf: ready"
"""What the guest of a template says on its console when it waits for nothing but its disc."""
IDENTITY = "identity"
"""The file's name."""
SEED_BYTES = 64
MACHINE_ID_BYTES = 16
HOST_MOST = 63
"""Characters that a host's name may have, before which no dot is."""
_UNFIT = re.compile("[^a-z0-9]+")
_CLOCKS = {Clock.UTC: "-u", Clock.LOCAL: "-l"}


def identity(machine: Machine, name: str) -> bytes:
    """Lines for a shell that no other machine has: names and numbers that need no quotes.

    Args:
        machine: the one that wakes.
        name: what its guest calls itself by, such as the job's.
    """
    given = {
        "vmf_host": host_name(name),
        "vmf_machine": secrets.token_hex(MACHINE_ID_BYTES),
        "vmf_seed": secrets.token_hex(SEED_BYTES),
        "vmf_clock": _CLOCKS[machine.clock],
        "vmf_mac": machine.nic.mac if machine.nic else "",
    }
    return "".join(f"{name}={value}\n" for name, value in given.items()).encode()


def host_name(name: str) -> str:
    """What a host is called that is to be called so: letters, digits and hyphens between them."""
    return _UNFIT.sub("-", name.lower()).strip("-")[:HOST_MOST].rstrip("-") or "vmf"
