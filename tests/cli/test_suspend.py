"""Standing still and going on, asked for from another terminal."""

from __future__ import annotations

import json
import signal

import pytest

from faults import ALWAYS
from shell import DEADLINE, Shell, until

SOFT, HARD = "--soft", "--hard"


@pytest.fixture
def counting(shell: Shell):
    """A job that another process runs, whose guest counts."""
    shell.job("count")
    with shell.start("run", "--console", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def counts(shell: Shell) -> list[int]:
    console = (shell.home / "hosts/farm/machines/vmf-1-1/console.log").read_text()
    return [int(line.removeprefix("count ")) for line in console.splitlines()]


def taken(shell: Shell) -> int:
    """The jobs that hold room on the farm."""
    return len(shell.holders())


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize(("how", "state", "holders"), [(SOFT, "suspended", 1), (HARD, "saved", 0)])
def test_a_guest_stands_still_and_goes_on_where_it_stood(shell: Shell, how: str, state: str, holders: int) -> None:
    until(lambda: counts(shell), "it counts")
    done = shell.vmf("suspend", how, "j")
    assert (done.returncode, done.stdout) == (0, f"j: {state}\n")
    assert state in shell.row("j")
    assert taken(shell) == holders
    stood = len(counts(shell))
    assert shell.vmf("resume", "1").stdout == "j: running\n"
    assert taken(shell) == 1
    until(lambda: len(counts(shell)) > stood + 2, "it goes on")
    found = counts(shell)
    assert found == list(range(1, len(found) + 1))


def test_the_room_of_a_saved_guest_is_anothers_until_it_is_free_again(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("count", "a")
    shell.job("hang", "b")
    with shell.start("run", "a.yaml") as first:
        shell.reaches("a", "running")
        assert shell.vmf("suspend", HARD, "a").returncode == 0
        with shell.start("run", "b.yaml") as second:
            shell.reaches("b", "running")
            with shell.start("resume", "a") as resuming:
                shell.reaches("a", "waking")
                second.send_signal(signal.SIGINT)
                assert resuming.wait(DEADLINE) == 0
            second.communicate(timeout=DEADLINE)
        shell.reaches("a", "running")
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=DEADLINE)


@pytest.mark.usefixtures("counting")
def test_an_order_that_has_no_meaning_is_refused_with_the_state_that_was_found(shell: Shell) -> None:
    done = shell.vmf("release", "j")
    assert done.returncode == 78
    assert "j (job 1) is running: its guest runs" in done.stderr
    assert "a job can be released while it is held" in done.stderr


@pytest.mark.usefixtures("counting")
def test_who_cannot_be_resumed_says_why_and_stands_still_until_it_can(shell: Shell) -> None:
    assert shell.vmf("suspend", HARD, "j").returncode == 0
    shell.fault("resume", "job", "port 8080 of this computer is taken")
    done = shell.vmf("resume", "j")
    assert (done.returncode, done.stdout) == (71, "")
    assert "j (job 1) could not be resumed: port 8080 of this computer is taken" in done.stderr
    shell.reaches("j", "saved")
    assert taken(shell) == 0
    assert "could not be resumed: port 8080 of this computer is taken" in shell.vmf("show", "j").stdout
    assert shell.vmf("resume", "j").stdout == "j: running\n"


@pytest.mark.usefixtures("counting")
def test_each_of_several_jobs_is_done_or_told_of(shell: Shell) -> None:
    done = shell.vmf("suspend", SOFT, "nobody", "j")
    assert (done.returncode, done.stdout) == (78, "j: suspended\n")
    assert "no job is called 'nobody'" in done.stderr
    done = shell.vmf("release", "j", "nobody")
    assert done.returncode == 78
    assert "j (job 1) is suspended" in done.stderr
    assert "no job is called 'nobody'" in done.stderr
    assert shell.vmf("rm", "nobody", "j").stdout == "j: removed\n"


@pytest.mark.usefixtures("counting")
def test_two_verbs_at_once_are_done_one_after_the_other(shell: Shell) -> None:
    """Each is told the state that came of its own."""
    shell.fault("suspend", "lost", "no route", times=ALWAYS)
    with shell.start("suspend", HARD, "j") as first:
        shell.reaches("j", "suspending")
        with shell.start("resume", "j") as second:
            shell.fault("suspend", "lost", "no route", times=0)
            assert second.communicate(timeout=DEADLINE)[0] == "j: running\n"
        assert first.communicate(timeout=DEADLINE)[0] == "j: saved\n"
    shell.reaches("j", "running")


def test_a_wish_that_has_no_meaning_any_more_is_told_of_with_the_state_that_was_found(shell: Shell) -> None:
    shell.job("count")
    with shell.start("run", "j.yaml", "--set", "checkpoint.on_eviction=true") as process:
        shell.reaches("j", "running")
        shell.fault("suspend", "lost", "no route", times=ALWAYS)
        with shell.start("suspend", HARD, "j") as first:
            shell.reaches("j", "suspending")
            with shell.start("checkpoint", "j") as second:
                shell.fault("suspend", "lost", "no route", times=0)
                _, said = second.communicate(timeout=DEADLINE)
            assert first.wait(DEADLINE) == 0
        assert second.returncode == 78
        assert "j (job 1) is saved: its guest stands still" in said
        assert "a job can be checkpointed while it is running" in said
        assert shell.vmf("vacate", "j").returncode == 0
        shell.reaches("j", "running")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_a_guest_that_waits_for_room_can_be_left_saved(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("count", "a")
    shell.job("hang", "b")
    with shell.start("run", "a.yaml") as first:
        shell.reaches("a", "running")
        assert shell.vmf("suspend", HARD, "a").returncode == 0
        with shell.start("run", "b.yaml") as second:
            shell.reaches("b", "running")
            with shell.start("resume", "a") as waiting:
                shell.reaches("a", "waking")
                done = shell.vmf("suspend", "a")
                assert (done.returncode, done.stdout) == (0, "a: saved\n"), done.stderr
                assert waiting.wait(DEADLINE) == 78
            assert shell.vmf("rm", "b").returncode == 0
            second.communicate(timeout=DEADLINE)
        assert shell.vmf("resume", "a").returncode == 0
        assert shell.vmf("rm", "a").returncode == 0
        first.communicate(timeout=DEADLINE)


def test_a_soft_suspended_guest_can_be_saved(shell: Shell, counting) -> None:
    assert shell.vmf("suspend", SOFT, "j").returncode == 0
    assert shell.vmf("suspend", HARD, "j").stdout == "j: saved\n"
    counting.send_signal(signal.SIGINT)
    counting.communicate(timeout=DEADLINE)
    assert counting.returncode == 77
    assert shell.left_behind() == []


def test_a_host_that_cannot_leaves_the_guest_running_and_says_why(shell: Shell, counting) -> None:
    shell.fault("suspend", "host", "no room for its memory")
    done = shell.vmf("suspend", HARD, "j")
    assert done.returncode == 71
    assert "j (job 1) could not be suspended: no room for its memory" in done.stderr
    shell.reaches("j", "running")
    assert counting.poll() is None
    assert "could not be suspended: no room for its memory" in shell.vmf("show", "j").stdout


def test_the_word_of_the_hosts_owner_wins(shell: Shell) -> None:
    shell.host(more=", soft_suspend: true")
    shell.job("count")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        done = shell.vmf("suspend", HARD, "j")
        assert done.returncode == 78
        assert "host farm suspends machines soft only, as its owner says" in done.stderr
        assert shell.vmf("suspend", "j").stdout == "j: suspended\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


@pytest.fixture
def still(shell: Shell):
    """A saved job whose engine was killed."""
    shell.job("count")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("suspend", HARD, "j").returncode == 0
        process.kill()
    yield
    shell.vmf("rm", "j")


@pytest.mark.usefixtures("still")
def test_an_orphan_that_stands_still_is_asked_as_any_other_job(shell: Shell) -> None:
    assert "j (job 1) is orphaned, saved: its engine is gone; `vmf resume j` carries it on" in shell.vmf("ps").stderr
    assert shell.vmf("resume", "j", "--format", "json").stdout == '{"job":"j","id":1,"state":"running"}\n'
    assert "orphaned" not in shell.row("j")
    assert shell.vmf("suspend", SOFT, "j").stdout == "j: suspended\n"


@pytest.mark.usefixtures("still")
def test_an_orphan_that_stands_still_is_held(shell: Shell) -> None:
    assert shell.vmf("hold", "j").stdout == "j: held\n"
    assert shell.machines() == []


@pytest.mark.usefixtures("still")
def test_a_run_of_something_else_leaves_an_orphan_that_stands_still(shell: Shell) -> None:
    shell.job("exit 0", "other")
    done = shell.vmf("run", "other.yaml")
    assert done.returncode == 0
    assert "j (job 1) is orphaned, saved" in done.stderr
    with shell.start("run", "j.yaml") as again:
        until(lambda: "orphaned" not in shell.row("j"), "who is asked for by its spec is carried on")
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=DEADLINE)
    with shell.start("wait", "j") as waiting:
        until(lambda: "orphaned" not in shell.row("j"), "who is asked for by its name is carried on")
        waiting.send_signal(signal.SIGTERM)
        waiting.communicate(timeout=DEADLINE)


def test_an_engine_that_waits_for_room_says_who_has_it_and_stands_still(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("count")
    shell.job("exit 3", "k")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("suspend", SOFT, "j").returncode == 0
        process.kill()
    with shell.start("run", "k.yaml") as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("vmf: j (job 1) is orphaned, suspended: its engine is gone")
        assert shell.vmf("rm", "j").returncode == 0
        assert waiting.wait(DEADLINE) == 3
    assert [each.job.name for each in shell.records()] == ["k"]


def test_a_held_job_has_no_machine_until_it_is_released(shell: Shell) -> None:
    shell.job("write out.txt kept\nhear\nexit 4")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("hold", "j").stdout == "j: held\n"
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 76
    assert "j: held, exit code 76 (vmf)" in out
    assert "The job's owner put it on hold. `vmf release` lets it be run" in err
    assert shell.machines() == []
    refused = shell.vmf("hold", "j")
    assert (refused.returncode, "is held" in refused.stderr) == (78, True)
    assert "goes on in the background" in shell.vmf("release", "1").stdout
    shell.reaches("j", "running")
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 4
    assert (shell.folder / "j.results/out.txt").read_text() == "kept\n"
    states = [each["state"] for each in json.loads(shell.vmf("show", "1", "--format", "json").stdout)["events"]]
    assert states[:6] == ["starting", "running", "cleaning", "held", "idle", "starting"]


def test_a_job_that_waits_for_room_can_be_held(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("hang", "a")
    shell.job("exit 0", "b")
    with shell.start("run", "a.yaml", "b.yaml") as process:
        shell.reaches("a", "running")
        assert shell.vmf("hold", "b").stdout == "b: held\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_the_name_of_a_held_job_may_have_been_taken(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("hold", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    with shell.start("run", "j.yaml") as process:
        until(lambda: [each.state for each in shell.records("j")] == ["held", "running"], "the second runs")
        refused = shell.vmf("release", "1")
        assert refused.returncode == 78
        assert "a live job is already called 'j'" in refused.stderr
        assert "`vmf rm 1` forgets this one" in refused.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_a_watch_lists_the_jobs_again_whenever_there_is_news(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("ps", "--watch", "--all", "--format", "json") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline()) == []
        with shell.start("run", "j.yaml") as process:
            seen = []
            while seen[-1:] != ["running"]:
                seen.append(json.loads(watching.stdout.readline())[0]["state"])
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE)
        while seen[-1] != "removed":
            seen.append(json.loads(watching.stdout.readline())[0]["state"])
        watching.send_signal(signal.SIGINT)
        assert watching.wait(DEADLINE) == 0
