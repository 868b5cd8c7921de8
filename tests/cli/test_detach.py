"""`vmf run --detach`: an engine of its own, whatever becomes of the shell and whatever lies beside the job."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from shell import DEADLINE, Shell, until


def test_a_detached_job_is_waited_for_from_anywhere(shell: Shell) -> None:
    shell.job("write out.txt far\nsleep 1\nexit 4")
    assert shell.vmf("run", "--detach", "j.yaml").returncode == 0
    assert shell.vmf("wait", "j").returncode == 4
    assert (shell.folder / "j.results/out.txt").read_text() == "far\n"
    until(lambda: shell.left_behind() == [], "the engine has left")


def test_a_detached_engine_outlives_all_that_its_shell_started(shell: Shell) -> None:
    shell.within = ("setsid",)
    shell.job("hang")
    with shell.start("run", "--detach", "j.yaml") as process:
        assert process.wait(DEADLINE) == 0
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    shell.reaches("j", "running")
    assert "orphaned" not in shell.row("j")


def test_a_detached_engine_imports_nothing_that_lies_beside_the_job(shell: Shell) -> None:
    (shell.folder / "pycdlib.py").write_text("raise RuntimeError('not what it seems')")
    shell.job("exit 4")
    assert shell.vmf("run", "--detach", "j.yaml").returncode == 0
    assert shell.vmf("wait", "j").returncode == 4
