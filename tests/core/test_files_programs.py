"""A program is found wherever the system keeps it, and one that is not there is named with its package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shell import gone, until
from vmf.errors import HostFault, SetupError
from vmf.files import programs


def test_the_users_own_path_is_not_asked(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert programs.find("sh").endswith("/sh")


@pytest.mark.parametrize("fault", [SetupError, HostFault])
@pytest.mark.parametrize("name", programs.PACKAGES)
def test_what_is_not_installed_is_named_with_its_package(tmp_path, monkeypatch, name, fault):
    monkeypatch.setattr(programs, "PATH", str(tmp_path))
    with pytest.raises(fault, match=f"{name} is not installed") as caught:
        programs.need(name, fault=fault)
    assert caught.value.hint == f"install {programs.PACKAGES[name]}"
    (tmp_path / name).touch(mode=0o755)
    assert programs.need(name) == str(tmp_path / name)


STARTS = """
import subprocess, sys
from vmf.files import programs
print(subprocess.Popen(programs.dying_with_us(*sys.argv[1:])).pid, flush=True)
sys.stdin.read()
"""


def test_what_was_started_goes_with_who_started_it():
    with subprocess.Popen(
        (sys.executable, "-c", STARTS, programs.need("sleep"), "1000"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        started = int(starter.stdout.readline())
        until(lambda: Path(f"/proc/{started}/comm").read_text() == "sleep\n", "it is what was to be started")
        starter.kill()
    gone(started)
