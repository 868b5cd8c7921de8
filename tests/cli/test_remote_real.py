"""A golden image of a warehouse elsewhere, in a real guest: it runs before the image has come, whoever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ranged import Ranged, serving
from shell import RealShell, gone, until

pytestmark = pytest.mark.real

STEP = {
    "name": "mark",
    "run": "yes golden | dd of=/dev/vda bs=64k count=6 seek=2 iflag=fullblock conv=notrunc && sync",
}
READ = "head -c 8 /dev/vda; echo; echo it begins; md5sum </dev/vda >sum"


@pytest.fixture
def job(real: RealShell) -> str:
    spec = {"image": "tiny", "memory": "256MiB", "steps": [STEP], "run": READ, "results": {"files": ["sum"]}}
    return written(real, "Job", "j", spec)


@pytest.fixture
def far(real: RealShell, tmp_path: Path) -> Iterator[Ranged]:
    """A warehouse elsewhere that has the image, which is not here."""
    image = written(real, "Image", "marked", {"from": "tiny", "hardware": {"memory": "256MiB"}, "steps": [STEP]})
    assert real.vmf("image", "build", image).returncode == 0
    assert "offered: have" in real.vmf("image", "index").stdout
    images = real.home / "images"
    (tmp_path / "far").mkdir()
    (images / ".golden").rename(tmp_path / "far/.golden")
    shutil.copytree(images / "tiny", tmp_path / "far/tiny")
    with serving(tmp_path / "far") as far:
        real.environment["VMF_REMOTE"] = far.address
        yield far
    for pid in sorted(servers(real)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def written(real: RealShell, kind: str, name: str, spec: dict[str, object]) -> str:
    path = real.folder / f"{name}.{kind.lower()}.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}))
    return path.name


def servers(real: RealShell) -> list[int]:
    return [*real.processes("vmf.blocks.server")]


def test_a_guest_reads_on_whoever_is_killed_and_the_next_one_has_it_all_here(
    real: RealShell, far: Ranged, job: str
) -> None:
    far.stuck = "tiny/scratch.raw"
    with real.start("run", job) as engine:
        real.says("j", "it begins")
        engine.kill()
    for pid in sorted(servers(real)):  # who looks after the other one was there first
        os.kill(pid, signal.SIGKILL)
        gone(pid)
    far.stuck = ""
    assert real.vmf("wait", "j").returncode == 0
    first = (real.folder / "j.results/sum").read_text()
    until(lambda: real.left_behind() == [], "all is clean")

    shutil.rmtree(real.folder / "j.results")
    asked = len(far.parts(""))
    done = real.vmf("run", job)
    assert (done.returncode, len(far.parts(""))) == (0, asked), done.stderr
    assert "begun upon golden image" in done.stderr + done.stdout
    assert (real.folder / "j.results/sum").read_text() == first
    (row,) = (line for line in real.vmf("image", "ls").stdout.splitlines() if line.startswith("marked "))
    assert far.address not in row
