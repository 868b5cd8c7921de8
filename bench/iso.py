"""What making an input disc takes, and what xorriso takes for the same files: medians, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vmf.files import disc
from vmf.files.access import open_file
from vmf.files.gathering import gather
from vmf.model import File

ROUNDS = 5
MEBIBYTE = 2**20


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        many, one = Path(folder, "many"), Path(folder, "one")
        _make_many(many)
        _make_one(one)
        for name, source, target in (("1,000 files", many, 3.0), ("1 GiB", one, 1.5)):
            own, other = _measured(source, Path(folder))
            print(f"disc of {name} {own:.2f} s, {own / other:.2f} x xorriso, target <= {target:.1f} x")


def _make_many(folder: Path) -> None:
    for number in range(1000):
        path = folder / f"folder {number % 50}" / f"file number {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(4096))


def _make_one(folder: Path) -> None:
    folder.mkdir()
    with (folder / "big").open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(MEBIBYTE))


def _measured(source: Path, folder: Path) -> tuple[float, float]:
    """Seconds that vmf and xorriso take, each disc read back or not as each of them does."""
    path = folder / "disc.iso"
    ways: dict[str, Callable[[], None]] = {"own": lambda: _own(source, path), "xorriso": lambda: _xorriso(source, path)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            path.unlink(missing_ok=True)
            os.sync()  # or one pays for what the other wrote
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    return statistics.median(taken["own"]), statistics.median(taken["xorriso"])


def _own(source: Path, path: Path) -> None:
    disc.write(path, gather((File(path=source),), open_file), label="FILES")


def _xorriso(source: Path, path: Path) -> None:
    words = ("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long", "-V", "FILES", "-o", path, source)
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)


main()
