"""Hosts that cannot be used or cannot be asked, as the user sees them."""

from __future__ import annotations

import signal

from faults import ALWAYS
from shell import DEADLINE, Shell


def test_a_job_that_fits_nowhere_is_told_of_the_host_that_cannot_be_used_beside_the_others(shell: Shell) -> None:
    shell.host("barn")
    shell.fault("probe", "host", "out of order", times=ALWAYS, host="barn")
    shell.job("exit 0")
    said = shell.refused("j.yaml", "--set", "memory=1TiB", code=72)
    assert "barn: out of order" in said
    assert "farm: memory 1 TiB wanted, 4 GiB in all" in said


def test_where_no_host_can_be_used_the_fault_itself_is_told(shell: Shell) -> None:
    shell.fault("probe", "host", "out of order", times=ALWAYS)
    shell.job("exit 0")
    said = shell.refused(code=71)
    assert said.startswith("vmf: host farm: out of order")


def test_a_second_ctrl_c_gives_a_lost_host_up_and_the_job_is_left_to_be_adopted(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        shell.fault("shut_down", "lost", "no route", times=ALWAYS)
        process.send_signal(signal.SIGINT)
        while "asking again" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 80
    assert "no route; nothing can be forced now, the job is left as it is, to be adopted" in out
    assert "stopping, orphaned" in shell.row("j")
    shell.fault("shut_down", "lost", "no route", times=0)
    assert shell.vmf("wait", "j").returncode == 77
    assert shell.left_behind() == []


def test_an_orphan_on_a_lost_host_is_removed_once_the_host_is_back(shell: Shell) -> None:
    shell.orphan("hang")
    shell.fault("shut_down", "lost", "no route", times=ALWAYS)
    done = shell.vmf("rm", "j")
    assert done.returncode == 71
    assert "j could not be removed yet" in done.stderr
    assert "`vmf rm j` tries again" in done.stderr
    assert "stopping, orphaned" in shell.row("j")
    shell.fault("shut_down", "lost", "no route", times=0)
    assert shell.vmf("rm", "j").returncode == 0
    assert shell.records() == []
    assert shell.left_behind() == []


def test_a_host_that_is_said_to_be_dead_has_its_jobs_go_on_elsewhere(shell: Shell) -> None:
    """The fake's guest does not end with its host, as one whose link is cut: it is removed when the host is back."""
    shell.host("yard")
    shell.job("count")
    with shell.start("run", "j.yaml", "--set", "checkpoint.on_eviction=true") as process:
        shell.reaches("j", "running")
        refused = shell.vmf("host", "dead", "farm", "--hosts", "hosts")
        assert refused.returncode == 78
        assert "host farm answers: it is not dead" in refused.stderr
        assert shell.vmf("checkpoint", "j").returncode == 0
        for verb in ("connect", "machines"):
            shell.fault(verb, "lost", "no route", times=ALWAYS)
        done = shell.vmf("host", "dead", "farm", "--hosts", "hosts")
        assert (done.returncode, done.stdout) == (0, "j: idle\n"), done.stderr
        shell.reaches("j", "running")
        (record,) = shell.records()
        assert (record.placement.host.name, record.attempt, record.gaps[0].checkpoint) == ("yard", 2, 1)
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    shell.fault("connect", "lost", "no route", times=0)
    shell.job("exit 0", name="other")
    assert shell.vmf("run", "other.yaml").returncode == 0
    assert shell.left_behind() == []


def test_an_orphan_of_a_dead_host_goes_on_elsewhere_too(shell: Shell) -> None:
    shell.host("yard")
    shell.orphan("hear\nexit 3")
    shell.fault("connect", "lost", "no route", times=ALWAYS)
    done = shell.vmf("host", "dead", "farm", "--hosts", "hosts", "--format", "json")
    assert (done.returncode, done.stdout) == (0, '{"job":"j","id":1,"state":"idle"}\n'), done.stderr
    with shell.start("wait", "j") as waiting:
        shell.reaches("j", "running")
        shell.tell("j")
        waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == 3


def test_words_about_dead_hosts_that_mean_nothing_are_told(shell: Shell) -> None:
    for words, said in (
        (("dead",), "which hosts are dead?"),
        (("ls", "farm"), "takes no names"),
        (("dead", "frm"), "no host is called 'frm'"),
    ):
        done = shell.vmf("host", *words, "--hosts", "hosts")
        assert done.returncode == 78
        assert said in done.stderr
