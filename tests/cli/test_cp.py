"""`vmf cp` and `vmf media`: what is handed to a guest that runs, and taken out of it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pycdlib import PyCdlib

from shell import DEADLINE, Shell, until, waits_for_lock
from vmf.files import cdrom, disc
from vmf.model import Suspend
from vmf.testing.world import World


@pytest.fixture
def running(shell: Shell):
    """A job with an agent and a second drive, that another process runs."""
    (shell.folder / "first").write_text("first\n")
    shell.job("discs 1")
    with shell.start("run", "j.yaml", "--set", "agent=true", "--set", "cdrom.files=[first]") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def files(shell: Shell) -> Path:
    """What the machine's folder holds."""
    (folder,) = (shell.home / "hosts/farm/machines").iterdir()
    return folder / "files"


def said(shell: Shell) -> str:
    return shell.vmf("logs", "j").stdout


@pytest.mark.usefixtures("running")
class TestCp:
    def test_there_and_back(self, shell: Shell) -> None:
        content = bytes(range(256)) * 1000
        (shell.folder / "a file").write_bytes(content)
        assert shell.vmf("cp", "a file", "j:/root/it").returncode == 0
        done = shell.vmf("cp", "1:/root/it", "back")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (shell.folder / "back").read_bytes() == content
        assert stat.S_IMODE((shell.folder / "back").stat().st_mode) == 0o600

    def test_several_go_into_a_folder_and_come_out_under_their_names(self, shell: Shell) -> None:
        for name in ("a", "b"):
            (shell.folder / name).write_text(f"this is {name}\n")
        assert shell.vmf("cp", "a", "b", "j:/root").returncode == 0
        (shell.folder / "out").mkdir()
        assert shell.vmf("cp", "j:/root/b", "out").returncode == 0
        assert (shell.folder / "out/b").read_text() == "this is b\n"
        assert shell.vmf("cp", "j:/root/a", "-").stdout == "this is a\n"

    def test_what_the_guest_refuses_is_said_in_its_words_and_leaves_nothing(self, shell: Shell) -> None:
        before = sorted(shell.folder.iterdir())
        done = shell.vmf("cp", "j:/no/such", "back")
        assert (done.returncode, done.stdout) == (78, "")
        assert "failed to open file '/no/such': No such file or directory" in done.stderr
        assert sorted(shell.folder.iterdir()) == before
        assert shell.records("j")[-1].state == "running"

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("j:/a", "j:/b"), "one of the first and the last has to be JOB:PATH"),
            (("j.yaml", "back"), "one of the first and the last has to be JOB:PATH"),
            (("j:/a",), "one of the first and the last has to be JOB:PATH"),
            (("hosts", "j:/a"), "hosts is a folder"),
            (("none", "j:/a"), "none is not there"),
            (("j.yaml", "j:"), "j: lacks the path in the guest"),
            (("d/f", "f", "j:/a/"), "f and d/f have the same name"),
            (("pipe", "j:/a"), "pipe is neither a file nor a folder"),
            (("k:/a", "back"), "no job is called 'k'"),
            (("j:/\udcff", "back"), r"the path 'j:/\udcff' is not UTF-8"),
            (("j:/\x1b[2J", "back"), r"failed to open file '/\x1b[2J'"),
        ],
    )
    def test_what_cannot_be_copied_is_told(self, shell: Shell, words, reason) -> None:
        self.lay_out(shell)
        done = shell.vmf("cp", *words)
        assert done.returncode == 78
        assert reason in done.stderr

    @staticmethod
    def lay_out(shell: Shell) -> None:
        (shell.folder / "d").mkdir()
        for name in ("f", "d/f"):
            (shell.folder / name).write_text("f\n")
        os.mkfifo(shell.folder / "pipe")

    def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(self, shell: Shell) -> None:
        done = shell.vmf("cp", "j:/a", "none/b")
        assert (done.returncode, "none is no folder that is there" in done.stderr) == (78, True)

    def test_a_device_is_not_replaced(self, shell: Shell) -> None:
        shell.vmf("cp", "j.yaml", "j:/a")
        assert "/dev/null is no plain file" in shell.vmf("cp", "j:/a", "/dev/null").stderr
        assert Path("/dev/null").is_char_device()


