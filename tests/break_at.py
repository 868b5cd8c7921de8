"""`vmf`, on a file system that breaks: `break_at.py FUNCTION NUMBER HOW FOLDER WORD…` breaks it before that call.

HOW is `full` (no room for a byte), `crowded` (no room for another file) or `read-only`. What fills it is FOLDER/filler.
"""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType

from vmf.cli import main


def fill(folder: Path) -> None:
    """Leave no room for a byte."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        for size in (2**16, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def crowd(folder: Path) -> None:
    """Leave no room for another file; the last one makes way for `filler`, which tells that it is done."""
    (folder / "filler").mkdir()
    with suppress(OSError):
        for number in count():
            (folder / "filler" / str(number)).touch()


def freeze(folder: Path) -> None:
    """Let nothing be opened to be written any more; what is open goes on."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)


HOW: Mapping[str, Callable[[Path], None]] = MappingProxyType({"full": fill, "crowded": crowd, "read-only": freeze})


def before(place: str, number: int, act: Callable[[], None]) -> None:
    """Exchange a function, `module:name` or `module:Class.name`, by one that does something else first at that call."""
    owner, name = re.split(r"[.:](?=\w+$)", place)
    function = pkgutil.resolve_name(place)
    calls = count()

    def acting(*args: object, **kwargs: object) -> object:
        if next(calls) == number:
            act()
        return function(*args, **kwargs)

    setattr(pkgutil.resolve_name(owner), name, acting)


if __name__ == "__main__":
    place, number, how, folder = sys.argv[1:5]
    before(place, int(number), lambda: HOW[how](Path(folder)))
    sys.exit(main(sys.argv[5:]))
