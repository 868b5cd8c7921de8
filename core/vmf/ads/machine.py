"""What a job's ad has beside all else while somebody asks for its machine; matching sees none of it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from vmf.ads.tables import Attribute


class Being(Struct, frozen=True, kw_only=True):
    """A job's machine as it is now, or was last."""

    job: int
    """The job's number."""
    state: str
    """The job's."""
    host: str = ""
    """Empty: it has no place."""
    machine: str = ""
    """What the hypervisor calls it; empty like its host."""
    address: str = ""
    attempt: int = 0


MACHINE: Final[tuple[Attribute[Being], ...]] = (
    Attribute(name="JobId", meaning="The job's number.", value=lambda being: being.job),
    Attribute(name="JobState", meaning="The job's [state](states.md), a word.", value=lambda being: being.state),
    Attribute(
        name="NumJobStarts", meaning="How often the job has been placed on a host.", value=lambda being: being.attempt
    ),
    Attribute(
        name="RemoteHost",
        meaning="The host that its machine is on or was on last, if there is one.",
        value=lambda being: being.host or None,
    ),
    Attribute(
        name="JobVMMachine",
        meaning="What the hypervisor calls that machine.",
        value=lambda being: being.machine or None,
    ),
    Attribute(
        name="JobVMAddress",
        meaning="Where the guest is reached, once that is known and while it runs.",
        value=lambda being: being.address or None,
    ),
)
