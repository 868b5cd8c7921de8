from __future__ import annotations

import json
from pathlib import Path

import pytest

from shell import Apart, Shell
from vmf.files import programs
from vmf_kvm.daemon import PACKAGES


@pytest.fixture
def complete(shell: Shell) -> Shell:
    """A shell whose warehouse has an image called tiny; only its description is looked at."""
    folder = shell.home / "images/tiny"
    folder.mkdir(parents=True)
    (folder / "box.raw").write_bytes(bytes(2**20))
    (folder / "tiny.image.yaml").write_text(
        "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: tiny}\nspec:\n  disks: [{file: box.raw, format: raw}]\n"
    )
    return shell


def test_where_nothing_lacks_it_says_what_is_there(complete: Shell) -> None:
    done = complete.vmf("doctor")
    assert done.returncode == 0, done.stdout
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines())
    assert f"ok   state folder: {complete.home}, " in done.stdout
    assert f"ok   tiny guest: {complete.home}/images/tiny" in done.stdout
    assert "ok   host farm: 4 GiB, 4 cpus, accelerator: fake; fake 1" in done.stdout


def test_what_lacks_is_told_with_what_to_do_and_hides_nothing_else(shell: Shell) -> None:
    broken = Path(shell.environment["PYTHONPATH"]) / "broken-2.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (broken / "entry_points.txt").write_text("[vmf.plugins]\nbroken = no_such_module\n")
    done = shell.vmf("doctor")
    assert done.returncode == 79
    assert "BAD  plugin broken: ModuleNotFoundError: No module named 'no_such_module'" in done.stdout
    assert "BAD  tiny guest: not in the warehouse" in done.stdout
    assert "`vmf image build tiny` builds it" in done.stdout
    assert "ok   host farm: " in done.stdout


def test_a_host_that_cannot_be_used_is_told_with_what_to_install(complete: Shell, apart: Apart) -> None:
    apart.mount("--bind", "/dev/null", str(programs.find("qemu-system-x86_64")))
    complete.within = apart.within(complete.folder)
    complete.hosts = ()
    done = complete.vmf("doctor")
    assert done.returncode == 79
    assert "BAD  host local: qemu-system-x86_64 is not installed" in done.stdout
    assert f"install {PACKAGES['qemu-system-x86_64']}" in done.stdout


def test_as_json_each_finding_is_an_object(shell: Shell) -> None:
    done = shell.vmf("doctor", "--format", "json")
    told = {each["what"]: each for each in json.loads(done.stdout)}
    assert {"state folder", "plugin fake", "tiny guest", "host farm"} <= set(told)
    assert told["host farm"]["healthy"] is True
    assert told["tiny guest"]["healthy"] is False
    assert told["tiny guest"]["hint"] == "`vmf image build tiny` builds it"


def test_faults_of_host_specs_are_told_with_their_place(complete: Shell) -> None:
    complete.host(more=", memery: 1GiB")
    done = complete.vmf("doctor")
    assert done.returncode == 78
    assert "hosts/farm.yaml:4:" in done.stderr
    assert "did you mean memory?" in done.stderr
