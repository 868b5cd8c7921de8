"""`vmf logs`: what a guest wrote, beside the engine that carries it, and after its end."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from shell import DEADLINE, Shell, until
from vmf.cli import logs
from vmf.model import Home

HOSTILE = "echo \u202edlrow"


@pytest.fixture
def running(shell: Shell):
    """A job that another process runs, whose guest waits for a line on its console."""
    shell.job(f"{HOSTILE}\nhear\necho the last line")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


@pytest.mark.usefixtures("running")
def test_a_running_guest_s_console_with_its_control_characters_escaped(shell: Shell) -> None:
    until(lambda: "dlrow" in shell.vmf("logs", "j").stdout, "the guest has spoken")
    assert shell.vmf("logs", "j").stdout == "\\u202edlrow\n"
    assert shell.vmf("logs", "--raw", "1").stdout == "\u202edlrow\n"


@pytest.mark.usefixtures("running")
def test_following_goes_on_to_the_last_word(shell: Shell) -> None:
    with shell.start("logs", "-f", "j") as following:
        assert "dlrow" in following.stdout.readline()
        shell.tell("j")
        out, err = following.communicate(timeout=DEADLINE)
    assert out == "heard go on\nthe last line\n"
    assert (following.returncode, err) == (0, "")


def test_of_several_of_a_name_the_latest_speaks_and_the_others_by_their_numbers(shell: Shell) -> None:
    for number in (1, 2):
        shell.job(f"echo word {number}")
        shell.vmf("run", "j.yaml", "--set", f"results.folder=r{number}")
    assert shell.vmf("logs", "j").stdout == "word 2\n"
    assert shell.vmf("logs", "-f", "1").stdout == "word 1\n"


@pytest.fixture
def movable(shell: Shell):
    """A job that may move and that another process runs, whose guest has spoken and waits for a line, and another."""
    shell.host("yard")
    shell.job("echo before\nhear\necho between\nhear\necho after")
    with shell.start("run", "j.yaml", "--set", "checkpoint.on_eviction=true") as process:
        shell.reaches("j", "running")
        until(lambda: shell.vmf("logs", "j").stdout == "before\n", "the guest has spoken")
        yield process
        process.communicate(timeout=DEADLINE)


@pytest.mark.usefixtures("movable")
def test_a_guest_that_has_moved_has_said_all_that_it_said(shell: Shell) -> None:
    with shell.start("logs", "-f", "j") as following:
        assert following.stdout.readline() == "before\n"
        assert shell.vmf("vacate", "j").returncode == 0
        shell.reaches("j", "running")
        assert shell.vmf("logs", "j").stdout == "before\n"
        shell.tell("j")
        shell.tell("j", "and on")
        out, err = following.communicate(timeout=DEADLINE)
    assert (out, err) == ("heard go on\nbetween\nheard and on\nafter\n", "")
    assert shell.vmf("logs", "j").stdout == "before\nheard go on\nbetween\nheard and on\nafter\n"


def test_who_was_away_while_the_guest_moved_and_ended_is_told_nothing_twice_and_misses_nothing(
    shell: Shell, movable
) -> None:
    with shell.start("logs", "-f", "j") as following:
        assert following.stdout.readline() == "before\n"
        following.send_signal(signal.SIGSTOP)
        shell.tell("j")
        until(lambda: "between" in shell.vmf("logs", "j").stdout, "the guest has gone on")
        assert shell.vmf("vacate", "j").returncode == 0
        shell.reaches("j", "running")
        shell.tell("j", "and on")
        movable.communicate(timeout=DEADLINE)
        following.send_signal(signal.SIGCONT)
        out, err = following.communicate(timeout=DEADLINE)
    assert (out, err) == ("heard go on\nbetween\nheard and on\nafter\n", "")


def test_a_long_console_is_followed_without_a_gap(shell: Shell) -> None:
    shell.job("\n".join(["hear", "echo first", *[f"echo {'long ' * 10_000}"] * 3, "echo last"]))
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        with shell.start("logs", "-f", "j") as following:
            shell.tell("j")
            out, _ = following.communicate(timeout=DEADLINE)
        process.communicate(timeout=DEADLINE)
    lines = out.splitlines()
    assert (lines[:2], lines[-1:]) == (["heard go on", "first"], ["last"])
    assert [len(line) for line in lines[2:-1]] == [49_999] * 3


def test_a_job_that_left_nothing_and_one_that_nobody_knows(shell: Shell) -> None:
    shell.fault("create", "job", "the disk is bad")
    shell.job("echo never")
    shell.vmf("run", "j.yaml")
    assert shell.vmf("logs", "j").stdout == ""
    unknown = shell.vmf("logs", "k")
    assert (unknown.returncode, unknown.stdout) == (78, "")
    assert "no job is called 'k'" in unknown.stderr


@pytest.mark.usefixtures("running")
def test_whoever_has_seen_enough_may_close_the_pipe(shell: Shell) -> None:
    until(lambda: "dlrow" in shell.vmf("logs", "j").stdout, "the guest has spoken")
    with shell.start("logs", "-f", "j") as following:
        following.stdout.readline()
        following.stdout.close()
        shell.tell("j")
        assert following.wait(DEADLINE) == -signal.SIGPIPE
        assert following.stderr.read() == ""


def test_another_try_is_followed_from_its_beginning(tmp_path: Path) -> None:
    """What the first machine wrote is no part of the second one's console."""
    consoles = {"vmf-1-1": b"the first try\n", "vmf-1-2": b"the second\n"}
    hypervisor = SimpleNamespace(console=lambda handle, offset: consoles[handle][offset:])
    farm = SimpleNamespace(host=SimpleNamespace(name="farm"))
    tries = [
        SimpleNamespace(id=1, ended=False, handle=each, machine=each, born=number, placement=farm)
        for number, each in enumerate(consoles, 1)
    ]
    later = iter((*tries[1:], None))
    session = SimpleNamespace(
        home=Home(root=tmp_path),
        hosts=SimpleNamespace(hypervisor=lambda _host: hypervisor),
        store=SimpleNamespace(get=lambda _number: next(later)),
    )
    told: list[bytes] = []
    logs.follow(session, tries[0], told.append, on=True)
    assert b"".join(told) == b"the first try\nthe second\n"


class Flooding:
    """A host whose guest writes more whenever it is read."""

    def __init__(self) -> None:
        self.written = b"the first word\n"

    def console(self, _handle, offset: int) -> bytes:
        self.written += b"and on\n" * 100
        return self.written[offset : offset + 64]


def test_a_guest_that_never_stops_is_told_of_as_far_as_it_had_come(tmp_path: Path) -> None:
    flooding = Flooding()
    here = SimpleNamespace(hypervisor=lambda _host: flooding)
    record = SimpleNamespace(
        id=1,
        ended=False,
        handle="vmf-1-1",
        machine="vmf-1-1",
        placement=SimpleNamespace(host=SimpleNamespace(name="farm")),
    )
    session = SimpleNamespace(home=Home(root=tmp_path), hosts=here, store=SimpleNamespace(get=lambda _number: record))
    told: list[bytes] = []
    logs.follow(session, record, told.append, on=False)
    assert b"".join(told).startswith(b"the first word\nand on\n")
