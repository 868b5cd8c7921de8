"""Where things of this user are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vmf.model import Home


def home(environment: Mapping[str, str]) -> Home:
    """Where the state of this user is kept: VMF_HOME, or a folder with a short path, which the sockets in it need.

    The warehouse is below it, unless VMF_WAREHOUSE names one that others use, too. VMF_REMOTE names those that are read
    from elsewhere, with spaces between their addresses.
    """
    shared, remotes = environment.get("VMF_WAREHOUSE"), environment.get("VMF_REMOTE", "").split()
    return Home(root=_root(environment), warehouse=Path(shared).absolute() if shared else None, remotes=tuple(remotes))


def _root(environment: Mapping[str, str]) -> Path:
    if named := environment.get("VMF_HOME"):
        return Path(named).absolute()
    return Path("/var/lib/vmf") if os.geteuid() == 0 else Path.home() / ".vmf"


def configuration(environment: Mapping[str, str]) -> Path:
    """The only folder, besides `--hosts`, from which host specs count."""
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "vmf" / "hosts"
