"""What a host asks for a job, and how fast it was seen to work: what bids are made of."""

from enum import StrEnum
from typing import Annotated, Self

from msgspec import Meta, Struct

FADING = 0.75
"""What counts of all that was seen before, each time that something new is seen: the latest counts most."""


class Work(StrEnum):
    """What a host has to do for a job before its guest can be of use."""

    STAGE = "stage"
    """What is brought to it, in bytes."""
    BOOT = "boot"
    """A guest that boots, from the making of its machine to its first word."""
    WAKE = "wake"
    """The same of a guest that wakes from the memory of a golden image."""


class Pace(Struct, frozen=True, kw_only=True):
    """How fast a host was seen to do some work."""

    amount: float
    """How much of it, more than 0."""
    seconds: float
    """What that took."""

    @property
    def each(self) -> float:
        """Seconds for one unit."""
        return self.seconds / self.amount

    def after(self, earlier: Self | None) -> Self:
        """This, seen after that."""
        if earlier is None:
            return self
        amount, seconds = earlier.amount * FADING + self.amount, earlier.seconds * FADING + self.seconds
        return type(self)(amount=amount, seconds=seconds)


class Bid(Struct, frozen=True, kw_only=True):
    """What a host asks for a job: of several that a job ranks alike, it goes to the one that asks least."""

    cost: float
    """In a unit of the bidders' own; vmf's is the share of the free memory that the guest takes."""
    cost_of: tuple[str, ...] = ()
    """What the cost is made of, in words."""
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    """What the host would still have to do, as far as anybody knows; decides between equal costs."""
    seconds_of: tuple[str, ...] = ()
    """What the seconds are made of, and what nobody knows of them."""
