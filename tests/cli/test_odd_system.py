"""File systems without locks, and clocks that jump."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from shell import DEADLINE, Shell

pytestmark = pytest.mark.exhaustive

ODD = str(Path(__file__).parents[1] / "odd_system.py")


def odd(shell: Shell, how: str) -> Shell:
    return dataclasses.replace(shell, program=(ODD, how))


@pytest.mark.parametrize(
    ("how", "why"), [("without-locks", "No locks available"), ("with-idle-locks", "a lock keeps nobody out")]
)
def test_a_state_folder_without_locks_is_refused(shell: Shell, how: str, why: str) -> None:
    """Before anything else: two engines would have the same job."""
    shell.job("exit 5")
    said = odd(shell, how).refused(code=79)
    assert f"the state folder {shell.home} is on a file system without locks: {why}" in said
    assert "set VMF_HOME to a folder on a disk of this computer" in said


def test_a_job_without_an_engine_waits_while_its_folder_has_no_locks(shell: Shell) -> None:
    shell.orphan("hang")
    for words in (("ps",), ("wait", "j"), ("rm", "j")):
        done = odd(shell, "without-locks").vmf(*words)
        assert (done.returncode, done.stdout) == (79, "")
    assert "running, orphaned" in shell.row("j")


def test_a_clock_that_jumps_decides_nothing(shell: Shell) -> None:
    """By hours, to and fro, each time that somebody looks: a job is suspended, kept and done as on any other day."""
    clock, log = odd(shell, "jumping"), shell.folder / "events.log"
    shell.job("hear\nwrite out.txt made\nexit 5")
    fields = ("checkpoint={on_eviction: true, period: 1h}", "time_limit=1h", f"event_log={log}")
    typed = [word for field in fields for word in ("--set", field)]
    with clock.start("run", "j.yaml", *typed) as process:
        shell.reaches("j", "running")
        for words in (("suspend",), ("resume",), ("suspend", "--hard"), ("resume",), ("checkpoint",)):
            assert clock.vmf(*words, "j").returncode == 0
        shell.tell("j")
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (5, "")
    assert re.search(r"in \d", out)
    result = json.loads((shell.folder / "j.results/result.json").read_text())
    assert [each["seconds"] >= 0 for each in result["gaps"]] == [True, True], "each time that it stood still is known"
    shown = clock.vmf("show", "j").stdout + clock.vmf("ps", "--all").stdout
    assert not re.search(r"-\d+(\.\d)?[smh]", shown)
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    wanted = ["suspend-asked", "suspended", "resume-asked", "resumed", "suspend-asked", "saved", "resume-asked"]
    assert events[2:9] == wanted
    assert events.count("checkpointed") == 1, "the one that was asked for"
