"""What a plugin can do wrong, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vmf.errors import HostFault, VmfError


class BrokenPlugin(VmfError):
    """A plugin cannot be used; it is listed with this reason."""


class PluginFailed(HostFault):
    """A plugin broke the rules of the seam, or raised what is not vmf's."""

    def __init__(self, brief: str) -> None:
        super().__init__(brief, hint="`vmf plugin ls` lists all plugins; the job's log has the traceback")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Let vmf's own errors pass; turn any other into `PluginFailed`."""
    try:
        yield
    except VmfError:
        raise
    except Exception as error:
        raise PluginFailed(f"{what}: {type(error).__name__}: {error}") from error
