"""What a job's machine begins with, where that is not what the spec says: steps may have been done before."""

from msgspec import Struct

from vmf.model.golden import GoldenHardware, Performed
from vmf.model.job import Job


class Building(Struct, frozen=True, kw_only=True):
    """A golden image that a job's machine is to become."""

    name: str
    """The image's."""
    hardware: GoldenHardware
    inspect: bool = False
    """Whether the machine stays for somebody to look into it if a step fails."""


class Ground(Struct, frozen=True, kw_only=True):
    """What a job with steps is begun upon."""

    asked: Job
    """The job with all its steps, as the spec has it."""
    start: str
    """The digest of what its image begins with."""
    golden: str = ""
    """The id of the golden image that it is begun upon; empty: there was none."""
    done: tuple[Performed, ...] = ()
    """The steps that were performed there, in their order."""
    left: tuple[str, ...] = ()
    """The digests of the steps that its guest is to do, in the order in which it does them."""
    building: Building | None = None
    """None: it is a job that somebody wants run."""

    @property
    def attributes(self) -> dict[str, str]:
        """What the steps have published that were performed before: name to ClassAd literal, the last word counts."""
        return {name: text for each in self.done for name, text in each.attributes.items()}
