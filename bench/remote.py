"""What it costs that an image is elsewhere: on a server of this computer's loopback that sends 32 MiB a second.

- A job that reads 1 MiB of a disk of which nothing has come, against the same where all of the image is fetched first.
- The same job again, once all has come, against one upon the same image of a warehouse that is a folder.
- Reading at the socket what has come, against reading the file.

The image's disk is 128 MiB that are all different. Whole commands, medians, in turns.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from state import environment, fresh

from vmf.blocks.places import Place
from vmf.blocks.shelf import Blocks
from vmf.files.nbd import PIECE, open_served
from vmf.model import MEBIBYTE

ROUNDS = 3
RATE = 32 * MEBIBYTE
SIZE = 128 * MEBIBYTE
FIRST, AGAIN = 0.6, 1.1
SERVER = Path(__file__).parents[1] / "tests" / "ranged.py"
IMAGE = """\
apiVersion: vmf/v1
kind: Image
metadata: {{name: big}}
spec:
  download: {{url: "{address}/big.raw", sha256: {sha256}}}
  kernel: {tiny}/vmlinuz
  initrd: {tiny}/initrd.img
  kernel_parameters: console=ttyS0 quiet
  hardware: {{memory: 256MiB}}
  steps:
    - name: mark
      run: echo marked | dd of=/dev/vda conv=notrunc && sync
"""
JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: reads}
spec:
  image: big.image.yaml
  memory: 256MiB
  run: dd if=/dev/vda bs=1M skip=100 count=1 >/dev/null
"""


def main() -> None:
    """Measure and print."""
    with fresh() as (work, here):
        tiny = (work / "home/images").resolve() / "tiny"
        (work / "home/images").unlink()
        (work / "home/images").mkdir()
        shutil.copytree(tiny, work / "home/images/tiny")
        far = _built(work, tiny)
        with _serving(far, RATE) as address:
            _measure(work, {**here, "VMF_REMOTE": address}, {**here, "VMF_WAREHOUSE": str(far)})


def _built(work: Path, tiny: Path) -> Path:
    """The folder of a warehouse that has the image."""
    (work / "origin").mkdir()
    (work / "origin/big.raw").write_bytes(os.urandom(SIZE))
    sha256 = hashlib.sha256((work / "origin/big.raw").read_bytes()).hexdigest()
    (work / "job.yaml").write_text(JOB)
    images = work / "far/images"
    shutil.copytree(tiny, images / "tiny")
    ours = {**environment(work), "VMF_WAREHOUSE": str(images)}
    with _serving(work / "origin", 0) as address:
        (work / "big.image.yaml").write_text(IMAGE.format(address=address, sha256=sha256, tiny=tiny))
        _vmf(work, ours, "image", "build", "big.image.yaml")
    _vmf(work, ours, "image", "index")
    return images


@contextmanager
def _serving(folder: Path, rate: int) -> Iterator[str]:
    command = [sys.executable, str(SERVER), str(folder), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None:
            raise AssertionError
        yield server.stdout.readline().strip()
        server.kill()


def _measure(work: Path, remote: Mapping[str, str], shared: Mapping[str, str]) -> None:
    _run(work, shared)
    whole, first, again, local = [], [], [], []
    for _ in range(ROUNDS):
        _forget(work)
        whole.append(_run(work, remote, "--set", "results.disks=changed"))
        _forget(work)
        first.append(_run(work, remote))
        place = _come(work)
        again.append(_run(work, remote))
        local.append(_run(work, shared))
    reading = _read(work, place)
    told = [statistics.median(times) for times in (first, whole, again, local)]
    print(
        f"of 128 MiB elsewhere a guest reads 1 MiB in {told[0]:.2f} s, after all was fetched in {told[1]:.2f} s:"
        f" {told[0] / told[1]:.2f} x, target <= {FIRST} x"
    )
    print(f"again {told[2]:.2f} s, of a folder {told[3]:.2f} s: {told[2] / told[3]:.2f} x, target <= {AGAIN} x")
    print(f"what has come is read at the socket at {reading:.2f} x the time of the file")


def _come(work: Path) -> Place:
    """The disk, when all of the image has come."""
    blocks = Blocks(work / "home/remote")
    with blocks.hold(blocks.every()):
        for place in blocks.every():
            blocks.complete(place)
    return max(blocks.every(), key=lambda place: place.whole.stat().st_size)


def _forget(work: Path) -> None:
    """Have nothing here of what is elsewhere."""
    for folder in (work / "home/remote", work / "home/images/.golden", work / "home/images/.downloads"):
        shutil.rmtree(folder, ignore_errors=True)


def _read(work: Path, place: Place) -> float:
    """How much longer it takes to read at the socket than in the file."""
    blocks, times = Blocks(work / "home/remote"), ([], [])
    with blocks.hold([place]):
        blocks.serve([place])
        for _ in range(1 + ROUNDS):
            for kept, file in ((times[0], open_served(place.socket)), (times[1], place.whole.open("rb"))):
                with file:
                    began = time.perf_counter()
                    while file.read(PIECE):
                        pass
                    kept.append(time.perf_counter() - began)
    ours, theirs = (statistics.median(each[1:]) for each in times)
    return ours / theirs


def _run(work: Path, ours: Mapping[str, str], *words: str) -> float:
    took = _vmf(work, ours, "run", "job.yaml", *words)
    shutil.rmtree(work / "reads.results")
    return took


def _vmf(work: Path, ours: Mapping[str, str], *words: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "vmf", *words]
    subprocess.run(command, cwd=work, env=ours, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


main()
