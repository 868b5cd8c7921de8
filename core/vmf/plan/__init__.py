"""What would be done, as data, each line with its reason. Pure: nothing is touched.

`plan` gives each job a place and takes its share of the host; `vmf.blueprint` says what machine a placement becomes;
`explain` tells both to a reader.
"""

from vmf.blueprint import (
    CDROM,
    FILES,
    INITRD,
    KERNEL,
    NO_TOKEN,
    RESULTS,
    SEED,
    blueprint,
    booted,
    brought,
    disk_name,
    merged,
    spare_drive,
    template,
)
from vmf.plan.explain import Line, explain
from vmf.plan.placing import Ask, Unplaced, auctioned, place, placed, plan
from vmf.plan.waking import obstacle, unable, upon, waking

__all__ = [
    "CDROM",
    "FILES",
    "INITRD",
    "KERNEL",
    "NO_TOKEN",
    "RESULTS",
    "SEED",
    "Ask",
    "Line",
    "Unplaced",
    "auctioned",
    "blueprint",
    "booted",
    "brought",
    "disk_name",
    "explain",
    "merged",
    "obstacle",
    "place",
    "placed",
    "plan",
    "spare_drive",
    "template",
    "unable",
    "upon",
    "waking",
]
