"""Steps that a host does on the disks of real machines."""

from __future__ import annotations

import json

import pytest

from cli.test_steps_real import image, job, show, step, told, write
from shell import RealShell

pytestmark = pytest.mark.real


def lend(real: RealShell, **scripts: str) -> None:
    """Lend shell scripts that work on disks, by their names."""
    lent = {}
    for name, script in scripts.items():
        program = real.folder / f"lent-{name}"
        program.write_text(f"#!/bin/sh\nset -e\n{script}\n")
        program.chmod(0o755)
        lent[name] = {"program": str(program), "disks": True}
    whole = {"apiVersion": "vmf/v1", "kind": "Host", "metadata": {"name": "local"}}
    (real.folder / "hosts").mkdir(exist_ok=True)
    (real.folder / "hosts/local.yaml").write_text(json.dumps({**whole, "spec": {"type": "kvm", "actions": lent}}))


def mark(word: str, place: int) -> str:
    """A script that writes a word to a place of a machine's first disk."""
    changed = f"printf %-8s {word} | dd of=raw bs=8 seek={place} conv=notrunc status=none"
    there, back = ("convert -f qcow2 -O raw $VMF_DISK0 raw", "convert -f raw -O qcow2 raw $VMF_DISK0")
    return f"qemu-img {there}\n{changed}\nqemu-img {back}\nrm raw"


def test_a_guest_finds_what_the_host_has_done_to_its_disk(real: RealShell) -> None:
    lend(real, mark=mark("hosts", 0))
    original = (real.home / "images/tiny/scratch.raw").read_bytes()
    spec = job(
        real,
        "j",
        steps=[{"name": "mark", "on_host": "mark"}, step("mine", write("guests", 1))],
        run=show(2),
        results={"files": ["words"]},
    )
    done = real.vmf("run", spec, "--hosts", "hosts")
    assert done.returncode == 0, done.stderr + done.stdout
    assert (real.folder / "j.results/words").read_text() == "hosts   guests  "
    assert (real.home / "images/tiny/scratch.raw").read_bytes() == original
    assert real.left_behind() == []


def test_an_image_has_what_host_and_guest_have_done_in_turns(real: RealShell) -> None:
    lend(real, first=mark("first", 0), third=mark("third", 2))
    steps = [
        {"name": "first", "on_host": "first"},
        step("second", write("second", 1), after="first"),
        {"name": "third", "on_host": "third", "after": "second"},
    ]
    spec = image(real, "turns", *steps)
    built = real.vmf("image", "build", spec, "--hosts", "hosts")
    assert built.returncode == 0, built.stderr + built.stdout
    done = real.vmf("run", job(real, "j", image=spec, run=show(3), results={"files": ["words"]}))
    assert done.returncode == 0, done.stderr
    assert (real.folder / "j.results/words").read_text() == "first   second  third   "
    assert told(real, "j")["steps"] == []
    assert real.left_behind() == []


def test_a_host_works_on_what_a_golden_image_has(real: RealShell) -> None:
    """The copy that it is given is of all the layers of the image."""
    lend(real, last=mark("last", 2))
    low = image(real, "low", step("one", write("one", 0)))
    assert real.vmf("image", "build", low).returncode == 0
    high = image(real, "high", step("one", write("one", 0)), step("two", write("two", 1), after="one"))
    assert real.vmf("image", "build", high).returncode == 0
    spec = job(
        real, "j", image=high, steps=[{"name": "last", "on_host": "last"}], run=show(3), results={"files": ["words"]}
    )
    done = real.vmf("run", spec, "--hosts", "hosts")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "one, two done" in done.stdout
    assert (real.folder / "j.results/words").read_text() == "one     two     last    "


def test_an_image_that_only_the_host_makes_needs_no_machine(real: RealShell) -> None:
    lend(real, only=mark("only", 0))
    spec = image(real, "lone", {"name": "only", "on_host": "only"})
    built = real.vmf("image", "build", spec, "--hosts", "hosts")
    assert built.returncode == 0, built.stderr + built.stdout
    assert "build-lone: running" not in built.stdout
    done = real.vmf("run", job(real, "j", image=spec, run=show(1), results={"files": ["words"]}))
    assert (real.folder / "j.results/words").read_text() == "only    "
    assert done.returncode == 0, done.stderr
