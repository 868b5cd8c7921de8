"""`vmf ssh`: what it waits for, what it becomes, and what it says where there is no way in."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

import pytest

from shell import DEADLINE, Shell
from vmf.cli import ssh
from vmf.model import Address, Home, MachineFacts, Protocol

SSH = ("--set", "network.type=user", "--set", "ssh.user=ana")
TCP = Address(port=22, protocol=Protocol.TCP, host="127.0.0.1", host_port=40022)
UDP = Address(port=22, protocol=Protocol.UDP, host="127.0.0.1", host_port=40023)


@contextmanager
def running(shell: Shell, *words: str, script: str = "hang") -> Iterator[None]:
    """A job that another process runs."""
    shell.job(script)
    with shell.start("run", "j.yaml", *words) as process:
        shell.reaches("j", "running")
        yield
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_a_job_that_asks_for_no_way_in_has_none(shell: Shell) -> None:
    with running(shell):
        done = shell.vmf("ssh", "j")
    assert (done.returncode, "j asks for no way in" in done.stderr) == (78, True)


def test_a_job_that_does_not_run_is_told(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml", *SSH)
    done = shell.vmf("ssh", "j")
    assert (done.returncode, "only a guest that runs can be reached" in done.stderr) == (78, True)


def test_a_machine_that_has_no_place_yet_is_waited_for(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    with running(shell):
        shell.job("serve", "k")
        with shell.start("run", "--detach", "k.yaml", *SSH) as detaching:
            detaching.communicate(timeout=DEADLINE)
        with shell.start("ssh", "k") as waiting:
            assert "waiting for the machine of k" in waiting.stderr.readline()
            shell.vmf("rm", "--force", "j")
            assert "waiting for ssh in the guest of k" in waiting.stderr.readline()
            shell.vmf("rm", "--force", "k")
            waiting.communicate(timeout=DEADLINE)


def test_a_job_that_is_removed_before_it_has_a_machine_is_not_waited_for(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    with running(shell):
        shell.job("serve", "k")
        shell.vmf("run", "--detach", "k.yaml", *SSH)
        with shell.start("ssh", "k") as waiting:
            assert "waiting for the machine of k" in waiting.stderr.readline()
            shell.vmf("rm", "k")
            said = waiting.stderr.read()
            assert re.search(r"no job is called '(k|2)'|k \(job 2\) is (stopping|cleaning|removed)", said), said
            assert waiting.wait(DEADLINE) == 78


def test_a_guest_that_ends_unanswered_is_not_waited_for(shell: Shell) -> None:
    with running(shell, *SSH, script="serve"), shell.start("ssh", "j") as waiting:
        assert "waiting for ssh in the guest of j" in waiting.stderr.readline()
        shell.vmf("rm", "--force", "j")
        assert "the machine of j has ended" in waiting.stderr.read()
        assert waiting.wait(DEADLINE) == 78


BECOMING = """
import sys
from vmf.cli import ssh
from vmf.files import programs
ssh._answers = lambda way: True
ssh.found = lambda facts, port: ("127.0.0.1", 40022)
programs.PATH = sys.argv.pop(1) + ":" + programs.PATH
from vmf.cli import program
program()
"""


def test_ssh_understands_what_it_is_told_wherever_the_keys_are(shell: Shell) -> None:
    """The real one says what it made of its words; it is where the user is, whose own words may name files."""
    shell.home = shell.home.with_name('100% ${HOME} it\'s "so"')
    shell.environment = {**shell.environment, "VMF_HOME": str(shell.home)}
    programs = shell.folder / "bin"
    programs.mkdir()
    real = f"{which('ssh')} -G"
    (programs / "ssh").write_text(f'#!/bin/sh\necho "in $PWD"; echo "keys $VMF_KEYS"; exec {real} "$@"\n')
    (programs / "ssh").chmod(0o755)
    with running(shell, *SSH):
        shell.program = ("-c", BECOMING, str(programs))
        done = shell.vmf("ssh", "j", "--", "true")
        (machine,) = (each.machine for each in shell.records("j"))
    said = done.stdout.splitlines()
    assert f"in {shell.folder}" in said
    keys = str(Home(root=shell.home).keys(1))
    assert f"keys {keys}" in said
    known = [line.replace("${VMF_KEYS}", keys) for line in said]
    for line in (
        "user ana", "hostname 127.0.0.1", "port 40022", f"hostkeyalias {machine}", "identitiesonly yes",
        f"identityfile {keys}/id_ed25519", f"userknownhostsfile {keys}/known_hosts",
        "stricthostkeychecking accept-new",
    ):  # fmt: skip
        assert line in known, done


@pytest.mark.parametrize(
    ("facts", "way"),
    [
        (MachineFacts(), None),
        (MachineFacts(forwards=(UDP, TCP)), ("127.0.0.1", 40022)),
        (MachineFacts(forwards=(UDP,)), None),
        (MachineFacts(addresses=("10.118.7.1", "10.118.7.2")), ("10.118.7.1", 22)),
        (MachineFacts(addresses=("10.118.7.1",), forwards=(TCP,)), ("127.0.0.1", 40022)),
    ],
)
def test_the_way_is_a_forward_else_the_guests_own_address(facts, way) -> None:
    assert ssh.found(facts, 22) == way


@pytest.mark.parametrize(("banner", "answers"), [(b"SSH-2.0-x\r\n", True), (b"served\n", False), (b"", False)])
def test_who_takes_a_call_and_is_no_ssh_server_is_waited_for(monkeypatch, banner, answers) -> None:
    monkeypatch.setattr(ssh, "CALL_SECONDS", 30.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as call:
                call.sendall(banner)

        threading.Thread(target=answer, daemon=True).start()
        assert ssh._answers(server.getsockname()) is answers
