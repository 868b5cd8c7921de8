"""Whoever works on the warehouse may be killed at any step; the next one finds images that are whole, and no litter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import killed_keeping

TESTS = Path(killed_keeping.__file__).parent


@pytest.mark.exhaustive
@pytest.mark.parametrize("act", killed_keeping.ACTS)
def test_the_warehouse_outlives_whoever_is_killed(act, tmp_path):
    words = (sys.executable, TESTS / "killed_keeping.py", tmp_path / "images", act)
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
