"""Files that specs name."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct


class Slice(Struct, frozen=True, kw_only=True):
    """A stretch of a file, in bytes: what an archive holds can be used where it lies."""

    offset: Annotated[int, Meta(ge=0)]
    size: Annotated[int, Meta(ge=1)]


class File(Struct, frozen=True, kw_only=True):
    """A file of this computer, which travels to the host; or one that is already on the host."""

    path: Path
    on_host: Annotated[bool, Meta(description="Already on the host, at this full path.")] = False
    part: Slice | None = None
    """What is meant of it; None: all."""
    served: bool = False
    """Whether the path is that of a socket of vmf's, at which the file is served: not all of it is here yet."""

    def __str__(self) -> str:
        return f"{self.path} of the host" if self.on_host else str(self.path)
