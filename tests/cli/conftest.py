from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    plugin = tmp_path / "site" / "fake_hypervisor-1.0.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-hypervisor\nVersion: 1.0\n")
    (plugin / "entry_points.txt").write_text("[vmf.hypervisors]\nfake = vmf.testing.fake\n")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "box.raw").write_bytes(bytes(2**20))
    home = tmp_path / "home"
    environment = {
        **os.environ,
        "VMF_HOME": str(home),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": str(plugin.parent),
        "COLUMNS": "200",
    }
    shell = Shell(folder=folder, home=home, environment=environment)
    shell.host()
    yield shell
    for pid in (int(each.read_text()) for each in home.glob("hosts/*/machines/*/pid")):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
