"""What a job's machine begins with, where that is not what the spec says: steps may have been done before."""

from msgspec import Struct

from vmf.model.checkpoint import Platform
from vmf.model.clone import Equipment
from vmf.model.golden import GoldenHardware, Performed
from vmf.model.image import Disk, Layer
from vmf.model.job import Job


class Building(Struct, frozen=True, kw_only=True):
    """A golden image that a job's machine is to become."""

    name: str
    """The image's."""
    hardware: GoldenHardware
    inspect: bool = False
    """Whether the machine stays for somebody to look into it if a step fails."""
    memory: bool = False
    """Whether the machine is a template: nothing is done on it, and its guest's memory is kept once that is ready."""


class Warm(Struct, frozen=True, kw_only=True):
    """The memory of a golden image, from which a job's guest may wake."""

    golden: str
    """The image's id."""
    platform: Platform
    """What it only fits."""
    equipment: Equipment
    """The devices that its guest had met: whoever wakes has the same."""
    memory: Layer
    state: Layer
    """Of all devices."""
    disks: tuple[Disk, ...]
    """As they were when its guest was ready: those of the image that the job begins with, if it wakes."""
    cold: tuple[Disk, ...]
    """The same if it boots."""


class Ground(Struct, frozen=True, kw_only=True):
    """What a job is begun upon that has steps, or whose guest may wake."""

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
    warm: Warm | None = None
    """None: there is no memory from which its guest could wake."""

    @property
    def attributes(self) -> dict[str, str]:
        """What the steps have published that were performed before: name to ClassAd literal, the last word counts."""
        return {name: text for each in self.done for name, text in each.attributes.items()}


class Beginning(Struct, frozen=True, kw_only=True):
    """How a job's machine begins."""

    golden: str = ""
    """The id of the golden image from whose memory its guest wakes; empty: it boots."""
    why: str = ""
    """Why it boots."""

    @property
    def how(self) -> str:
        """In words, without the reason."""
        return f"wakes from golden memory of {self.golden}" if self.golden else "boots"

    def __str__(self) -> str:
        return f"{self.how} ({self.why})" if self.why else self.how
