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
OTHERWISE = ("a_nat_network", "on_a_bridge_has", "every_kind", "only_read", "in_place", "a_screen", "are_shared")
"""Of the contract suite's tests those that the computer's own daemon could fail where vmf's does not: its networks,
files of others, a socket that QEMU makes. Two machines more are enough for all of them."""
ONLY = " or ".join(("not TestSystem", *OTHERWISE))


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("wide")
def test_networks_of_the_computers_own_daemon(tmp_path):
    """In namespaces of their own; the wide guest is built before, as nobody there reaches its packages."""
    options = ("-q", "-n", "0", "-k", ONLY, f"--basetemp={tmp_path / 'inside'}")
    command = (BED, sys.executable, "-m", "pytest", *options, INSIDE)
    done = subprocess.run(command, check=False, cwd=TESTS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
