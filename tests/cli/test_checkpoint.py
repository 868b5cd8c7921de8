"""Guests that are kept, from another terminal, and what is done with what is kept of them."""

from __future__ import annotations

import json
import signal

import pytest

from shell import DEADLINE, Shell, until

KEPT = "checkpoint={on_eviction: true, keep: 2}"


@pytest.fixture
def counting(shell: Shell):
    """A job that another process runs, whose guest counts and which keeps its two last checkpoints."""
    shell.job("count")
    with shell.start("run", "j.yaml", "--set", KEPT) as process:
        shell.reaches("j", "running")
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def orphan(shell: Shell, counting) -> None:
    """End the engine, and leave what is kept."""
    counting.kill()
    counting.wait()
    until(lambda: "orphaned" in shell.row("j"), "it is orphaned")


def listed(shell: Shell, *jobs: str) -> list[tuple[int, list[int]]]:
    told = json.loads(shell.vmf("checkpoint", "ls", *jobs, "--format", "json").stdout)
    return [(each["id"], [kept["number"] for kept in each["kept"]]) for each in told]


@pytest.mark.usefixtures("counting")
def test_a_guest_is_kept_and_goes_on_and_what_is_kept_is_listed(shell: Shell) -> None:
    for _ in range(3):
        assert shell.vmf("checkpoint", "j").stdout == "j: running\n"
    assert listed(shell) == listed(shell, "j") == [(1, [2, 3])]
    header, second, third = shell.vmf("checkpoint", "ls").stdout.splitlines()
    assert header.split() == ["ID", "JOB", "NUMBER", "AT", "SIZE", "STOOD", "STILL"]
    assert (second.split()[:3], third.split()[:3]) == (["1", "j", "2"], ["1", "j", "3"])
    assert shell.vmf("checkpoint", "verify", "j").stdout.splitlines() == [
        "j: checkpoint 2 is as it was kept",
        "j: checkpoint 3 is as it was kept",
    ]


def test_nothing_is_kept_of_a_job_that_has_ended(shell: Shell, counting) -> None:
    shell.vmf("checkpoint", "j")
    counting.send_signal(signal.SIGINT)
    counting.communicate(timeout=DEADLINE)
    assert listed(shell) == []
    assert shell.vmf("checkpoint", "verify", "j").stdout == "j: nothing is kept\n"
    assert not (shell.home / "jobs/1/checkpoints").exists()


@pytest.mark.usefixtures("counting")
def test_every_checkpoint_is_looked_at_and_a_spoilt_one_is_named(shell: Shell) -> None:
    for _ in range(2):
        shell.vmf("checkpoint", "j")
    memory = shell.home / "jobs/1/checkpoints/1/memory"
    memory.write_bytes(memory.read_bytes() + b"x")
    done = shell.vmf("checkpoint", "verify", "j")
    assert done.returncode == 74
    assert done.stdout.splitlines() == [
        f"j: checkpoint 1 is spoilt: {memory} is not what was kept",
        "j: checkpoint 2 is as it was kept",
    ]
    told = [json.loads(line) for line in shell.vmf("checkpoint", "verify", "j", "--format", "json").stdout.splitlines()]
    assert [(each["number"], each["reason"]) for each in told] == [(1, f"{memory} is not what was kept"), (2, "")]


def test_what_an_engine_needs_is_not_removed_and_what_nobody_carries_is(shell: Shell, counting) -> None:
    shell.vmf("checkpoint", "j")
    refused = shell.vmf("checkpoint", "rm", "j")
    assert refused.returncode == 78
    assert "j (job 1) is carried by an engine, which needs what is kept" in refused.stderr
    assert listed(shell) == [(1, [1])]
    orphan(shell, counting)
    assert shell.vmf("checkpoint", "rm", "j").stdout == "j: 1 checkpoint removed\n"
    assert listed(shell) == []
    assert not (shell.home / "jobs/1/checkpoints").exists()
    with shell.start("wait", "j") as waiting:
        until(lambda: "orphaned" not in shell.row("j"), "it is carried on")
        assert shell.vmf("checkpoint", "j").stdout == "j: running\n"
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=DEADLINE)


