from __future__ import annotations

import json
from pathlib import Path

import pytest

from shell import DEADLINE, Shell


def tree(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_each_line_has_its_reason_and_nothing_is_touched(shell: Shell) -> None:
    shell.job("exit 0")
    before = tree(shell.folder)
    done = shell.vmf("plan", "j.yaml")
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "j"
    whats, whys = lines[1::2], lines[2::2]
    assert [line.split("  ")[0] for line in whats] == [
        "host", "bid", "accelerator", "machine", "boot", "disk 0", "cdrom", "results", "begins",
    ]  # fmt: skip
    assert all(why.startswith("because ") and why != "because " for why in whys)
    assert whys[0] == "because memory 256 MiB of 4 GiB free; cpus 1 of 4 free"
    assert whys[1] == "because memory 256 MiB of 4 GiB that no guest has; nobody knows how fast a guest boots"
    assert whats[5].endswith(f"overlay over {shell.folder}/box.raw (raw)")
    assert tree(shell.folder) == before
    assert shell.records() == []
    assert shell.left_behind() == []


def test_as_json_it_is_one_object_of_lines_for_each_job(shell: Shell) -> None:
    for name in ("a", "b"):
        shell.job("exit 0", name)
    told = json.loads(shell.vmf("plan", "--format", "json", "a.yaml", "b.yaml").stdout)
    assert list(told) == ["a", "b"]
    assert {tuple(line) for lines in told.values() for line in lines} == {("what", "how", "why")}
    assert told["b"][0] == {
        "what": "host", "how": "farm", "why": "memory 256 MiB of 3.8 GiB free; cpus 1 of 3 free",
    }  # fmt: skip


def test_a_job_that_fits_nowhere_is_told_what_each_host_objects_to(shell: Shell) -> None:
    shell.host("barn", more=", cpus: 1")
    shell.job("exit 0")
    done = shell.vmf("plan", "j.yaml", "--set", "memory=3GiB", "--set", "cpus=8")
    assert done.returncode == 72
    assert "none fits" in done.stdout
    assert "barn: cpus 8 wanted, 1 in all" in done.stdout
    assert "farm: cpus 8 wanted, 4 in all" in done.stdout


@pytest.mark.parametrize(
    ("change", "field", "ability"),
    [
        ("priority=1", "spec.priority", "priority"),
        ("disks=[{file: box.raw, bus: xen}]", "spec.disks[0].bus", "disk-xen"),
    ],
)
def test_a_field_that_no_host_can_honour_is_named_and_refused_by_run(
    shell: Shell, change: str, field: str, ability: str
) -> None:
    shell.job("exit 0")
    reason = f"farm: {field} needs the ability {ability}, which the host does not have"
    done = shell.vmf("plan", "j.yaml", "--set", change)
    assert (done.returncode, reason in done.stdout) == (72, True)
    assert reason in shell.refused("j.yaml", "--set", change, code=72)


def test_a_network_that_no_host_has_is_refused(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("plan", "j.yaml", "--set", "network.type=nat")
    assert done.returncode == 72
    assert "farm: network nat wanted, host has user" in done.stdout


def test_a_host_that_wants_what_its_plugin_cannot_is_out_with_the_field_named(shell: Shell) -> None:
    shell.host(more=", connection: {transport: ssh, address: h}")
    shell.job("exit 0")
    done = shell.vmf("plan", "j.yaml")
    assert done.returncode == 72
    assert "farm: its spec.connection.transport needs the ability transport-ssh" in done.stdout


def test_of_two_jobs_the_second_waits_for_room(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    for name in ("a", "b"):
        shell.job("exit 0", name)
    done = shell.vmf("plan", "a.yaml", "b.yaml")
    assert done.returncode == 0
    first, second = done.stdout.split("\nb\n")
    assert "machines 0 of at most 1" in first
    assert "waits for room\n" in second
    assert "because farm: machines 1 of at most 1" in second


def test_a_running_job_takes_its_share_in_the_plan(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    for name in ("a", "b"):
        shell.job("hang", name)
    with shell.start("run", "a.yaml") as process:
        shell.reaches("a", "running")
        done = shell.vmf("plan", "b.yaml")
        assert shell.vmf("rm", "a").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert "waits for room" in done.stdout


def test_a_job_can_be_planned_while_its_last_results_are_there(shell: Shell) -> None:
    shell.job("exit 0")
    (shell.folder / "j.results").mkdir()
    assert shell.vmf("plan", "j.yaml").returncode == 0


def test_an_image_that_is_none_is_refused_as_it_is_by_run(shell: Shell) -> None:
    shell.job("exit 0")
    (shell.folder / "box.raw").write_bytes(b"text")
    done = shell.vmf("plan", "j.yaml")
    assert done.returncode == 78
    assert "box.raw" in done.stderr


def test_jobs_that_bring_their_results_to_one_folder_are_refused_as_they_are_by_run(shell: Shell) -> None:
    for name in ("a", "b"):
        shell.job("exit 0", name)
    done = shell.vmf("plan", "a.yaml", "b.yaml", "--set", "results.folder=both")
    assert done.returncode == 78
    for name in ("a", "b"):
        assert f"{name}: another job brings its results to {shell.folder}/both, too" in done.stderr


def test_what_a_spec_says_cannot_control_a_terminal(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("plan", "j.yaml", "--set", r'results.files=["\x9b2J"]')
    assert (done.returncode, "\x9b" in done.stdout) == (0, False)
