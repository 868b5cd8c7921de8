"""The nouns: frozen values that say what is wanted, what is offered, and what is.

Sizes are bytes, times are seconds, paths are absolute. A field's sentence is its documentation everywhere, and a field
says itself which ability of a host it needs: `extra={"needs": ...}` is the ability that any value but the default
needs, with `{}` for the value, or a mapping of those values that need one; `vmf.ads.needs` reads it.
"""

from __future__ import annotations

from vmf.model.home import Home
from vmf.model.host import Claim, Connection, Facts, Host, HostBoot, Networks, Offer, Transport
from vmf.model.image import FORMATS, Access, Bus, Disk, DiskFormat, File, Image
from vmf.model.job import Job
from vmf.model.machine import Ending, Handle, Machine, MachineDisk, MachineState, Placement, Power, Stop
from vmf.model.outcome import Outcome, Verdict
from vmf.model.parts import (
    Boot,
    Cdrom,
    Checkpoint,
    CheckpointHow,
    Clock,
    CloudInit,
    Firmware,
    Forward,
    Network,
    NetworkType,
    NicModel,
    Protocol,
    ResultDisks,
    Results,
    Suspend,
)
from vmf.model.terms import (
    API_VERSION,
    ATTRIBUTE,
    GUEST_PATH,
    MEBIBYTE,
    NAME,
    TINY,
    VARIABLE,
    Attributes,
    Count,
    Duration,
    Expression,
    Name,
    Size,
)

__all__ = [
    "API_VERSION",
    "ATTRIBUTE",
    "FORMATS",
    "GUEST_PATH",
    "MEBIBYTE",
    "NAME",
    "TINY",
    "VARIABLE",
    "Access",
    "Attributes",
    "Boot",
    "Bus",
    "Cdrom",
    "Checkpoint",
    "CheckpointHow",
    "Claim",
    "Clock",
    "CloudInit",
    "Connection",
    "Count",
    "Disk",
    "DiskFormat",
    "Duration",
    "Ending",
    "Expression",
    "Facts",
    "File",
    "Firmware",
    "Forward",
    "Handle",
    "Home",
    "Host",
    "HostBoot",
    "Image",
    "Job",
    "Machine",
    "MachineDisk",
    "MachineState",
    "Name",
    "Network",
    "NetworkType",
    "Networks",
    "NicModel",
    "Offer",
    "Outcome",
    "Placement",
    "Power",
    "Protocol",
    "ResultDisks",
    "Results",
    "Size",
    "Stop",
    "Suspend",
    "Transport",
    "Verdict",
]