def test_a_job_that_was_not_made_for_it_is_left_alone(shell: Shell) -> None:
    shell.job("count")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        done = shell.vmf("checkpoint", "j")
        assert done.returncode == 78
        assert "j (job 1) was not made to be kept" in done.stderr
        assert "`checkpoint: {on_eviction: true}`" in done.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


@pytest.mark.usefixtures("counting")
def test_only_a_guest_that_runs_is_kept(shell: Shell) -> None:
    shell.vmf("suspend", "--soft", "j")
    done = shell.vmf("checkpoint", "j")
    assert done.returncode == 78
    assert "j (job 1) is suspended" in done.stderr
    assert "a job can be checkpointed while it is running" in done.stderr


def test_one_that_fails_says_why_and_the_guest_goes_on(shell: Shell, counting) -> None:
    shell.vmf("checkpoint", "j")
    shell.fault("checkpoint", "host", "no room for its memory")
    done = shell.vmf("checkpoint", "j")
    assert done.returncode == 71
    assert "j (job 1) could not be checkpointed: no room for its memory" in done.stderr
    shell.reaches("j", "running")
    assert counting.poll() is None
    assert listed(shell) == [(1, [1])]
    assert "no checkpoint could be taken: no room for its memory" in shell.vmf("show", "j").stdout


@pytest.mark.parametrize("word", ["rm", "verify"])
def test_a_word_alone_is_no_job(shell: Shell, word: str) -> None:
    shell.job("exit 0", word)
    shell.vmf("run", f"{word}.yaml")
    done = shell.vmf("checkpoint", word)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"`vmf checkpoint {word}` has to be told of which jobs" in done.stderr
    assert f"a job called {word!r} is named by its id" in done.stderr
    assert f"{word} (job 1) is completed" in shell.vmf("checkpoint", "1").stderr


@pytest.mark.usefixtures("counting")
def test_the_story_tells_what_is_kept_and_what_was_missed(shell: Shell) -> None:
    shell.host("barn")
    shell.vmf("checkpoint", "j")
    shell.vmf("vacate", "j")
    shell.reaches("j", "running")
    told = shell.vmf("show", "j").stdout
    assert "kept     checkpoint 1, " in told
    assert "kept     checkpoint 2, " in told
    assert "missed   " in told
    words = [line.split(maxsplit=3)[3] for line in told.partition("WHAT HAPPENED\n")[2].splitlines()]
    assert words[2] == "asked for a checkpoint: owner"
    assert words[3].startswith("checkpoint 1, ")
    assert (words[4], words[6]) == ("asked to leave its host", "has left its host")
    assert words[8].startswith("machine vmf-1-2 goes on from checkpoint 2, having missed ")
    story = json.loads(shell.vmf("show", "j", "--format", "json").stdout)
    assert [each["number"] for each in story["kept"]] == [1, 2]
    assert [each["checkpoint"] for each in story["gaps"]] == [2]


def test_an_orphan_is_kept_and_moved_by_an_engine_that_is_started_for_it(shell: Shell, counting) -> None:
    orphan(shell, counting)
    done = shell.vmf("checkpoint", "j")
    assert (done.returncode, done.stdout) == (0, "j: running\n"), done.stderr
    until(lambda: "orphaned" not in shell.row("j"), "it is carried on")
    assert shell.vmf("vacate", "j").returncode == 0
    shell.reaches("j", "running")
    assert shell.vmf("rm", "j").returncode == 0


def test_what_is_kept_of_one_job_is_removed_though_an_engine_needs_that_of_another(shell: Shell, counting) -> None:
    assert shell.vmf("checkpoint", "j").returncode == 0
    shell.job("count", "other")
    with shell.start("run", "other.yaml") as process:
        shell.reaches("other", "running")
        orphan(shell, counting)
        done = shell.vmf("checkpoint", "rm", "other", "j")
        assert (done.returncode, done.stdout) == (78, "j: 1 checkpoint removed\n")
        assert "other (job 2) is carried by an engine" in done.stderr
        assert shell.vmf("rm", "j", "other").returncode == 0
        process.communicate(timeout=DEADLINE)
