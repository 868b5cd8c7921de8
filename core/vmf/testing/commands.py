"""What the agent of a fake guest runs: nothing, but it knows the words by which vmf has steps done, and a few more.

mkdir PATH…                make folders; one that is there already is refused with exit code 1
tar -xf FILE -C FOLDER     unpack what was copied in
sh -c TEXT vmf-steps PATH  do the steps of the folder PATH/given
sh -c TEXT vmf-leave PATH  remove what is below PATH
sh -c TEXT                 of the text: `until [ -e PATH ]`, `exit N` and `kill -N $$`, with `; ` between them
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote

from vmf.errors import HoldCode, JobFault
from vmf.files.console import one_line
from vmf.testing.guest import Guest, Memory

_AWAITED = re.compile(r"until \[ -e (\S+) ]")
_ENDS = re.compile(r"(exit |kill -)(\d+)")
_SIGNALLED = 128


class Execution:
    """A program that has ended with this exit code as soon as this file is there."""

    def __init__(self, code: int, awaited: Path | None = None) -> None:
        self._code = code
        self._awaited = awaited

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._awaited and not self._awaited.exists() else self._code


def execute(folder: Path, command: Sequence[str]) -> Execution:
    """Run a program in the guest of the machine that has this folder.

    Raises:
        JobFault: if there is no such program.
    """
    program, *arguments = command
    run = _PROGRAMS.get(program)
    if run is None:
        words = f"Failed to execute child process {one_line(program.encode())!r} (No such file or directory)"
        raise JobFault(words, code=HoldCode.REFUSED)
    return run(folder, arguments)


def inside(folder: Path, path: str) -> Path:
    """Where the machine's folder has what its guest has under a path."""
    return folder / "inside" / quote(path, safe="")


def _mkdir(folder: Path, arguments: Sequence[str]) -> Execution:
    paths = [inside(folder, each) for each in arguments if each.startswith("/")]
    if any(path.exists() for path in paths):
        return Execution(1)
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return Execution(0)


def _tar(folder: Path, arguments: Sequence[str]) -> Execution:
    _, file, _, to = arguments
    _guest(folder).take(to, inside(folder, file).read_bytes())
    return Execution(0)


def _sh(folder: Path, arguments: Sequence[str]) -> Execution:
    match arguments:
        case [_, _, "vmf-steps", path]:
            _guest(folder).perform(f"{path}/given")
            return Execution(0)
        case [_, _, "vmf-leave", path]:
            for each in folder.glob("inside/*"):
                if f"{unquote(each.name)}/".startswith(f"{path}/"):
                    each.unlink()
            return Execution(0)
    text = arguments[1]
    awaited, (how, number) = _AWAITED.search(text), _ENDS.findall(text)[0]
    code = int(number) if how == "exit " else _SIGNALLED + int(number)
    return Execution(code, inside(folder, awaited[1]) if awaited else None)


def _guest(folder: Path) -> Guest:
    """The guest's words, without its process: the console and the files are in the machine's folder."""
    return Guest(folder, {}, [], Memory())


_PROGRAMS: Mapping[str, Callable[[Path, Sequence[str]], Execution]] = MappingProxyType({
    "mkdir": _mkdir,
    "tar": _tar,
    "sh": _sh,
})  # fmt: skip
