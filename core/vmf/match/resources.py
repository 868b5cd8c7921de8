"""What machines take of a host, by the names that ads give it."""

from __future__ import annotations

from typing import Final

from vmf.match.placing import Exclusive, Resource

RESOURCES: Final = (
    Resource(name="memory", want="JobVMMemory", room="VM_Memory"),
    Resource(name="cpus", want="RequestCpus", room="VM_Cpus"),
    Resource(name="slot", want=1, room="VM_AvailNum"),
    Exclusive(name="MAC address", want="JobVM_MACADDR", taken="VM_All_Guest_Macs"),
)
COST: Final = "memory"
"""Of hosts that a job ranks alike, the one with the most of this left asks the least: see `vmf.match.bidding`."""
