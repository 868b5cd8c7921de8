"""How make sets the environment up, with stand-ins for Python and for what it installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ("plugins/libvirt", "plugins/kvm", "plugins/xen", "plugins/vmware")
PROJECTS = ("pyproject.toml", *(f"{each}/pyproject.toml" for each in PLUGINS), "constraints.txt")
PYTHON = """#!/bin/sh
echo "$@" >>calls
rm -rf .venv && mkdir -p .venv/bin && cp pip vmf .venv/bin
"""
PIP = """#!/bin/sh
echo "pip $@, by $PIP_CONSTRAINT and $PIP_BUILD_CONSTRAINT" >>calls
[ "$(sed -n 1p fails)" != "$*" ] || kill -9 $PPID
"""
VENV = "-m venv --clear .venv"
BY = "by constraints.txt and constraints.txt"
RUN = f"pip install --quiet --editable . --editable {' --editable '.join(PLUGINS)}, {BY}"
TEST = f"pip install --quiet --editable .[test], {BY}"


@pytest.fixture
def make(tmp_path):
    """Make a stamp in a folder with a space in its name; what was called for it."""
    folder = tmp_path / "a clone"
    for name in ("Makefile", *PROJECTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))
    for name, body in {"python": PYTHON, "pip": PIP, "vmf": "#!/bin/sh\n"}.items():
        (folder / name).write_text(body)
        (folder / name).chmod(0o755)

    def making(stamp, *, killed_at="", changed=()):
        (folder / "calls").write_text("")
        (folder / "fails").write_text(killed_at.removeprefix("pip ").removesuffix(f", {BY}"))
        for each in folder.glob(".venv/*.stamp"):
            os.utime(each, (1, 1))  # a change in the same tick of the clock would go unseen
        for name in changed:
            (folder / name).touch()
        command = ("make", "--silent", "PYTHON=./python", "SYSTEM_PACKAGES=true", f".venv/{stamp}.stamp")
        done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        assert bool(done.returncode) == bool(killed_at)
        return (folder / "calls").read_text().splitlines()

    return making


def test_it_is_set_up_once(make):
    assert make("run") == [VENV, RUN]
    assert make("run") == []
    assert make("test") == [TEST]
    assert make("test") == make("run") == []


@pytest.mark.parametrize("changed", PROJECTS)
def test_what_pip_reads_counts(make, changed):
    make("test")
    assert make("test", changed=[changed]) == [VENV, RUN, TEST]


@pytest.mark.parametrize("step", [RUN, TEST])
def test_half_an_environment_is_made_anew(make, step):
    make("test", killed_at=step)
    assert make("test") == [VENV, RUN, TEST]
