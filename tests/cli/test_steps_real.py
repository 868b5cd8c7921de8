"""Steps in real guests, and images that are built of them: the tiny guest, of which only its disk lasts."""

from __future__ import annotations

import json

import pytest

from shell import DEADLINE, RealShell

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


ONE, TWO = step("one", write("first", 0), publish={"Port": "80"}), step("two", write("second", 1), after="one")


def test_an_image_is_built_once_and_a_job_upon_it_does_only_the_rest(real: RealShell) -> None:
    spec = image(real, "base", ONE, TWO)
    built = real.vmf("image", "build", spec)
    assert built.returncode == 0, built.stderr
    assert "build-base: step one: begins" in built.stdout
    again = real.vmf("image", "build", spec)
    assert (again.returncode, "is there already" in again.stdout) == (0, True), again
    asked = job(
        real, "j", image=spec, steps=[step("three", write("third", 2))], run=show(3), results={"files": ["words"]}
    )
    planned = real.vmf("plan", asked).stdout
    assert "which has one, two done" in planned
    done = real.vmf("run", asked)
    assert done.returncode == 0, done.stderr
    assert (real.folder / "j.results/words").read_text() == "first   second  third   "
    assert [each["name"] for each in told(real, "j")["steps"]] == ["three"]
    assert told(real, "j")["attributes"] == {"Port": 80}
    assert real.left_behind() == []


def test_a_build_that_was_killed_is_carried_on_by_whoever_asks_again(real: RealShell) -> None:
    spec = image(real, "slow", step("one", f"{write('slow', 0)}; until read -r go; do sleep 0.2; done </dev/console"))
    with real.start("image", "build", spec) as process:
        real.says("build-slow", "step one: begins")
        process.kill()
    assert "orphaned" in real.vmf("ps").stderr
    with real.start("image", "build", spec) as process:
        real.tell("build-slow", "go")
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert "slow is golden image" in out
    assert len(real.records("build-slow")) == 1
    assert real.left_behind() == []


def test_a_build_that_fails_shows_why_and_keeps_nothing(real: RealShell) -> None:
    spec = image(real, "bad", step("one", "for n in 1 2 3 4 5; do echo line $n; done; exit 3", on_error={"retry": 1}))
    before = real.vmf("image", "ls").stdout
    built = real.vmf("image", "build", spec)
    assert built.returncode == 82
    assert "step one: failed with exit code 3, try 2 of 2" in built.stdout
    assert "    | line 1\n" in built.stderr
    assert real.vmf("image", "ls").stdout == before
    assert real.left_behind() == []


def test_a_guest_whose_step_failed_stays_to_be_looked_into(real: RealShell) -> None:
    spec = image(real, "look", step("one", "exit 3"))
    with real.start("image", "build", "--inspect", spec) as process:
        real.says("build-look", "the machine stays")
        real.says("build-look", "# ")
        with real.typing("build-look", "echo looked; exit"):
            out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 82
    assert "step one: the machine stays: `vmf console build-look` looks into it" in out
    assert "looked" in (real.home / "builds/build-look/console.log").read_text()


def test_a_job_may_have_its_machine_kept_once_its_steps_are_done(real: RealShell) -> None:
    spec = job(
        real, "j", steps=[step("mine", write("mine", 0))], keep_image=True, run=show(1), results={"files": ["words"]}
    )
    done = real.vmf("run", spec)
    assert done.returncode == 0, done.stderr
    assert (real.folder / "j.results/words").read_text() == "mine    "
    assert "steps" not in [each.name for each in (real.folder / "j.results").iterdir()]
    assert told(real, "j")["steps"] == []
    assert real.left_behind() == []
