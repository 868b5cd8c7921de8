"""`vmf`, killed at a step: `kill_at.py FUNCTION NUMBER WORD…` dies just before that call, counted from 0."""

from __future__ import annotations

import os
import pkgutil
import re
import signal
import sys
from itertools import count

from vmf.cli import main


def die_at(place: str, number: int) -> None:
    """Exchange a function, `module:name` or `module:Class.name`, by one that kills this process at that call."""
    owner, name = re.split(r"[.:](?=\w+$)", place)
    function = pkgutil.resolve_name(place)
    calls = count()

    def dying(*args: object, **kwargs: object) -> object:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(pkgutil.resolve_name(owner), name, dying)


if __name__ == "__main__":
    die_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
