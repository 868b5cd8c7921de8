"""What is shown of steps is what their runner says, whatever else a guest does with its console."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vmf.cli.steps import Steps
from vmf.model import Ground, Image, Job, Step
from vmf.run import Console, Remark
from vmf.store import Record

JOB = Job(name="j", image=Image(name="tiny"), memory=2**28, steps=(Step(name="one", run="true"),))
GROUND = Ground(asked=JOB, start="")
RECORD = Record(id=1, job=JOB, ground=GROUND, hosts=(), folder=Path("r"), created=0.0, token="5eed")  # noqa: S106  # no secret


class Seen:
    """A screen that remembers what it was told."""

    def __init__(self):
        self.remarks, self.consoles = [], b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is to be ended."""

    def __call__(self, notice):
        if isinstance(notice, Remark):
            self.remarks.append(notice.text)
        else:
            self.consoles += notice.data


def shown(*pieces, record=RECORD):
    seen = Seen()
    with Steps(seen) as screen:
        for piece in pieces:
            screen(Console(record=record, data=piece))
    assert seen.consoles == b"".join(pieces)
    return seen.remarks


FAILED = "step two: failed with exit code 3, try 1 of 2"
SAID = f"boot\r\nvmf: step one: begins\r\nmaking\r\nvmf: step one: done\r\nvmf: {FAILED}\n".encode()


@given(st.lists(st.integers(0, len(SAID)), max_size=6).map(sorted))
def test_lines_about_steps_are_remarks_in_whatever_pieces_they_come(cuts):
    ends = [0, *cuts, len(SAID)]
    pieces = [SAID[start:end] for start, end in pairwise(ends)]
    assert shown(*pieces) == ["step one: begins", "step one: done", FAILED]


@pytest.mark.parametrize(
    "line",
    [
        b" vmf: step one: begins\n",
        b"vmf: step one\n",
        b"vmf: step ../x: begins\n",
        b"vmf: publish A = 1\n",
        b"vmf: step one: begins",
    ],
)
def test_other_lines_are_none(line):
    assert shown(line) == []


def test_what_is_shown_controls_no_terminal_and_is_bounded():
    (line,) = shown(b"vmf: step one: \x1b[2J\xff" + b"x" * 1000 + b"\n")
    assert line.isprintable()
    assert len(line) < 250
    assert len(shown(b"vmf: step one: begins\n" * 5000)) == 2000


def test_a_job_without_steps_has_none():
    assert shown(SAID, record=replace(RECORD, ground=None)) == []
