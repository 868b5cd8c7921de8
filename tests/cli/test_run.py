from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shell import DEADLINE, Shell, until

IMAGE = """\
apiVersion: vmf/v1
kind: Image
metadata: {{name: box}}
spec:
  disks: [{{file: ../box.raw, format: raw, sha256: {digest}}}]
"""


def test_the_results_come_back_and_nothing_is_left(shell: Shell) -> None:
    shell.job("echo on the console\nwrite out.txt made\nexit 3")
    done = shell.vmf("run", "j.yaml")
    results = shell.folder / "j.results"
    assert done.returncode == 3
    assert "j: completed, exit code 3 (guest)" in done.stdout
    assert (results / "out.txt").read_text() == "made\n"
    assert (results / "console.log").read_text() == "on the console\n"
    result = json.loads((results / "result.json").read_text())
    assert (result["outcome"], result["exit_code"], result["source"]) == ("completed", 3, "guest")
    assert list(result["times"]) == ["idle", "starting", "running", "collecting", "delivered"]
    assert shell.left_behind() == []


@pytest.mark.parametrize(
    ("script", "code", "outcome"),
    [
        ("silent", 73, "never-spoke"),
        ("cut", 74, "cut-short"),
        ("crash", 75, "crashed"),
    ],
)
def test_an_end_without_results_is_told_with_what_to_do(shell: Shell, script: str, code: int, outcome: str) -> None:
    shell.job(f"echo the last words\n{script}")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == code
    assert outcome in done.stdout
    assert "| the last words" in done.stderr
    result = json.loads((shell.folder / "j.results/result.json").read_text())
    assert (result["outcome"], result["source"]) == (outcome, "vmf")
    assert shell.left_behind() == []