def test_a_guest_without_an_agent_and_without_room_for_a_drive(shell: Shell) -> None:
    path = shell.job("hang")
    path.write_text(path.read_text().replace("image: box.raw", "disks: [{file: box.raw, bus: sata}]"))
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        done = shell.vmf("cp", "j.yaml", "j:/a")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert done.returncode == 78
    assert "j has no agent in its guest, and no drive by which the guest could be asked" in done.stderr
    assert "`vmf media j --insert FILE` hands files in" in done.stderr


@pytest.fixture
def answering(shell: Shell):
    """A job without an agent, whose guest answers requests while it waits for a line."""
    shell.job("write out.txt made\nhear\nexit 4")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


class TestExchange:
    def test_there_and_back_and_the_results_are_right(self, shell: Shell, answering) -> None:
        content = bytes(range(256)) * 1000
        (shell.folder / "it's\na file").write_bytes(content)
        done = shell.vmf("cp", "it's\na file", "j:/root/it")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = shell.vmf("cp", "1:/root/it", "back")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (shell.folder / "back").read_bytes() == content
        assert list((shell.home / "jobs/1/exchange").iterdir()) == []
        assert drive(shell) == []
        shell.tell("j")
        assert answering.wait(DEADLINE) == 4
        assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
        assert not (shell.home / "jobs/1/exchange").exists()

    @pytest.mark.usefixtures("answering")
    def test_a_guest_that_stands_still_is_not_blamed(self, shell: Shell) -> None:
        assert shell.vmf("suspend", "--soft", "j").returncode == 0
        done = shell.vmf("cp", "j.yaml", "j:/root/")
        assert done.returncode == 78
        assert "j (job 1) is suspended: its guest stands still" in done.stderr
        assert "`vmf resume j` has it go on" in done.stderr
        assert shell.vmf("resume", "j").returncode == 0
        World(shell.home / "hosts/farm").suspend("vmf-1-1", Suspend.SOFT)
        done = shell.vmf("cp", "j.yaml", "j:/root/")
        assert done.returncode == 78
        assert "the guest of j stands still\n    `vmf resume j` has it go on" in done.stderr
        assert shell.vmf("resume", "j").stdout == "j: running\n"
        assert shell.vmf("cp", "j.yaml", "j:/root/").returncode == 0

    @pytest.mark.usefixtures("answering")
    def test_folders_travel_too(self, shell: Shell) -> None:
        (shell.folder / "box/deep").mkdir(parents=True)
        for name in ("a", "box/b", "box/deep/c"):
            (shell.folder / name).write_text(f"this is {name}\n")
        assert shell.vmf("cp", "a", "box", "j:/root").returncode == 0
        assert shell.vmf("cp", "j:/root/box", "back").returncode == 0
        assert (shell.folder / "back/deep/c").read_text() == "this is box/deep/c\n"
        (shell.folder / "out").mkdir()
        assert shell.vmf("cp", "j:/root/a", "out").returncode == 0
        assert (shell.folder / "out/a").read_text() == "this is a\n"
        assert shell.vmf("cp", "j:/root/a", "-").stdout == "this is a\n"
        for to, reason in (("box/..", "box is no plain file"), ("a", "a is there"), ("-", "that is a folder")):
            done = shell.vmf("cp", "j:/root/box", to)
            assert (done.returncode, done.stdout) == (78, "")
            assert reason in done.stderr

    @pytest.mark.usefixtures("answering")
    def test_the_first_that_is_asked_of_a_guest_may_go_to_standard_output(self, shell: Shell) -> None:
        assert "ls: /no/such: No such file or directory" in shell.vmf("cp", "j:/no/such", "-").stderr

    @pytest.mark.usefixtures("answering")
    def test_what_the_guest_refuses_is_said_in_its_words_and_leaves_nothing(self, shell: Shell) -> None:
        before = sorted(shell.folder.iterdir())
        done = shell.vmf("cp", "j:/no/such", "back")
        assert (done.returncode, done.stdout) == (78, "")
        assert "the guest of j refuses: ls: /no/such: No such file or directory" in done.stderr
        assert "'/' names no file or folder" in shell.vmf("cp", "j:/", "back").stderr
        assert sorted(shell.folder.iterdir()) == before
        assert drive(shell) == []

    @pytest.mark.usefixtures("answering")
    @pytest.mark.parametrize("make", [os.mkfifo, bound], ids=["pipe", "socket"])
    def test_what_cannot_travel_is_refused_by_name_before_anything_is_sent(self, shell: Shell, make) -> None:
        (shell.folder / "box").mkdir()
        make(shell.folder / "box/odd")
        done = shell.vmf("cp", "j.yaml", "box", "j:/root/")
        assert (done.returncode, "box/odd is neither a file nor a folder" in done.stderr) == (78, True)
        assert "No such file" in shell.vmf("cp", "j:/root/j.yaml", "-").stderr
        assert not list((machine(shell) / "files").glob("request*.part"))

    @pytest.mark.usefixtures("answering")
    def test_what_a_killed_one_left_is_replaced(self, shell: Shell) -> None:
        (shell.folder / ".back.vmf.part/at").mkdir(parents=True)
        (shell.folder / ".back.vmf.part/at/half").write_text("half")
        (shell.folder / ".back.part").mkdir()
        shell.vmf("cp", "j.yaml", "j:/a")
        assert shell.vmf("cp", "j:/a", "back").returncode == 0
        assert (shell.folder / "back").read_text() == (shell.folder / "j.yaml").read_text()
        assert [each.name for each in shell.folder.glob(".*")] == [".back.part"]

    @pytest.mark.usefixtures("answering")
    def test_one_at_a_time_and_a_killed_one_leaves_the_way_free(self, shell: Shell) -> None:
        with stopped(shell), shell.start("cp", "j.yaml", "j:/a") as first:
            until(lambda: drive(shell) != [], "a request is in the drive")
            with shell.start("cp", "j.yaml", "j:/b") as second:
                until(lambda: waits_for_lock(second.pid), "the second one waits")
                first.kill()
                guest(shell, signal.SIGCONT)
                _, said = second.communicate(timeout=DEADLINE)
        assert (second.returncode, said) == (
            0,
            "vmf: waiting for another `vmf cp` or `vmf media` of j; Ctrl-C gives up\n",
        )
        assert shell.vmf("cp", "j:/b", "-").stdout == (shell.folder / "j.yaml").read_text()

    def test_more_than_the_volume_takes_is_cut_short(self, shell: Shell) -> None:
        shell.job("hang")
        (shell.folder / "big").write_bytes(bytes(2**21))
        with shell.start("run", "j.yaml", "--set", "results.size=1MiB") as process:
            shell.reaches("j", "running")
            assert shell.vmf("cp", "big", "j:/big").returncode == 0
            done = shell.vmf("cp", "j:/big", "back")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE)
        assert (done.returncode, "raise results.size" in done.stderr) == (78, True)
        assert not (shell.folder / "back").exists()

    @pytest.mark.usefixtures("answering")
    def test_a_guest_that_does_not_answer_is_told(self, shell: Shell) -> None:
        shell.program = ("-c", IMPATIENT)
        with stopped(shell):
            done = shell.vmf("cp", "j.yaml", "j:/a")
        assert done.returncode == 78
        assert "vmf: waiting for the guest of j to answer; Ctrl-C gives up\n" in done.stderr
        assert "the guest of j does not answer" in done.stderr
        assert "docs/guest.md" in done.stderr
        assert drive(shell) == []

    @pytest.mark.usefixtures("answering")
    def test_ctrl_c_takes_the_disc_out(self, shell: Shell) -> None:
        with stopped(shell), shell.start("cp", "j.yaml", "j:/a") as process:
            until(lambda: drive(shell) != [], "the request is in the drive")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE)
        assert process.returncode == 77
        assert drive(shell) == []


