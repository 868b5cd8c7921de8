"""What a test asks of a driver, which is a process of its own: pytest has threads, and is not to be forked."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from crash.promises import Round

TRIES = 3
"""A step that a process has not come to, since it happened to see less on its way, is tried for again."""


class Wanted(Struct, frozen=True):
    """A round that a test asks for, in a line of JSON; a line of JSON with the round answers it."""

    life: str
    kills: tuple[str, ...] | None
    """None: one process is killed at its first step, the next at its second, and so on."""


class Driver:
    """A driver with these options, to be closed."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "crash", *options, "serve"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def play(self, life: str, *kills: str) -> Round:
        """A life whose processes were killed at these steps, and in which every promise was kept."""
        for _ in range(TRIES):
            played = self._asked(Wanted(life=life, kills=kills), "play", *kills)
            if not played.missed:
                return played
        raise AssertionError(f"never came to {played.missed}: {played.steps[-1]}\n{played.said}")

    def wear_out(self, life: str) -> Round:
        """A life each of whose processes came a step further than the one before; every promise was kept."""
        return self._asked(Wanted(life=life, kills=None), "wear")

    def close(self) -> None:
        """End it in order."""
        self._process.communicate()

    def _asked(self, wanted: Wanted, mode: str, *kills: str) -> Round:
        self._process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        self._process.stdin.flush()
        played = msgspec.json.decode(self._process.stdout.readline(), type=Round)
        again = shlex.join(("python", "-m", "crash", *self._options, mode, wanted.life, *kills))
        assert not played.broken, f"{played.broken}\n{played.said}\nagain: PYTHONPATH=tests {again}"
        return played
