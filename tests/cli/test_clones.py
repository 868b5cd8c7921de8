"""Jobs that wake from golden memory, as a user meets them, on fake hosts; and processes that are killed on the way."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path

import pytest

from faults import ALWAYS
from shell import DEADLINE, Shell
from vmf.warehouse.shelf import Warehouse

KILL_AT = str(Path(__file__).parents[1] / "kill_at.py")
VERB = "vmf.plugins:Hypervisor."


@pytest.fixture
def plain(shell: Shell) -> str:
    """An image without steps."""
    spec = {"disks": [{"file": "box.raw"}], "hardware": {"memory": "256MiB"}}
    return described(shell, "plain", spec)


@pytest.fixture
def stepped(shell: Shell) -> str:
    """An image with a step."""
    steps = [{"name": "one", "run": "echo one"}]
    spec = {"disks": [{"file": "box.raw"}], "hardware": {"memory": "256MiB"}, "steps": steps}
    return described(shell, "stepped", spec)


def described(shell: Shell, name: str, spec: dict[str, object]) -> str:
    path = shell.folder / f"{name}.image.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}))
    return path.name


def build(shell: Shell, *words: str, code: int = 0) -> str:
    done = shell.vmf("image", "build", *words, *shell.hosts)
    assert done.returncode == code, done.stderr
    return done.stdout


def memory(shell: Shell) -> str:
    """The id of the one golden image with memory."""
    (found,) = (each.id for each in Warehouse(shell.home / "images").every() if each.memory)
    return found


def killed(shell: Shell, point: tuple[str, int], *words: str) -> None:
    """Type words of which the process is killed just before a call; it must have come that far."""
    place, number = point
    done = dataclasses.replace(shell, program=(KILL_AT, place, str(number))).vmf(*words)
    assert done.returncode == -signal.SIGKILL, done


def begins(shell: Shell, *changes: str) -> dict[str, str]:
    words = [word for change in changes for word in ("--set", change)]
    planned = json.loads(shell.vmf("plan", "--format", "json", "j.yaml", *words).stdout)
    (line,) = (line for line in planned["j"] if line["what"] == "begins")
    return line


def test_an_image_without_steps_keeps_memory_once(shell: Shell, plain: str) -> None:
    said = build(shell, plain)
    assert said.endswith(f"plain has memory: golden image {memory(shell)}\n")
    assert build(shell, plain) == f"plain has memory already: golden image {memory(shell)}\n"
    assert (shell.left_behind(), [*(shell.home / "builds").iterdir()]) == ([], [])


def test_plan_run_and_show_tell_that_a_guest_wakes(shell: Shell, plain: str) -> None:
    shell.job("who\nexit 4")
    assert begins(shell) == {"what": "begins", "how": "boots", "why": "no golden image has memory for it"}
    build(shell, plain)
    how = f"wakes from golden memory of {memory(shell)}"
    assert begins(shell)["how"] == how
    assert f"begins       {how}\n" in shell.vmf("plan", "j.yaml").stdout
    done = shell.vmf("run", "--console", "j.yaml")
    assert (done.returncode, f"j: running; it {how}\n" in done.stdout, "host j" in done.stdout) == (4, True, True)
    assert f"begins     {how}\n" in shell.vmf("show", "j").stdout
    assert json.loads(shell.vmf("show", "--format", "json", "j").stdout)["beginning"]["golden"] == memory(shell)


def test_plan_run_and_show_tell_why_a_guest_boots(shell: Shell, plain: str) -> None:
    build(shell, plain)
    shell.job("exit 4")
    why = "its machine has another word about a screen than the one whose memory was kept"
    assert begins(shell, "vnc=true") == {"what": "begins", "how": "boots", "why": why}
    done = shell.vmf("run", "j.yaml", "--set", "vnc=true")
    assert (done.returncode, f"j: running; it boots ({why})\n" in done.stdout) == (4, True)
    assert f"boots ({why})\n" in shell.vmf("show", "j").stdout


def test_damaged_memory_is_set_aside_and_the_job_boots_from_the_image(shell: Shell, stepped: str) -> None:
    build(shell, stepped)
    (shell.home / "images/.golden/whole" / memory(shell) / "memory").write_bytes(b"x")
    path = shell.job("exit 4")
    path.write_text(path.read_text().replace("box.raw", stepped))
    done = shell.vmf("run", "j.yaml")
    assert (done.returncode, "is set aside" in done.stderr) == (4, True)
    assert "which has one done" in done.stdout
    assert build(shell, stepped).endswith(f"stepped has memory: golden image {memory(shell)}\n")


def test_the_memory_stays_while_a_job_has_woken_from_it_and_goes_with_its_image(shell: Shell, stepped: str) -> None:
    build(shell, stepped)
    path = shell.job("hang")
    path.write_text(path.read_text().replace("box.raw", stepped))
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("image", "rm", memory(shell)).returncode == 78
        process.kill()
    assert "job j needs it" in shell.vmf("image", "rm", "stepped").stderr
    assert shell.vmf("image", "gc", "--size", "0").returncode == 0
    assert shell.vmf("image", "show", memory(shell)).stdout.count("j\n") == 1
    assert shell.vmf("rm", "--force", "j").returncode == 0
    assert shell.vmf("image", "rm", "stepped").returncode == 0
    assert Warehouse(shell.home / "images").ids() == ()


def test_where_no_guest_can_wake_the_image_is_kept_and_it_is_said(shell: Shell, stepped: str) -> None:
    shell.fault("create", "host", "out of order", ability="memory-clone")
    shell.vmf("run", str(shell.job("exit 4")))
    said = build(shell, stepped)
    assert "stepped is golden image" in said
    assert "stepped is kept without memory: farm: out of order; set aside" in said


def test_a_build_whose_memory_is_not_wanted_any_more_is_stopped(shell: Shell, plain: str) -> None:
    shell.fault("console", "host", "nothing is heard", times=ALWAYS)
    with shell.start("image", "build", plain, *shell.hosts) as process:
        shell.reaches("memory-plain", "running")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert shell.left_behind() == []


@pytest.mark.parametrize(
    "point",
    [
        ("vmf.store:Store.submit", 1), (f"{VERB}create", 1), (f"{VERB}imprint", 0), (f"{VERB}imprint", 1),
        (f"{VERB}fetch", 2), ("vmf.run.building:Builder.imprint", 0), ("vmf.warehouse.folders:Folders.settle", 1),
        ("vmf.run.results:Parcel.drop_disks", 1), ("vmf.run.results:Parcel.deliver", 1), (f"{VERB}destroy", 1),
        ("vmf.cli.builds:Builds._remembered", 0),
    ],
)  # fmt: skip
def test_a_build_that_is_killed_while_it_keeps_memory_is_typed_again(
    shell: Shell, stepped: str, point: tuple[str, int]
) -> None:
    killed(shell, point, "image", "build", stepped, *shell.hosts)
    said = build(shell, stepped)
    assert memory(shell) in said
    assert {each.state for each in shell.records()} == {"completed"}
    assert len(shell.records("memory-stepped")) == 1
    assert (shell.left_behind(), [*(shell.home / "images/.golden/making").iterdir()]) == ([], [])


@pytest.mark.parametrize(
    ("point", "brief"),
    [
        (("vmf.run.waking:check", 0), ""), ((f"{VERB}put", 0), ""), ((f"{VERB}create", 0), ""),
        (("vmf.run.attempt:Attempt.look", 0), ""), ((f"{VERB}destroy", 0), "no way"), ((f"{VERB}create", 1), "no way"),
    ],
)  # fmt: skip
def test_a_job_that_is_killed_while_its_guest_wakes_has_one_guest(
    shell: Shell, plain: str, point: tuple[str, int], brief: str
) -> None:
    build(shell, plain)
    if brief:
        shell.fault("create", "job", brief, times=2)
    shell.job("who\nwrite out.txt made\nexit 4")
    killed(shell, point, "run", "j.yaml", *shell.hosts)
    done = shell.vmf("wait", "j")
    assert done.returncode == 4, done.stderr
    (record,) = shell.records("j")
    assert (record.attempt, bool(record.beginning.golden)) == (1, not brief)
    assert (shell.folder / "j.results/console.log").read_text().count("host ") == 1
    assert shell.left_behind() == []
