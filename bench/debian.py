"""A job upon a Debian that asks for four steps, with a warehouse where three are done and with an empty one, in turns.

The Debian is that of `make debian`. Medians of whole processes; the warehouse's one build is timed, too.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from state import fresh

ROUNDS = 3
DEBIAN = Path(__file__).parents[1] / "build" / "debian"
ANSWER = "2160\n"
"""The pairs of prime numbers below 200,000 of which one is two more than the other."""


def main() -> None:
    """Measure and print."""
    with fresh() as (work, environment):
        empty, full = ({**environment, "VMF_WAREHOUSE": str(_made(work / name))} for name in ("empty", "full"))
        building = _timed(("image", "build", "primes.image.yaml"), full)
        times = [(_run(work, full), _run(work, empty)) for _ in range(ROUNDS)]
    with_it, without = map(statistics.median, zip(*times, strict=True))
    print(
        f"a job's four steps on Debian: with the warehouse {with_it:.1f} s, without {without:.1f} s"
        f" (medians of {ROUNDS}): {with_it / without:.2f} x; the image of three was built in {building:.1f} s"
    )


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o711)
    return folder


def _run(work: Path, environment: Mapping[str, str]) -> float:
    results = work / "twins.results"
    took = _timed(("run", "--set", f"results.folder={results}", "twins.yaml"), environment)
    if (results / "twins.txt").read_text() != ANSWER:
        raise SystemExit("the job's answer is wrong: nothing is measured")
    shutil.rmtree(results)
    return took


def _timed(words: tuple[str, ...], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(
        (sys.executable, "-m", "vmf", *words), cwd=DEBIAN, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


main()
