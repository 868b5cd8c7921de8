from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from forked import Forker
from shell import Apart, RealShell, Shell, until


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    with closing(Forker()) as forker:
        yield forker


@pytest.fixture
def shell(tmp_path: Path, forker: Forker) -> Iterator[Shell]:
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
    shell = Shell(folder=folder, home=home, environment=environment, forker=forker)
    shell.host()
    yield shell
    for pid in shell.processes():  # wherever the state folder is mounted
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def lend(shell: Shell) -> Callable[..., Path]:
    """Lends shell scripts, by their names, to all jobs; what is written to the file that it answers comes together."""
    lent: dict[str, object] = {}
    said = shell.folder.parent / "said"

    def lend(name: str, script: str, **more: object) -> Path:
        program = shell.folder.parent / f"lent-{name}"
        program.write_text(f"#!/bin/sh\nsaid={said}\n{script}\n")
        program.chmod(0o755)
        lent[name] = {"program": str(program), **more}
        shell.host(more=f", actions: {json.dumps(lent)}")
        return said

    return lend


@pytest.fixture
def apart() -> Iterator[Apart]:
    apart = Apart()
    yield apart
    apart.close()


@pytest.fixture(scope="session")
def real_home(tiny: Path) -> Iterator[Path]:
    """A state folder with the tiny guest in its warehouse, and in the end without its daemon."""
    home = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))
    home.chmod(0o711)
    shutil.copytree(tiny, home / "images/tiny")
    yield home
    shell = RealShell(folder=home, home=home, environment={})
    shell.end()
    until(lambda: not shell.processes(), "no process is left")
    shutil.rmtree(home)


@pytest.fixture
def real(real_home: Path, tmp_path: Path) -> Iterator[RealShell]:
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {**os.environ, "VMF_HOME": str(real_home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    shell = RealShell(folder=folder, home=real_home, environment=environment)
    yield shell
    if live := [str(each.id) for each in shell.records() if not each.ended]:
        shell.vmf("rm", "--force", *live)


@pytest.fixture
def on_wide(real: RealShell, wide: Path) -> Iterator[RealShell]:
    """The same, with the wide guest in its warehouse."""
    shutil.copytree(wide, real.home / "images/wide")
    real.image = "wide"
    yield real
    shutil.rmtree(real.home / "images/wide")
