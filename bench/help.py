"""What `vmf --help` and `vmf lint` of one file take above an interpreter that does nothing: medians, in turns."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 21
TARGET_MS = 150
SPEC = Path(__file__).parents[1] / "specs" / "hello.yaml"
NOTHING = ("-c", "pass")
MEASURED = {"vmf --help": ("-m", "vmf", "--help"), "vmf lint": ("-m", "vmf", "lint", SPEC.name)}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(SPEC, home)
        taken: dict[str, list[float]] = {name: [] for name in (*MEASURED, "nothing")}
        for _ in range(ROUNDS):
            for name, words in {**MEASURED, "nothing": NOTHING}.items():
                taken[name].append(_timed(Path(home), *words))
    nothing = statistics.median(taken["nothing"])
    for name in MEASURED:
        whole = statistics.median(taken[name])
        above = 1000 * (whole - nothing)
        print(f"{name} {above:.0f} ms above `python -c pass` ({whole / nothing:.1f} x), target <= {TARGET_MS} ms")


def _timed(folder: Path, *words: str) -> float:
    began = time.perf_counter()
    environment = {**os.environ, "VMF_HOME": str(folder / "home")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *words], check=True, cwd=folder, env=environment, **quiet)
    return time.perf_counter() - began


main()
