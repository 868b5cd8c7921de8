"""What a host has failed at, and how long nobody asks that of it again."""

from msgspec import Struct

FIRST_PAUSE = 30.0
LONGEST_PAUSE = 3600.0
ITSELF = ""
"""What a host has failed at that cannot be used at all, in the place of an ability."""


class Setback(Struct, frozen=True, kw_only=True):
    """What a host failed at: it is set aside for a while, for longer each time in a row."""

    reason: str
    at: float
    """When it failed, in seconds since 1970."""
    times: int = 1
    """How often in a row it has failed, each time when its pause was over."""

    @property
    def pause(self) -> float:
        """Seconds for which it is set aside."""
        return float(min(FIRST_PAUSE * 2 ** min(self.times - 1, 20), LONGEST_PAUSE))

    def is_over(self, now: float) -> bool:
        """Whether it may be tried again; one of a time to come is of a clock that has been set back since."""
        return not 0 <= now - self.at < self.pause
