"""`vmf configure`: steps on a machine that runs, on fake hosts."""

from __future__ import annotations

import json

import pytest

from cli.test_actions import Lend, ask
from cli.test_steps import job, step, told
from shell import DEADLINE, Shell, until


def steps(shell: Shell, *wanted: dict[str, object]) -> str:
    path = shell.folder / "more.yaml"
    whole = {"apiVersion": "vmf/v1", "kind": "Steps", "metadata": {"name": "more"}, "spec": {"steps": wanted}}
    path.write_text(json.dumps(whole))
    return path.name


@pytest.fixture
def live(shell: Shell, lend: Lend) -> None:
    """A job whose guest runs until it is told to go."""
    lend("show", 'echo "$VMF_JOB $VMF_MACHINE"; echo "vmf: publish Rack = 7"')
    assert shell.vmf("run", "--detach", job(shell, "j", run="hear\nexit 0")).returncode == 0
    shell.reaches("j", "running")


def end(shell: Shell) -> dict[str, object]:
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 0
    return told(shell)


@pytest.mark.usefixtures("live")
def test_steps_are_done_by_guest_and_host_in_turns_and_kept(shell: Shell) -> None:
    wanted = [
        ask("show", after="first"),
        step("first", "echo vmf: publish Port = 80", publish={"More": "1"}),
        step("second", after="show"),
    ]
    done = shell.vmf("configure", "j", steps(shell, *wanted))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.endswith("begins")]
    assert lines == ["j: step first: done", "j: step show: done", "j: step second: done"]
    until(lambda: len(shell.records("j")[-1].configured) == 3, "its record has them")
    assert "configured: first, show, second" in shell.vmf("show", "j").stdout
    assert [json.loads(line)["Rack"] for line in [shell.vmf("query", "j", "--format", "json").stdout]] == [7]
    assert end(shell)["attributes"] == {"Port": 80, "More": 1, "Rack": 7}
    until(lambda: shell.left_behind() == [], "the engine has left")


@pytest.mark.usefixtures("live")
def test_what_fails_is_told_and_nothing_comes_after_it(shell: Shell) -> None:
    wanted = [step("bad", "echo out of luck\nexit 3"), step("more", after="bad"), ask("show", after="more")]
    done = shell.vmf("configure", "j", steps(shell, *wanted))
    assert done.returncode == 82
    assert done.stdout == "j: step bad: failed with exit code 3\n"
    assert "vmf: j: step bad failed with exit code 3; it said: out of luck" in done.stderr
    until(lambda: shell.records("j")[-1].configured, "its record has it")
    assert end(shell)["outcome"] == "completed"


def test_an_orphan_can_be_configured_and_its_record_keeps_it(shell: Shell, lend: Lend) -> None:
    lend("show", 'echo "vmf: publish Rack = 7"')
    spec = job(shell, "j", run="hear\nexit 0")
    with shell.start("run", spec) as process:
        shell.reaches("j", "running")
        process.kill()
    done = shell.vmf("configure", "j", steps(shell, ask("show"), step("one")))
    assert done.returncode == 0, done.stderr
    (record,) = shell.records("j")
    assert [each.name for each in record.configured] == ["show", "one"]
    assert record.published == {"Rack": "7"}
    assert end(shell)["attributes"] == {"Rack": 7}


def test_a_guest_that_keeps_no_contract_does_steps_by_its_agent(shell: Shell) -> None:
    with shell.start("run", job(shell, "j", run=None, agent=True)) as process:
        shell.reaches("j", "running")
        wanted = [step("one", "echo said", publish={"Port": "80"}), step("bad", "exit 3"), step("more", after="bad")]
        done = shell.vmf("configure", "j", steps(shell, *wanted))
        assert done.returncode == 82
        assert [line for line in done.stdout.splitlines() if not line.endswith("begins")] == [
            "j: step one: done",
            "j: step bad: failed with exit code 3",
        ]
        until(lambda: len(shell.records("j")[-1].configured) == 2, "its record has them")
        assert "vmf: step one: begins\nsaid\n" in shell.vmf("logs", "j").stdout
        assert not [*(shell.home / "hosts/farm/machines").glob("*/inside/*")]
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert told(shell)["attributes"] == {"Port": 80}
    assert shell.left_behind() == []


def test_a_guest_that_listens_to_nobody_is_not_configured(shell: Shell) -> None:
    with shell.start(
        "run", job(shell, "j", run="hang", image=None, disks=[{"file": "box.raw", "bus": "sata"}])
    ) as process:
        shell.reaches("j", "running")
        done = shell.vmf("configure", "j", steps(shell, step("one")))
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert done.returncode == 78
    assert "no agent in its guest, and no drive" in done.stderr
    assert "its job needs `agent: true`" in done.stderr


def test_a_job_that_does_not_run_is_not_configured(shell: Shell) -> None:
    assert shell.vmf("run", job(shell, "j")).returncode == 0
    done = shell.vmf("configure", "1", steps(shell, step("one")))
    assert done.returncode == 78
    assert "only a guest that runs can be reached" in done.stderr


@pytest.mark.parametrize(
    ("change", "rule"), [(("after", "none"), "VMF234"), (("rum", "x"), "VMF109"), (("command", ["x"]), "VMF232")]
)
def test_files_of_steps_are_read_and_judged_like_others(shell: Shell, change: tuple[str, object], rule: str) -> None:
    name = steps(shell, step("one", **dict([change])))
    assert rule in shell.vmf("lint", name).stdout
    assert "more.yaml:1:" in shell.vmf("configure", "j", name).stderr
