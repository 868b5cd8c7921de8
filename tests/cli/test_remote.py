"""Warehouses elsewhere at the command line, with fake hosts, which are brought what they cannot read on demand."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.test_actions import Lend
from ranged import Ranged, serving
from shell import Shell, until

DISK = bytes(range(256)) * 4096
STEP = {"name": "one", "run": "echo one"}


@pytest.fixture
def far(shell: Shell) -> Iterator[Ranged]:
    """A warehouse that has an image, and the disk that it begins with."""
    images = shell.home / "images"
    images.mkdir(parents=True)
    with serving(images) as far:
        (images / "disk.raw").write_bytes(DISK)
        download = {"url": f"{far.address}/disk.raw", "sha256": hashlib.sha256(DISK).hexdigest()}
        spec = {"download": download, "hardware": {"memory": "256MiB"}, "steps": [STEP]}
        written(shell, "Image", "box.image", spec)
        written(shell, "Job", "j", {"image": "box.image.yaml", "memory": "256MiB", "run": "exit 3"})
        built = shell.vmf("image", "build", "box.image.yaml", *shell.hosts)
        assert built.returncode == 0, built.stderr
        assert "1 golden image offered" in shell.vmf("image", "index").stdout
        yield far


@pytest.fixture
def here(shell: Shell, far: Ranged) -> Iterator[Shell]:
    """Another user's, who has nothing but its address; with a short path, which sockets need."""
    with TemporaryDirectory(prefix="vmf-", dir="/tmp") as folder:
        environment = {
            **shell.environment,
            "VMF_HOME": folder,
            "VMF_REMOTE": far.address.replace("//", "//ada:secret@"),
        }
        here = dataclasses.replace(shell, home=Path(folder), environment=environment)
        yield here
        for pid in sorted(here.processes()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not here.processes(), "no process is left")


def written(shell: Shell, kind: str, name: str, spec: dict[str, object]) -> None:
    whole = {"apiVersion": "vmf/v1", "kind": kind, "metadata": {"name": name.partition(".")[0]}, "spec": spec}
    (shell.folder / f"{name}.yaml").write_text(json.dumps(whole))


def test_a_job_begins_with_an_image_from_elsewhere(here: Shell, far: Ranged) -> None:
    listed = here.vmf("image", "ls")
    assert f" {far.address}/" in listed.stdout
    assert "passed  the best: left to do: nothing" in here.vmf("image", "match", "j.yaml").stdout
    done = here.vmf("run", "j.yaml")
    assert done.returncode == 3, done.stderr
    assert "begun upon golden image" in done.stdout
    assert far.parts("disk.raw") == []  # what another warehouse has made of it is wanted, and it is in that
    assert "secret" not in f"{listed}{done}"
    kept = here.home / "remote"
    assert [*kept.glob("*.blocks")]
    until(lambda: not here.processes("vmf.blocks.server"), "nobody serves it any more")
    here.vmf("image", "gc")
    assert [each.name for each in kept.iterdir() if len(each.name) >= 64] == []


def test_what_a_job_needs_stays_though_its_engine_was_killed(here: Shell) -> None:
    with here.start("run", "j.yaml", "--set", "run=hear") as engine:
        here.reaches("j", "running")
        engine.kill()
    until(lambda: not here.processes("vmf.blocks.server"), "nobody serves it any more")
    here.vmf("image", "gc")
    assert [*(here.home / "remote").glob("*.blocks")]
    here.vmf("rm", "--force", "j")
    here.vmf("image", "gc")
    assert [*(here.home / "remote").glob("*.blocks")] == []


def test_a_job_whose_disks_come_back_has_the_image_brought_first(here: Shell, far: Ranged) -> None:
    assert here.vmf("run", "j.yaml", "--set", "results.disks=whole").returncode == 3
    far.is_down = True
    listed = here.vmf("image", "ls")
    assert "does not answer, what is known of it counts" in listed.stderr
    assert far.address not in listed.stdout
    again = here.vmf("run", "j.yaml", "--set", "results.folder=again")
    assert again.returncode == 3, again.stderr
    assert "does not answer" not in again.stderr  # nothing is left to do upon what is here
    assert "secret" not in f"{listed}{again}"


def test_a_job_whose_host_acts_only_in_the_end_reads_the_image_on_demand(here: Shell, lend: Lend) -> None:
    said = lend("last", "echo host >>$said")
    spec = {
        "image": "box.image.yaml",
        "memory": "256MiB",
        "run": "exit 3",
        "finally": {"steps": [{"name": "last", "on_host": "last"}]},
    }
    written(here, "Job", "j", spec)
    done = here.vmf("run", "j.yaml")
    assert done.returncode == 3, done.stderr
    assert "begun upon golden image" in done.stdout
    assert said.read_text() == "host\n"
    assert [*(here.home / "remote").glob("*.blocks")]
    assert [*(here.home / "images").glob(".golden/whole/*")] == []


def test_who_may_only_read_the_warehouse_begins_with_an_image_that_is_whole(here: Shell) -> None:
    for each in ("whole", "aside"):
        (here.home / "images/.golden" / each).mkdir(parents=True)
    (here.home / "images/.golden/making").touch()  # where root can make nothing either
    brought = here.vmf("run", "j.yaml", "--set", "results.disks=whole")
    assert "is passed over" in brought.stderr
    again = here.vmf("run", "j.yaml", "--set", "results.folder=again")
    assert again.returncode == 3, again.stderr
    assert "begun upon golden image" in again.stdout


def test_an_image_is_passed_over_that_a_server_gives_no_parts_of(here: Shell, far: Ranged) -> None:
    far.faults.extend(["all"] * 100)
    done = here.vmf("run", "j.yaml")
    assert done.returncode == 3, done.stderr
    assert f"of {far.address}/ is passed over: {far.address}/: .golden/whole/" in done.stderr
    assert "the server gives no parts of it" in done.stderr
    assert "begun upon golden image" not in done.stdout


def test_who_asks_in_vain_for_the_first_time_goes_without(here: Shell, far: Ranged) -> None:
    far.is_down = True
    done = here.vmf("plan", "j.yaml")
    assert "no golden image has any of its steps done" in done.stdout


def test_a_warehouse_that_has_no_address_is_refused(here: Shell) -> None:
    here.environment["VMF_REMOTE"] = "/srv/images"
    done = here.vmf("run", "j.yaml")
    assert done.returncode == 79
    assert "VMF_REMOTE: /srv/images: an address begins with http:// or https://" in done.stderr
