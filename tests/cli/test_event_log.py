"""A job's event log, as somebody follows it who has nothing else of vmf."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from shell import DEADLINE, Apart, Shell

PAGE = Path(__file__).parents[2] / "docs/running.md"
KILL_AT = str(Path(__file__).parents[1] / "kill_at.py")
LIFE = ["placed", "created", "ended", "judged", "completed"]


@pytest.fixture(autouse=True)
def job(shell: Shell) -> None:
    shell.job("exit 5")


@pytest.fixture
def log(shell: Shell) -> Path:
    return shell.folder / "events.log"


def events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def test_a_log_is_followed_as_the_page_says(shell: Shell) -> None:
    """As a CI server does it, to the end of the job and with its exit code."""
    (typed,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (shell.folder / "j.yaml").rename(shell.folder / "job.yaml")
    vmf = shell.folder / "bin/vmf"
    vmf.parent.mkdir()
    vmf.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m vmf "$@" --hosts hosts >/dev/null\n')
    vmf.chmod(0o700)
    path = f"{vmf.parent}:{shell.environment['PATH']}"
    done = subprocess.run(
        ["sh", "-c", typed.replace("tail ", "tail -s 0.1 ")],
        cwd=shell.folder,
        env={**shell.environment, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 5
    told = [re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z j: (\w+), \w+", line) for line in done.stdout.splitlines()]
    assert [line and line[1] for line in told] == LIFE


@pytest.mark.parametrize(("number", "again"), [*((number, "run") for number in (1, 2, 4)), (5, "wait")])
def test_a_log_of_a_run_that_is_killed_misses_nothing_and_says_nothing_twice(
    shell: Shell, log: Path, number: int, again: str
) -> None:
    """Between an event and its line, or after it."""
    dying = replace(shell, program=(KILL_AT, "vmf.run.eventlog:_append", str(number)))
    typed = {"run": ("run", "j.yaml", "--set", "event_log=events.log"), "wait": ("wait", "j")}
    dying.vmf(*typed["run"])
    assert len(events(log)) == number - 1
    assert shell.vmf(*typed[again]).returncode == 5
    assert events(log) == LIFE


def test_what_becomes_of_a_job_without_an_engine_is_in_its_log_too(shell: Shell, log: Path) -> None:
    shell.job("hear\nexit 5")
    with shell.start("run", "j.yaml", "--set", "event_log=events.log") as process:
        shell.reaches("j", "running")
        process.kill()
    assert shell.vmf("hold", "j").returncode == 0
    assert events(log)[2:] == ["hold-asked", "held"]


def test_a_log_on_a_full_disk_harms_no_job_and_is_written_later(shell: Shell, apart: Apart) -> None:
    """Even after the job has ended."""
    place = shell.folder / "small"
    place.mkdir()
    apart.mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
    shell.within = apart.within(shell.folder)
    (apart.path(place) / "events.log").touch()
    fill(apart.path(place) / "filler")
    done = shell.vmf("run", "j.yaml", "--set", "event_log=small/events.log")
    assert done.returncode == 5
    assert done.stdout.count("No space left on device; `vmf show 1` has them all") == 2
    (apart.path(place) / "filler").unlink()
    assert shell.vmf("wait", "j").returncode == 5
    assert events(apart.path(place) / "events.log") == LIFE


def fill(path: Path) -> None:
    """Write to a file until there is no space left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("diary.log", "what is there is no event log"),
        ("gone/events.log", "No such file or directory"),
        ("link.log", "symbolic link"),
        ("events", "is no name of a log"),
        (f"{'x' * 300}.log", "File name too long"),
        ("j.results/events.log", "No such file or directory"),
    ],
)
def test_a_log_that_cannot_be_one_is_refused(shell: Shell, name: str, said: str) -> None:
    (shell.folder / "diary.log").write_text("dear diary\n")
    (shell.folder / "link.log").symlink_to("elsewhere")
    assert said in shell.refused("j.yaml", "--set", f"event_log={name}")
