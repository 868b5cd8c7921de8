"""Steps in real guests, and images that are built of them: the tiny guest, of which only its disk lasts."""

from __future__ import annotations

import json

import pytest

from shell import RealShell

pytestmark = pytest.mark.real

WORD = 8
"""Bytes at a place of the disk."""


def write(word: str, place: int) -> str:
    """A script that writes a word to a place of the disk."""
    return f"printf %-{WORD}s {word} | dd of=/dev/vda bs={WORD} seek={place} conv=notrunc && sync"


def show(count: int) -> str:
    """A script that shows the words at the first places of the disk."""
    return f"head -c {count * WORD} /dev/vda >words"


def step(name: str, run: str, **more: object) -> dict[str, object]:
    return {"name": name, "run": run, **more}


def job(real: RealShell, name: str, **spec: object) -> str:
    path = real.folder / f"{name}.yaml"
    whole = {"apiVersion": "vmf/v1", "kind": "Job", "metadata": {"name": name}}
    path.write_text(json.dumps({**whole, "spec": {"image": "tiny", "memory": "256MiB", **spec}}))
    return path.name


def told(real: RealShell, name: str) -> dict[str, object]:
    read: dict[str, object] = json.loads((real.folder / f"{name}.results/result.json").read_text())
    return read


def test_a_job_s_guest_does_its_steps_and_then_the_script(real: RealShell) -> None:
    (real.folder / "words").write_text("given\n")
    steps = [
        step("late", "cat /root/words; exit 0", after="files"),
        {"name": "files", "files": {"/root/words": "words"}},
        {
            "name": "mended",
            "command": ["test", "-e", "/root/mended"],
            "on_error": {"run": "touch /root/mended", "retry": 2},
        },
        step("left", "exit 3", on_error={"then": "continue"}),
    ]
    spec = job(
        real,
        "j",
        steps=steps,
        run='echo "$WHOM" $(ls /root/mended) >out.txt; exit 7',
        env={"WHOM": "x"},
        results={"files": ["out.txt"]},
    )
    done = real.vmf("run", spec, "--console")
    assert done.returncode == 7, done.stderr
    results = real.folder / "j.results"
    assert (results / "out.txt").read_text() == "x /root/mended\n"
    assert (results / "steps/late.log").read_text() == "given\n"
    found = told(real, "j")
    assert [(each["name"], each["exit_code"], each["tries"]) for each in found["steps"]] == [
        ("files", 0, 1), ("late", 0, 1), ("mended", 0, 2), ("left", 3, 1),
    ]  # fmt: skip
    assert "vmf: step late: begins" in done.stdout
    assert real.left_behind() == []


def test_a_step_that_fails_ends_the_job_with_its_last_words(real: RealShell) -> None:
    steps = [step("bad", "echo out of luck; exit 3"), step("more", "true")]
    done = real.vmf("run", job(real, "j", steps=steps, run="echo not this >out.txt"))
    assert done.returncode == 82
    assert "step-failed: step bad failed with exit code 3; it said: out of luck" in done.stdout
    assert [each["name"] for each in told(real, "j")["steps"]] == ["bad"]
    assert real.left_behind() == []


def image(real: RealShell, name: str, *steps: dict[str, object]) -> str:
    tiny = real.home / "images/tiny"
    spec = {
        "kernel": str(tiny / "vmlinuz"),
        "initrd": str(tiny / "initrd.img"),
        "kernel_parameters": "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on",
        "disks": [{"file": str(tiny / "scratch.raw"), "format": "raw"}],
        "hardware": {"memory": "256MiB"},
        "steps": steps,
    }
    path = real.folder / f"{name}.image.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}))
    return path.name


def goldens(real: RealShell) -> list[dict[str, object]]:
    listed = json.loads(real.vmf("image", "ls", "--format", "json").stdout)
    return listed


ONE, TWO = step("one", write("first", 0), publish={"Port": "80"}), step("two", write("second", 1), after="one")


def test_an_image_is_built_once_and_a_job_upon_it_does_only_the_rest(real: RealShell) -> None:
    spec = image(real, "base", ONE, TWO)
    built = real.vmf("image", "build", spec)
    assert built.returncode == 0, built.stderr
    assert "build-base: step one: begins" in built.stdout
    print(built.stdout, built.stderr)
    again = real.vmf("image", "build", spec)
    assert (again.returncode, "is there already" in again.stdout) == (0, True), again
    asked = job(
        real, "j", image=spec, steps=[step("three", write("third", 2))], run=show(3), results={"files": ["words"]}
    )
    print(real.vmf("plan", asked).stdout)
    done = real.vmf("run", asked)
    assert done.returncode == 0, done.stderr
    assert (real.folder / "j.results/words").read_text() == "first   second  third   "
    assert [each["name"] for each in told(real, "j")["steps"]] == ["three"]
    assert told(real, "j")["attributes"] == {"Port": 80}
    assert real.left_behind() == []
