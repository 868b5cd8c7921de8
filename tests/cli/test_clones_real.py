"""Real guests that wake: an image keeps memory, two jobs wake from it, and one boots since that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shell import RealShell
from vmf.warehouse.shelf import Warehouse

pytestmark = pytest.mark.real

WHO = """\
hostname >who
cat /etc/machine-id >>who
head -c 8 /dev/urandom | od -An -tx1 >>who
exit 7
"""


def memory(real: RealShell) -> str:
    """The id of the golden image with memory that is named so here."""
    (found,) = (each.id for each in Warehouse(real.home / "images").every() if each.memory and each.name == "awake")
    return found


def image(real: RealShell) -> str:
    tiny = real.home / "images/tiny"
    spec = {
        "kernel": str(tiny / "vmlinuz"),
        "initrd": str(tiny / "initrd.img"),
        "kernel_parameters": "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on",
        "disks": [{"file": str(tiny / "scratch.raw"), "format": "raw"}],
        "hardware": {"memory": "192MiB"},
        "steps": [{"name": "awake", "run": "echo awake | dd of=/dev/vda conv=notrunc && sync"}],
    }
    path = real.folder / "awake.image.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": "awake"}, "spec": spec}))
    return path.name


def run(real: RealShell, name: str, script: str, *words: str) -> tuple[str, Path]:
    """What is said of a job upon the image that has been run, and where its results are."""
    path = real.job(f"head -n 1 /dev/vda >out.txt\n{script}", name)
    path.write_text(path.read_text().replace("image: tiny", "image: awake.image.yaml").replace("256MiB", "192MiB"))
    done = real.vmf("run", path.name, *words, "--set", "results.files=[out.txt, who]")
    assert done.returncode == 7, done.stderr + done.stdout
    return done.stdout, real.folder / f"{name}.results"


def test_two_jobs_wake_from_an_image_s_memory_and_boot_once_it_is_damaged(real: RealShell) -> None:
    built = real.vmf("image", "build", image(real))
    assert "awake has memory: golden image" in built.stdout, built.stderr
    told = {}
    for name in ("a", "b"):
        said, results = run(real, name, WHO)
        assert f"wakes from golden memory of {memory(real)}" in said
        assert (results / "out.txt").read_text() == "awake\n"
        told[name] = (results / "who").read_text().splitlines()
    assert [told["a"][0], told["b"][0]] == ["a", "b"]
    assert told["a"][1] != told["b"][1]
    assert told["a"][2] != told["b"][2]
    with (real.home / "images/.golden/whole" / memory(real) / "state").open("r+b") as state:
        state.write(bytes(4096))
    said, results = run(real, "c", "exit 7")
    assert "wakes" not in said
    assert (results / "out.txt").read_text() == "awake\n"
    assert real.left_behind() == []
