"""`vmf lint` as it is typed, with every rule there is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from shell import GOOD, Shell

BAD = GOOD.replace("256MiB", "0MiB")
SLIP = GOOD.replace("memory: 256MiB", "memory: 256MiB\n  vnc: yes")
HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: small}\nspec: {type: fake, memory: 128MiB}\n"


@pytest.fixture
def lint(shell: Shell):
    shell.environment.pop("GITHUB_ACTIONS", None)
    return lambda *words: shell.vmf("lint", *words)


def write(shell: Shell, **files: str) -> None:
    for name, text in files.items():
        (shell.folder / f"{name}.yaml").write_text(text)


def test_a_job_that_runs_is_clean(shell, lint):
    write(shell, j=GOOD)
    done = lint(".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "vmf: no findings in 2 files\n")
    assert shell.vmf("run", "j.yaml").returncode == 0


def test_a_job_that_is_refused_is_found_with_its_place_and_what_to_do(shell, lint):
    write(shell, j=BAD)
    done = lint("j.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "j.yaml:7:11: VMF114 error: spec.memory: '0MiB' is out of range",
        "      memory: 0MiB",
        "              ^",
        "    write a size such as 256MiB from 1 MiB to 1048576 TiB",
    ]
    assert "spec.memory: '0MiB' is out of range" in shell.refused("j.yaml")


def test_all_findings_of_all_files_in_one_run(shell, lint):
    write(shell, a=BAD, b="a: [b\n", c=SLIP, d=GOOD)
    done = lint("--format", "json", ".", "none.yaml")
    found = [(each["file"], each["line"], each["rule"]) for each in json.loads(done.stdout)]
    assert found == [
        ("a.yaml", 7, "VMF114"), ("b.yaml", 1, "VMF104"), ("c.yaml", 8, "VMF113"), ("none.yaml", None, "VMF101"),
    ]  # fmt: skip
    assert done.stderr == "vmf: 4 findings (4 errors) in 4 of 6 files; `vmf lint --explain VMF114` says more\n"


@pytest.mark.parametrize("words", [("j.yaml", "small.yaml"), ("j.yaml", "--hosts", "small.yaml")])
def test_jobs_are_judged_against_the_hosts_that_are_named(shell, lint, words):
    write(shell, j=GOOD, small=HOST)
    assert "j.yaml:7:11: VMF504 error: spec.memory: the most that a listed host gives is 128 MiB" in lint(*words).stdout
    assert lint("j.yaml").returncode == 0


def test_a_change_is_for_those_who_run(shell, lint):
    write(shell, j=GOOD)
    done = lint("--set", "memory=1GiB", "j.yaml")
    assert (done.returncode, done.stdout, "--set" in done.stderr) == (2, "", True)


def test_consent_says_what_becomes_of_connections_and_leases(lint):
    """What happens to open connections and expired leases."""
    told = lint("--explain", "VMF204").stdout
    assert "open connections are lost" in told
    assert "lease may have expired" in told


class TestFix:
    def test_it_mends_and_then_tells_what_is_left(self, shell, lint):
        write(shell, a=SLIP, b=BAD)
        done = lint("--fix", ".")
        assert (done.returncode, done.stderr.splitlines()[0]) == (1, "vmf: 1 place mended")
        assert "VMF113" not in done.stdout
        assert (shell.folder / "a.yaml").read_text() == SLIP.replace("yes", "true")
        assert "mended" not in lint("--fix", ".").stderr

    @pytest.mark.parametrize("words", [("--ignore", "VMF113"), ("--select", "VMF2")])
    def test_only_what_is_selected(self, shell, lint, words):
        write(shell, a=SLIP)
        assert lint("--fix", "a.yaml", *words).returncode == 0
        assert (shell.folder / "a.yaml").read_text() == SLIP

    def test_hosts_that_are_only_looked_at_are_not_touched(self, shell, lint):
        slip = HOST.replace("128MiB", "128MiB, soft_suspend: yes")
        write(shell, j=GOOD, small=slip)
        assert "mended" not in lint("--fix", "j.yaml", "--hosts", "small.yaml").stderr
        assert (shell.folder / "small.yaml").read_text() == slip

    def test_a_folder_that_cannot_be_written(self, shell, lint):
        write(shell, a=SLIP)
        (shell.folder / ".a.yaml.vmf.part").mkdir()  # not even root can put a file there
        done = lint("--fix", "a.yaml")
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
        assert ".a.yaml.vmf.part" in done.stderr
        assert (shell.folder / "a.yaml").read_text() == SLIP

    def test_killed_at_any_write_it_leaves_the_old_file_or_the_new_one(self, shell):
        for step in range(1, 20):
            write(shell, a=SLIP)
            code = KILLED.replace("STEP", str(step))
            done = subprocess.run(
                (sys.executable, "-P", "-c", code, "lint", "--fix", "a.yaml"),
                cwd=shell.folder, env=shell.environment, capture_output=True, check=False,
            )  # fmt: skip
            text = (shell.folder / "a.yaml").read_text()
            assert text in {SLIP, SLIP.replace("yes", "true")}
            if done.returncode != -signal.SIGKILL:
                break
        assert step > 3
        assert (done.returncode, text) == (0, SLIP.replace("yes", "true"))
        assert not (shell.folder / ".a.yaml.vmf.part").exists()


KILLED = """
import os, signal, sys
from vmf.cli import main
left = [STEP]
def hook(event, args):
    writing = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if event in {"os.remove", "os.rename", "os.chmod"} or writing:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.exit(main(sys.argv[1:]))
"""
"""`vmf`, killed just before it changes a folder or a file for the STEP-th time."""