IMPATIENT = """
from vmf.run import exchange
exchange.PATIENCE_SECONDS, exchange.QUIET_SECONDS = 0.5, 0.1
from vmf.cli import program
program()
"""


TELLING = """
from vmf.plugins import Hypervisor
work = Hypervisor.change_media
def change_media(self, handle, drive, name):
    print(f"drive {drive}: {name!r}")
    return work(self, handle, drive, name)
Hypervisor.change_media = change_media
from vmf.cli import program
program()
"""
"""`vmf` that tells what it does to drives."""


def machine(shell: Shell) -> Path:
    """The folder of the one machine."""
    (folder,) = (shell.home / "hosts/farm/machines").iterdir()
    return folder


def guest(shell: Shell, how: signal.Signals) -> None:
    """Send the one guest a signal."""
    os.kill(int((machine(shell) / "pid").read_text()), how)


@contextmanager
def stopped(shell: Shell) -> Iterator[None]:
    """Let the one guest do nothing while this lasts."""
    guest(shell, signal.SIGSTOP)
    try:
        yield
    finally:
        guest(shell, signal.SIGCONT)


def exchange_of(shell: Shell) -> Path:
    """Where the one job's commands take turns."""
    folder = shell.home / "jobs/1/exchange"
    folder.mkdir(exist_ok=True)
    return folder


