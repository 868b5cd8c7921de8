from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from guests.fake import GUESTS
from made_up import HOST, loaded
from vmf.model import Image
from vmf.testing.bench import Bench

DYING = """
import sys
from pathlib import Path
import msgspec
from kill_at import die_at
from vmf.model import Machine
from vmf.testing.world import World

folder, place, number, verb, *words = sys.argv[1:]
given = sys.stdin.buffer.read()
world = World(Path(folder))
die_at(place, int(number))
getattr(world, verb)(*words, *([msgspec.json.decode(given, type=Machine)] if given else ()))
"""


@pytest.fixture
def bench(tmp_path):
    """A fake host, whose world is the folder `world`."""
    hypervisor = loaded().connect(HOST, tmp_path / "world")
    bench = Bench(hypervisor, image=Image(name="none"), guests=GUESTS, folder=tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def dies(tmp_path):
    """Have one who does something to the world die before a call of a function."""

    def die(step, *words, machine=None):
        place, number = step
        given = b"" if machine is None else msgspec.json.encode(machine)
        command = (sys.executable, "-c", DYING, tmp_path / "world", place, str(number), *words)
        dead = subprocess.run(command, cwd=Path(__file__).parents[1], input=given, check=False)
        assert dead.returncode == -signal.SIGKILL

    return die


@pytest.fixture
def machine(tmp_path):
    """The folder of a machine."""
    return lambda handle: tmp_path / "world" / "machines" / handle.machine
