"""What `vmf --help` takes above an interpreter that does nothing: medians of whole processes, in turns."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 21
TARGET_MS = 150


def main() -> None:
    """Measure and print."""
    helped, nothing = [], []
    for _ in range(ROUNDS):
        helped.append(_timed("-m", "vmf", "--help"))
        nothing.append(_timed("-c", "pass"))
    above = 1000 * (statistics.median(helped) - statistics.median(nothing))
    ratio = statistics.median(helped) / statistics.median(nothing)
    print(f"vmf --help {above:.0f} ms above `python -c pass` ({ratio:.1f} x), target <= {TARGET_MS} ms")


def _timed(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


main()
