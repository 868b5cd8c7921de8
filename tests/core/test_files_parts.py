"""One makes a thing at a time, and what a killed one left is in nobody's way."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vmf.files.beside import filling, replacing

MAKES = """
import sys
from pathlib import Path
from vmf.files import beside
with getattr(beside, sys.argv[1])(Path(sys.argv[2])):
    print("at it", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=[replacing, filling])
def making(request):
    """What makes something beside a path: a file, a folder."""
    return request.param


@pytest.fixture
def other(making, tmp_path):
    """Another process that is making the same."""
    words = (sys.executable, "-c", MAKES, making.__name__, tmp_path / "it")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "at it\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("other")
def test_who_comes_second_is_told_and_harms_nobody(making, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(BlockingIOError, match=r"another process is making it: .*\.it\.vmf\.part"),
        making(tmp_path / "it"),
    ):
        pytest.fail("both make it")
    assert sorted(tmp_path.rglob("*")) == before != []


def test_what_a_killed_one_left_is_removed(making, other, tmp_path):
    part = tmp_path / ".it.vmf.part"
    if part.is_dir():
        (part / "half").write_text("half")
    other.kill()
    other.wait()
    assert part.exists()
    with making(tmp_path / "it"):
        assert not (part / "half").exists()
    assert not part.exists()


def link(path):
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("making", "theirs"),
    [(replacing, os.mkdir), (replacing, os.mkfifo), (replacing, link), (filling, Path.touch), (filling, link)],
)
def test_what_is_no_part_stays_and_is_named(making, tmp_path, theirs):
    (tmp_path / "elsewhere").write_text("theirs")
    part = tmp_path / ".it.vmf.part"
    theirs(part)
    with pytest.raises(OSError, match=r"\.it\.vmf\.part"), making(tmp_path / "it"):
        pytest.fail("it is in the way")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert os.path.lexists(part)


def test_what_others_finish_or_remove_in_between_is_made_anew(making, tmp_path, monkeypatch):
    """Between the making and the lock, somebody else may have taken it for a killed one's, and removed it."""
    work, part = fcntl.flock, tmp_path / ".it.vmf.part"
    removals = [shutil.rmtree if making is filling else os.unlink]

    def overtaken(number, how):
        if removals:
            removals.pop()(part)
        work(number, how)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with making(tmp_path / "it"):
        assert part.exists()
        with pytest.raises(BlockingIOError), making(tmp_path / "it"):
            pytest.fail("both make it")