def test_what_the_guest_did_not_make_is_named(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 0
    assert "not made by the guest: out.txt" in done.stdout


def test_the_console_is_streamed_with_control_sequences_shown(shell: Shell) -> None:
    shell.job("echo COLOUR")
    text = (shell.folder / "j.yaml").read_text()
    (shell.folder / "j.yaml").write_text(text.replace("run: |\n    echo COLOUR", 'run: "echo \\e[31mred"'))
    assert "\\x1b[31mred" in shell.vmf("run", "--console", "j.yaml").stdout


def test_json_is_one_event_a_line(shell: Shell) -> None:
    shell.job("echo hello\nexit 0")
    done = shell.vmf("run", "--format", "json", "j.yaml")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    types = [each["event"]["type"] for each in events if "event" in each]
    assert types == ["placed", "created", "ended", "judged", "completed"]
    assert "".join(each.get("console", "") for each in events) == "hello\n"
    assert events[-1]["results"] == str(shell.folder / "j.results")


def test_several_jobs_share_a_host_and_its_limit(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    for name in ("a", "b", "c"):
        shell.job("exit 0", name)
    done = shell.vmf("run", "a.yaml", "b.yaml", "c.yaml")
    assert done.returncode == 0
    assert "b: waits: farm: machines 1 of at most 1" in done.stdout
    assert all((shell.folder / f"{name}.results/result.json").exists() for name in "abc")
    assert shell.left_behind() == []


def test_two_runs_at_once_share_a_host_and_its_limit(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("hang", "a")
    shell.job("exit 0", "b")
    with shell.start("run", "a.yaml") as first:
        shell.reaches("a", "running")
        with shell.start("run", "b.yaml") as second:
            until(lambda: "b: waits: farm" in second.stdout.readline(), "b waits")
            assert len(shell.machines()) == 1
            first.send_signal(signal.SIGINT)
            second.communicate(timeout=DEADLINE)
        first.communicate(timeout=DEADLINE)
    assert (first.returncode, second.returncode) == (77, 0)


def test_of_several_jobs_one_failure_is_a_failure(shell: Shell) -> None:
    shell.job("exit 0", "a")
    shell.job("exit 5", "b")
    assert shell.vmf("run", "a.yaml", "b.yaml").returncode == 1


def test_a_live_name_is_refused(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as first:
        shell.reaches("j", "running")
        second = shell.vmf("run", "j.yaml", "--set", "results.folder=other")
        assert second.returncode == 78
        assert "a live job is already called 'j'" in second.stderr
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=DEADLINE)


def test_a_results_folder_that_is_there_is_refused_before_anything_starts(shell: Shell) -> None:
    shell.job("exit 0")
    (shell.folder / "j.results").mkdir()
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 78
    assert "j.results is already there" in done.stderr
    assert shell.records("j") == []


def test_the_folder_of_the_pages_example_is_made_with_the_one_above_it(shell: Shell) -> None:
    page = (Path(__file__).parents[2] / "docs/running.md").read_text()
    (shell.folder / "count.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    fake = ("image=box.raw", "memory=256MiB", "type=fake", "run=write counts.txt made")
    done = shell.vmf("run", "count.yaml", *(word for each in fake for word in ("--set", each)))
    assert (done.returncode, done.stderr) == (0, "")
    assert (shell.folder / "out/count/counts.txt").read_text() == "made\n"
    assert [each.name for each in (shell.folder / "out").iterdir()] == ["count"]


def test_results_whose_place_was_taken_meanwhile_are_kept(shell: Shell) -> None:
    shell.job("write out.txt kept\nhang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        (shell.folder / "j.results").mkdir()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE)
    assert "j.results is taken" in out
    assert f"results in {shell.folder}/j.results.1\n" in out
    assert (shell.folder / "j.results.1/result.json").exists()


def test_a_job_beyond_every_host_is_refused_with_the_reason(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml", "--set", "memory=1TiB")
    assert done.returncode == 72
    assert "farm: memory 1 TiB wanted, 4 GiB in all" in done.stderr
    assert shell.records("j") == []


def test_all_jobs_beyond_every_host_are_told_of_at_once(shell: Shell) -> None:
    names = "abcdefgh"
    for name in names:
        path = shell.job("exit 0", name)
        much = {"a": "memory: 1GiB", "b": "memory: 2TiB"}.get(name, "memory: 1TiB")
        path.write_text(path.read_text().replace("memory: 256MiB", much))
    done = shell.vmf("run", *(f"{name}.yaml" for name in names))
    assert done.returncode == 72
    assert done.stderr.splitlines()[:4] == [
        "vmf: no host fits b:",
        "    farm: memory 2 TiB wanted, 4 GiB in all",
        "no host fits c, d, e, f, g and 1 more:",
        "    farm: memory 1 TiB wanted, 4 GiB in all",
    ]
    assert [shell.records(name) for name in names] == [[]] * len(names)


def test_the_jobs_fault_holds_it(shell: Shell) -> None:
    shell.fault("create", "job", "no such device")
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 76
    assert "job-fault: no such device" in done.stdout
    assert [each.state for each in shell.records("j")] == ["held"]
    assert json.loads((shell.folder / "j.results/result.json").read_text())["source"] == "vmf"
    assert shell.left_behind() == []


def test_a_disk_that_is_not_what_its_checksum_says_holds_the_job(shell: Shell) -> None:
    digest = hashlib.sha256((shell.folder / "box.raw").read_bytes()).hexdigest()
    (shell.folder / "box").mkdir()
    (shell.folder / "box/box.image.yaml").write_text(IMAGE.format(digest=digest))
    shell.image = "box"
    shell.job("exit 0")
    assert shell.vmf("run", "j.yaml").returncode == 0
    (shell.folder / "box.raw").write_bytes(b"changed".ljust(2**20, b"\0"))
    done = shell.vmf("run", "j.yaml", "--set", "results.folder=changed")
    assert done.returncode == 76
    assert digest in done.stdout
    assert json.loads((shell.folder / "changed/result.json").read_text())["code"] == "image-invalid"
    assert shell.left_behind() == []


def test_a_hosts_fault_sends_the_job_elsewhere(shell: Shell) -> None:
    shell.host("barn")
    shell.fault("create", "host", "out of order", host="barn")
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 0
    assert json.loads((shell.folder / "j.results/result.json").read_text())["host"] == "farm"
    assert json.loads((shell.folder / "j.results/result.json").read_text())["attempt"] == 2
    assert shell.left_behind() == []


def test_when_every_host_failed_the_job_has_failed(shell: Shell) -> None:
    shell.fault("create", "host", "out of order", times=9)
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 71
    assert "out of order" in done.stdout
    assert shell.left_behind() == []


def test_a_lost_host_is_asked_again(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        shell.fault("shut_down", "lost", "no route")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE)
    assert "no route; asking again" in out
    assert process.returncode == 77


@pytest.mark.parametrize("lost", [">&-", ">&- 2>&-", ">/dev/full", "| head -1"])
def test_a_run_whose_output_goes_nowhere_still_ends_with_the_guests_code(shell: Shell, lost: str) -> None:
    shell.job("exit 3")
    line = f"set -o pipefail; {sys.executable} -m vmf run j.yaml --hosts hosts {lost}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=shell.folder, env=shell.environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    assert (shell.folder / "j.results/result.json").exists()
