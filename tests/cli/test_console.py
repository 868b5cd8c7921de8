"""`vmf console`: a terminal joined to a guest's, and left as it was."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from shell import Shell
from window import window

SECONDS = 30
LEAVE = b"\x1d"


@pytest.fixture
def running(shell: Shell):
    """A job that another process runs, whose guest says each line that is typed."""
    shell.job("hear\nhear\nexit 0")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def test_what_is_typed_is_heard_and_the_way_out_is_told(shell: Shell, running) -> None:
    with window(shell, "j") as opened:
        opened.joined()
        opened.type(b"one\x03\x1a\r")
        opened.shows(b"heard one\x03\x1a".replace(b"\x03\x1a", rb"\x03\x1a"))
        opened.type(LEAVE)
        opened.shows(b"left the console of j, which goes on")
        assert opened.ends() == 0
        assert opened.as_it_was()
    assert running.poll() is None


def test_the_window_closes_when_the_machine_ends(shell: Shell, running) -> None:
    with window(shell, "1") as opened:
        opened.joined()
        opened.type(b"one\rtwo\r")
        opened.shows(b"heard two")
        opened.shows(b"the machine of j has ended")
        assert opened.ends() == 0
        assert opened.as_it_was()
    assert running.wait(timeout=SECONDS) == 0


@pytest.mark.usefixtures("running")
def test_the_window_closes_when_the_guest_is_saved(shell: Shell) -> None:
    with window(shell, "j") as opened:
        opened.joined()
        assert shell.vmf("suspend", "--hard", "j").returncode == 0
        opened.shows(b"the guest of j stands still; `vmf resume j` has it go on")
        assert opened.ends() == 0


@pytest.mark.usefixtures("running")
def test_one_at_a_time(shell: Shell) -> None:
    with window(shell, "j") as opened:
        opened.joined()
        second = shell.vmf("console", "j")
        assert (second.returncode, second.stdout) == (78, "")
        assert "somebody else is at the console" in second.stderr
        opened.type(LEAVE)
        assert opened.ends() == 0
    with window(shell, "j") as opened:
        opened.joined()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(shell: Shell, running, number) -> None:
    with window(shell, "j") as opened:
        opened.joined()
        opened.process.send_signal(number)
        assert opened.ends() == 80
        assert opened.as_it_was()
    assert running.poll() is None


@pytest.mark.usefixtures("running")
def test_from_a_pipe_it_types_and_listens_to_the_end(shell: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vmf", "console", "j"],
        cwd=shell.folder, env=shell.environment, input="one\ntwo\n", capture_output=True, text=True, check=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.stdout == "heard one\nheard two\n"


def test_a_job_that_does_not_run_has_no_console(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    done = shell.vmf("console", "j")
    assert done.returncode == 78
    assert "j (job 1) is completed" in done.stderr
