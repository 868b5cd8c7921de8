"""How far a job's files are, on each screen: for people at a humble pace, for programs all of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console as Terminal

from shell import until
from vmf.cli import live, screen
from vmf.cli.live import Live
from vmf.errors import UsageError
from vmf.model import Image, Job
from vmf.run import Advanced, Remark, Staging, Stuck
from vmf.state import Placed, State
from vmf.store import Record

JOB = Job(name="j", image=Image(name="tiny"), memory=2**28)
RECORD = Record(id=1, job=JOB, hosts=(), folder=Path("r"), created=0.0, token="5eed", state=State.STARTING)  # noqa: S106  # no secret
MIB = 2**20


def staging(done=120 * MIB, total=2**30, *, file="disk.iso", record=RECORD):
    return Staging(record=record, file=file, done=done, total=total, rate=300 * MIB)


@pytest.fixture
def out():
    return io.StringIO()


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (staging(), "staging disk.iso 120 MiB of 1 GiB, 300 MiB/s"),
        (staging(total=0), "staging disk.iso 120 MiB, 300 MiB/s"),
        (staging(file="\x1b[2Jevil\n"), r"staging \x1b[2Jevil\n 120 MiB of 1 GiB, 300 MiB/s"),
        (staging(file="half\udcff"), "staging half? 120 MiB of 1 GiB, 300 MiB/s"),
        (staging(record=replace(RECORD, state=State.COLLECTING)), "fetching disk.iso 120 MiB of 1 GiB, 300 MiB/s"),
    ],
)
def test_it_is_said_in_bytes_and_rate(notice, said):
    assert screen.sentence(notice) == said


def test_lines_come_at_a_humble_pace_for_each_job(out, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    other = replace(RECORD, id=2, job=replace(JOB, name="k"))
    with screen.Plain(console=False, out=out) as plain:
        for second in range(11):
            now[0] = float(second)
            plain(staging(second * MIB))
        plain(staging(record=other))
    done = [line.split()[2] + line.split()[3] for line in out.getvalue().splitlines() if line.startswith("j:")]
    assert len(done) == 3
    assert out.getvalue().splitlines()[-1] == "k: staging disk.iso 120 MiB of 1 GiB, 300 MiB/s"


def test_programs_are_told_everything(out):
    with screen.Json(out) as told:
        told(staging(1, 2))
        told(staging(2, 2))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["staging"] for each in lines] == [
        {"file": "disk.iso", "done": done, "total": 2, "rate": 300 * MIB} for done in (1, 2)
    ]
    assert {each["job"] for each in lines} == {"j"}


def test_the_table_shows_it_until_the_job_moves_on(monkeypatch, out):
    terminal = Terminal(file=out, width=120, force_terminal=True, _environ={"TERM": "xterm"})
    monkeypatch.setattr(live, "Terminal", lambda **_: terminal)

    def shows(words):
        until(lambda: words in out.getvalue(), f"the table shows {words}")

    with Live(console=False) as table:
        table(staging())
        shows("staging disk.iso 120 MiB of 1 GiB, 300 MiB/s")
        table(staging(2**30))
        shows("1 GiB of 1 GiB")
        table(Advanced(record=replace(RECORD, state=State.RUNNING), event=Placed(host="h", reasons=())))
        shows("running")
    (row, *_) = (line for line in out.getvalue().split("\r") if "running" in line)
    assert "staging" not in row


@pytest.fixture(
    params=[
        lambda name: Remark(record=RECORD, text=f"{name} is taken"),
        lambda name: Stuck(record=RECORD, error=FileNotFoundError(2, "no such file", name)),
        lambda name: Stuck(record=RECORD, error=UsageError(f"{name} is no disk")),
        lambda name: Stuck(record=RECORD, error=ValueError(name)),
    ],
    ids=["remark", "error of the system", "error of vmf", "any error"],
)
def about(request):
    """A notice about a file of this name."""
    return request.param


NAMES = pytest.mark.parametrize(
    ("name", "shown"), [("\x1b[2Jevil", r"\x1b[2Jevil"), ("half\udcff", r"half\udcff")], ids=["hostile", "not UTF-8"]
)


@pytest.fixture
def strict():
    """An output that takes UTF-8 alone."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def written(out):
    out.flush()
    return out.buffer.getvalue().decode()


@NAMES
def test_a_line_controls_no_terminal(strict, about, name, shown):
    with screen.Plain(console=False, out=strict) as plain:
        plain(about(name))
    assert written(strict).startswith("j: ")
    assert shown in written(strict)
    assert "\x1b" not in written(strict)


@NAMES
def test_what_scrolls_above_the_table_controls_no_terminal(strict, about, name, shown, monkeypatch):
    monkeypatch.setattr(live, "Terminal", lambda **_: Terminal(file=strict, width=200, force_terminal=False))
    with Live(console=False) as table:
        table(about(name))
    assert shown in written(strict)
    assert "\x1b" not in written(strict)


@pytest.mark.parametrize(("name", "read"), [("\x1b[2Jevil", "\x1b[2Jevil"), ("half\udcff", "half")])
def test_programs_are_told_of_any_name(strict, about, name, read):
    with screen.Json(strict) as told:
        told(about(name))
    line = json.loads(written(strict))
    assert read in line.get("remark", "") + line.get("stuck", "")
