"""What is done before a job's machine is destroyed, on fake hosts."""

from __future__ import annotations

import pytest

from cli.test_actions import Lend, ask
from cli.test_steps import job, killed, step
from shell import DEADLINE, Shell, until

VERB = "vmf.plugins:Hypervisor."


def spec(shell: Shell, *steps: dict[str, object], run: str = "hang", **more: object) -> str:
    return job(shell, "j", run=run, **{"finally": {"steps": steps, **more}})


def console(shell: Shell) -> str:
    return (shell.folder / "j.results/console.log").read_text()


def test_a_guest_that_is_stopped_does_its_part_and_then_the_host(shell: Shell, lend: Lend) -> None:
    said = lend("last", "echo host >>$said")
    with shell.start("run", spec(shell, step("bye", "echo leaving"), ask("last", after="bye"))) as process:
        shell.reaches("j", "running")
        assert shell.vmf("rm", "j").returncode == 0
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert said.read_text() == "host\n"
    assert "vmf: step bye: begins\nleaving\n" in console(shell)
    assert out.index("stopping") < out.index("step last: done") < out.index("stopped")
    assert shell.left_behind() == []


BYE = {"finally": {"steps": [step("bye", "echo leaving")]}}


def test_a_guest_that_keeps_no_contract_does_its_part_by_its_agent(shell: Shell) -> None:
    with shell.start("run", job(shell, "j", run=None, agent=True, **BYE)) as process:
        shell.reaches("j", "running")
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "vmf: step bye: begins\nleaving\n" in console(shell)
    assert shell.left_behind() == []


def test_an_agent_that_does_not_answer_keeps_nothing_from_its_end(shell: Shell) -> None:
    shell.fault("execute", "job", "nobody answers")
    with shell.start("run", job(shell, "j", run=None, agent=True, **BYE)) as process:
        shell.reaches("j", "running")
        assert shell.vmf("rm", "j").returncode == 0
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "j: finally: nobody answers\n" in out
    assert "leaving" not in console(shell)
    assert shell.left_behind() == []


def test_when_a_guest_has_shut_itself_down_only_the_host_does_its_part(shell: Shell, lend: Lend) -> None:
    said = lend("last", "echo host >>$said")
    done = shell.vmf("run", spec(shell, step("bye", "echo leaving"), ask("last"), run="exit 0"))
    assert done.returncode == 0, done.stderr
    assert said.read_text() == "host\n"
    assert "leaving" not in console(shell)


def test_what_fails_in_the_end_is_told_and_keeps_nothing_from_its_end(shell: Shell, lend: Lend) -> None:
    lend("last", "echo no way; exit 3")
    done = shell.vmf("run", spec(shell, ask("last"), run="exit 0"))
    assert done.returncode == 0, done.stderr
    assert "j: finally: step last failed with exit code 3; it said: no way\n" in done.stdout
    assert shell.left_behind() == []


def test_what_takes_too_long_in_the_end_is_given_up(shell: Shell, lend: Lend) -> None:
    lend("last", "sleep 300")
    done = shell.vmf("run", spec(shell, ask("last"), run="exit 0", time_limit="1s"))
    assert done.returncode == 0, done.stderr
    assert "j: finally: given up after 1" in done.stdout


def test_a_job_that_is_held_has_its_end_done(shell: Shell, lend: Lend) -> None:
    said = lend("last", "echo host >>$said")
    with shell.start("run", spec(shell, step("bye", "echo leaving"), ask("last"))) as process:
        shell.reaches("j", "running")
        assert shell.vmf("hold", "j").returncode == 0
        out, _ = process.communicate(timeout=DEADLINE)
    assert said.read_text() == "host\n"
    assert "step bye" not in out or process.returncode


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["asked", "forced"])
def test_an_orphan_that_is_removed_has_its_end_done(shell: Shell, lend: Lend, force: tuple[str, ...]) -> None:
    """By its host whatever its owner wants; its guest is left in peace where the end is forced."""
    said = lend("last", "echo host >>$said")
    with shell.start("run", spec(shell, step("bye", "echo leaving"), ask("last"))) as process:
        shell.reaches("j", "running")
        process.kill()
    assert shell.vmf("rm", *force, "j").returncode == 0
    assert said.read_text() == "host\n"
    assert force or "leaving" in console(shell)
    assert shell.left_behind() == []


@pytest.mark.parametrize("point", ["vmf.run.acting:Acting.perform", f"{VERB}destroy"])
def test_an_end_that_is_killed_is_done_again_and_nothing_is_left(shell: Shell, lend: Lend, point: str) -> None:
    said = lend("last", "echo host >>$said")
    wanted = spec(shell, ask("last"), run="exit 0")
    killed(shell, (point, 0), "run", wanted, *shell.hosts)
    assert shell.vmf("run", wanted).returncode == 0
    assert 1 <= len(said.read_text().splitlines()) <= 2
    assert shell.left_behind() == []


def test_a_guest_that_does_not_answer_keeps_nobody_waiting_longer_than_it_may(shell: Shell, lend: Lend) -> None:
    lend("last", "true")
    with shell.start("run", spec(shell, step("bye", "echo leaving"), run="deaf\nhang", time_limit="1s")) as process:
        shell.reaches("j", "running")
        until(lambda: "deaf" in (shell.home / "hosts/farm/machines/vmf-1-1/console.log").read_text(), "it is deaf")
        assert shell.vmf("rm", "--force", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert shell.left_behind() == []
