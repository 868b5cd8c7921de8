"""What a command does without: what is imported for nothing is what its user waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[2] / "specs" / "hello.yaml"
CLASSAD = {"vmf.classad.parser", "vmf.classad.matching", "vmf.classad.conversions"}
READERS = {"vmf.disks.images", "vmf.disks.qcow2", "vmf.files.tar", "vmf.files.volume", "hashlib"}
ENGINE = {"libvirt", "numpy", "rich", "vmf.plan", "vmf.match", "vmf.run"}


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (("--help",), CLASSAD | READERS | ENGINE | {"vmf.model", "vmf.store", "pluggy", "ruamel.yaml"}),
        (("ps",), CLASSAD | READERS | ENGINE | {"vmf.ads", "pluggy", "ruamel.yaml", "importlib.metadata"}),
        (("lint", str(SPEC)), CLASSAD | READERS | ENGINE | {"vmf.lint.expressions", "dataclasses"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_imports_no_more_than_it_needs(tmp_path: Path, words: tuple[str, ...], idle: set[str]) -> None:
    done = subprocess.run(
        (sys.executable, "-X", "importtime", "-m", "vmf", *words),
        env={**os.environ, "VMF_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "vmf.errors" in imported
    assert not imported & idle
