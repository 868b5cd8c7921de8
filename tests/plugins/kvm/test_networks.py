"""What guests reach: nobody on a network of type user; on nat and bridge, see `inside_netbed.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

TESTS = Path(__file__).parents[2]
BED = TESTS / "netbed" / "bed.sh"
INSIDE = Path(__file__).with_name("inside_netbed.py")
ONLY = "not TestSystem or on_a_nat_network or on_a_bridge_has"
"""Of the contract suite's tests those that no daemon of vmf's own can pass."""


@pytest.mark.usefixtures("wide")
def test_networks_of_the_computers_own_daemon(tmp_path):
    """In namespaces of their own; the wide guest is built before, as nobody there reaches its packages."""
    options = ("-q", "-n", "0", "-k", ONLY, f"--basetemp={tmp_path / 'inside'}")
    command = (BED, sys.executable, "-m", "pytest", *options, INSIDE)
    done = subprocess.run(command, check=False, cwd=TESTS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
