from __future__ import annotations

import errno
import subprocess

import pytest

from vmf.warehouse.reseed import RESEED


@pytest.mark.parametrize(("file", "codes"), [("/dev/null", {errno.ENOTTY}), ("/dev/urandom", {0, errno.EPERM})])
def test_it_asks_the_kernel_and_says_what_that_answers(tmp_path, file, codes):
    """Only the one who may is obeyed; no other device knows what is asked."""
    program = tmp_path / "reseed"
    program.write_bytes(RESEED)
    program.chmod(0o755)
    with open(file, "rb") as device:  # noqa: PTH123  # it is a device
        assert subprocess.run([program], stdin=device, check=False).returncode in codes
