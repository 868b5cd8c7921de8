"""What `vmf --help` and `vmf lint` of one file take above an interpreter that does nothing: medians, in turns."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from state import environment

ROUNDS = 21
TARGET_MS = 150
SPEC = Path(__file__).parents[1] / "specs" / "hello.yaml"
NOTHING = ("-c", "pass")
MEASURED = {"vmf --help": ("-m", "vmf", "--help"), "vmf lint": ("-m", "vmf", "lint", SPEC.name)}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(SPEC, home)
        rounds = [_round(Path(home)) for _ in range(1 + ROUNDS)][1:]  # the first compiles
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    nothing = medians["nothing"]
    for name in MEASURED:
        whole = medians[name]
        above = 1000 * (whole - nothing)
        print(f"{name} {above:.0f} ms above `python -c pass` ({whole / nothing:.1f} x), target <= {TARGET_MS} ms")


def _round(folder: Path) -> dict[str, float]:
    return {name: _timed(folder, *words) for name, words in {**MEASURED, "nothing": NOTHING}.items()}


def _timed(folder: Path, *words: str) -> float:
    began = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *words], check=True, cwd=folder, env=environment(folder), **quiet)
    return time.perf_counter() - began


main()