def drive(shell: Shell) -> list[Path]:
    """The requests that are in drives."""
    return [*(shell.home / "hosts/farm/machines").glob("*/request*")]


@pytest.mark.usefixtures("answering")
def test_a_guests_bytes_do_not_go_to_a_terminal(shell: Shell) -> None:
    refuses_a_terminal(shell)


@pytest.mark.usefixtures("running")
def test_nor_do_they_by_the_agent(shell: Shell) -> None:
    refuses_a_terminal(shell)


def refuses_a_terminal(shell: Shell) -> None:
    """A terminal is told no, and standard error says where else it may go."""
    shell.vmf("cp", "j.yaml", "j:/a")
    keys, screen = pty.openpty()
    try:
        words = (sys.executable, "-P", "-m", "vmf", "cp", "j:/a", "-")
        done = subprocess.run(
            words,
            cwd=shell.folder,
            env=shell.environment,
            stdout=screen,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(keys)
        os.close(screen)
    assert (done.returncode, "could take over this terminal" in done.stderr) == (78, True)


@pytest.mark.usefixtures("running")
class TestMedia:
    def test_a_disc_is_made_of_files(self, shell: Shell) -> None:
        (shell.folder / "word").write_text("hello from the disc")
        (shell.folder / "more").mkdir()
        (shell.folder / "more/x").write_text("x")
        done = shell.vmf("media", "j", "--insert", "word", "more")
        assert (done.returncode, done.stdout) == (0, "j: drive 1 has another disc\n")
        until(lambda: "hello from the disc" in said(shell), "the guest reads it")
        back, found = PyCdlib(), io.BytesIO()
        back.open(str(files(shell) / "media-1"))
        with closing(back):
            back.get_file_from_iso_fp(found, rr_path="/more/x")
        assert found.getvalue() == b"x"
        assert not list((shell.home / "jobs/1").glob("media-*"))

    def test_an_iso_is_used_as_it_is(self, shell: Shell) -> None:
        disc.write(shell.folder / "given.iso", {"word": b"as it is"}, label=cdrom.LABEL)
        assert shell.vmf("media", "j", "--drive", "1", "--insert", "given.iso").returncode == 0
        until(lambda: "as it is" in said(shell), "the guest reads it")
        assert (files(shell) / "media-1").read_bytes() == (shell.folder / "given.iso").read_bytes()

    def test_two_at_once_take_turns(self, shell: Shell) -> None:
        """Nobody's disc is changed while it is on its way."""
        (shell.folder / "word").write_text("in its turn")
        held = os.open(exchange_of(shell), os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        with shell.start("media", "j", "--insert", "word") as second:
            assert "waiting for another `vmf cp` or `vmf media` of j" in second.stderr.readline()
            assert not (files(shell) / "media-1").exists()
            os.close(held)
            assert second.communicate(timeout=DEADLINE)[0] == "j: drive 1 has another disc\n"

    def test_what_is_in_the_drive_is_taken_out_first(self, shell: Shell) -> None:
        """A guest that holds on to it has the last word, on every hypervisor."""
        (shell.folder / "word").write_text("another")
        shell.program = ("-c", TELLING)
        done = shell.vmf("media", "j", "--insert", "word")
        assert done.stdout == "drive 1: ''\ndrive 1: 'media-1'\nj: drive 1 has another disc\n"

    def test_a_drive_is_emptied(self, shell: Shell) -> None:
        assert shell.vmf("media", "j", "--eject").stdout == "j: drive 1 is empty\n"

    @pytest.mark.parametrize(
        ("words", "code", "reason"),
        [
            (("--drive", "0", "--eject"), 78, "holds on to the disc in drive 0"),
            (("--drive", "7", "--eject"), 78, "has no drive 7"),
            (("--drive", "7", "--insert", "j.yaml"), 78, "has no drive 7"),
            (("--insert", "none"), 78, "none: there is no such file"),
            (("--insert", "j.iso"), 78, "is no ISO 9660 disc"),
            ((), 78, "one of the arguments --insert --eject is required"),
        ],
    )
    def test_what_cannot_be_is_told_and_the_job_goes_on(self, shell: Shell, words, code, reason) -> None:
        (shell.folder / "j.iso").write_text("no disc")
        done = shell.vmf("media", "j", *words)
        assert (done.returncode, done.stdout) == (code, "")
        assert reason in done.stderr
        assert not list(files(shell).glob("media-*"))
        assert shell.records("j")[-1].state == "running"
