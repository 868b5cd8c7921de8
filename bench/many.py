"""Fifty tiny guests on this computer, as many at once as fit, against one alone: what a job costs vmf itself.

Prints vmf's own CPU time for each job and its memory, against those of one job, and how long `vmf ps` takes
meanwhile. Guests and daemon are no part of it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from state import fresh

MANY = 50
PS_TARGET = 0.2
JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {{name: many}}
spec: {{image: tiny, memory: 256MiB, run: "echo $RUN >out", results: {{files: [out]}}, queue: {{count: {count}}}}}
"""


def main() -> None:
    """Measure and print."""
    with fresh() as (work, environment):
        _measure(work, environment)


def _measure(work: Path, environment: Mapping[str, str]) -> None:
    _run(work, environment, 1)
    alone = _run(work, environment, 1)
    asked: list[float] = []
    over = threading.Event()
    asking = threading.Thread(target=_ask, args=(work, environment, asked, over))
    asking.start()
    began = time.perf_counter()
    many = _run(work, environment, MANY)
    took = time.perf_counter() - began
    over.set()
    asking.join()
    ps = statistics.median(asked)
    print(
        f"{MANY} guests: {took:.0f} s; vmf's own CPU {many[0] / MANY:.3f} s a job, alone"
        f" {alone[0]:.3f} s: {many[0] / MANY / alone[0]:.2f} x; its memory {many[1] / alone[1]:.2f} x;"
        f" vmf ps {1000 * ps:.0f} ms (median of {len(asked)}, most {1000 * max(asked):.0f} ms),"
        f" target <= {1000 * PS_TARGET:.0f} ms: {ps / PS_TARGET:.2f} x"
    )


def _run(work: Path, environment: Mapping[str, str], count: int) -> tuple[float, int]:
    """Run so many guests; the CPU seconds and the most memory in KiB of the vmf process."""
    job = work / "many.yaml"
    job.write_text(JOB.format(count=count))
    command = [sys.executable, "-m", "vmf", "run", "--format", "json", job]
    with (work / "said").open("wb") as said:
        vmf = subprocess.Popen(command, cwd=work, env=environment, stdout=said)
    _, status, used = os.wait4(vmf.pid, 0)
    vmf.returncode = os.waitstatus_to_exitcode(status)
    results = list(work.glob("many*.results"))
    good = [each for each in results if json.loads((each / "result.json").read_text())["exit_code"] == 0]
    if vmf.returncode or len(good) != count:
        raise SystemExit(f"of {count} guests, {len(good)} ended right: nothing is measured")
    for each in results:
        shutil.rmtree(each)
    return _cpu(used), used.ru_maxrss


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _ask(work: Path, environment: Mapping[str, str], asked: list[float], over: threading.Event) -> None:
    while not over.wait(1.0):
        began = time.perf_counter()
        command = [sys.executable, "-m", "vmf", "ps"]
        subprocess.run(command, cwd=work, env=environment, check=True, stdout=subprocess.DEVNULL)
        asked.append(time.perf_counter() - began)


main()
