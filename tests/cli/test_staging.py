"""What a job brings: what cannot be is told before anything starts, and what is killed meanwhile leaves nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
from pathlib import Path

import pytest

from shell import RealShell, Shell, until

KILL_AT = str(Path(__file__).parents[1] / "kill_at.py")
JOB = """\
apiVersion: vmf/v1
kind: Job
metadata:
  name: j
spec:
  image: box.raw
  memory: 256MiB
  arguments: [one]
  secrets: {TOKEN: token}
  cdrom: {files: [data, beside]}
  cloud_init: {user_data: beside}
  results: {files: [out.txt]}
  run: |
    args
    write out.txt made
    exit 5
"""
SECRET = "s3cret-in-a-file"  # noqa: S105  # of nothing


def bring(shell: Shell) -> None:
    """Write the job and what it names."""
    (shell.folder / "j.yaml").write_text(JOB)
    (shell.folder / "data").mkdir()
    (shell.folder / "data/big").write_bytes(os.urandom(2**21))
    (shell.folder / "beside").write_text("#cloud-config\n{}\n")
    (shell.folder / "token").write_text(SECRET)
    (shell.folder / "token").chmod(0o600)


@pytest.fixture
def shell(shell: Shell) -> Shell:
    bring(shell)
    return shell


def kept(shell: Shell) -> list[Path]:
    """Every file of the state folder that holds the secret, and every half file."""
    files = [path for path in shell.home.rglob("*") if path.is_file()]
    return [path for path in files if path.name.startswith(".") or SECRET.encode() in path.read_bytes()]


def killed(shell: Shell, place: str, number: int) -> None:
    done = dataclasses.replace(shell, program=(KILL_AT, place, str(number))).vmf("run", "j.yaml")
    assert done.returncode == -signal.SIGKILL, done


MAKING, PUTTING, COPYING = "vmf.files.disc:_Disc.compare", "vmf.plugins:Hypervisor.put", "vmf.files.sparse:_copy_piece"


@pytest.mark.parametrize(("place", "number"), [(MAKING, 0), (MAKING, 1), (PUTTING, 2), (COPYING, 0), (COPYING, 2)])
def test_killed_while_it_stages_it_is_typed_again(shell: Shell, place: str, number: int) -> None:
    killed(shell, place, number)
    done = shell.vmf("run", "--console", "j.yaml")
    assert done.returncode == 5, done
    assert "one\n" in done.stdout
    until(lambda: shell.left_behind() == [], "all is clean")
    assert kept(shell) == []


@pytest.mark.parametrize(("place", "number"), [(MAKING, 1), (COPYING, 0), (COPYING, 2)])
def test_killed_while_it_stages_it_is_removed(shell: Shell, place: str, number: int) -> None:
    killed(shell, place, number)
    assert shell.vmf("rm", "j").returncode == 0
    until(lambda: shell.left_behind() == [], "all is clean")
    assert kept(shell) == []


def test_a_secret_is_nowhere_when_the_job_has_ended(shell: Shell) -> None:
    done = shell.vmf("run", "--console", "j.yaml")
    assert done.returncode == 5, done
    assert kept(shell) == []
    told = done.stdout + done.stderr + shell.vmf("show", "j").stdout + shell.vmf("plan", "j.yaml").stdout
    assert SECRET not in told
    results = shell.folder / "j.results"
    assert [path for path in results.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []


def test_what_a_disc_cannot_hold_is_told_with_its_place(shell: Shell) -> None:
    (shell.folder / "data/nowhere").symlink_to("none")
    said = shell.refused()
    assert "j.yaml:10:19: spec.cdrom.files, item 1" in said
    assert "data/nowhere cannot be on a CD-ROM: it is a link that leads nowhere" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("cdrom: {files: [data, data/../data]}", "data is on the CD-ROM already"),
        ("cdrom: {iso: beside}", "beside is no ISO 9660 disc"),
        ("cdrom: {iso: data}", "data is a folder"),
    ],
)
def test_other_files_that_cannot_be_given_are_told_too(shell: Shell, change: str, said: str) -> None:
    (shell.folder / "j.yaml").write_text(JOB.replace("cdrom: {files: [data, beside]}", change))
    assert said in shell.refused()


def test_a_secret_that_cannot_be_a_variable_is_told_and_not_shown(shell: Shell) -> None:
    (shell.folder / "token").write_bytes(SECRET.encode() + b"\0")
    said = shell.refused()
    assert "token cannot be a variable's value: it has a zero byte in it" in said
    assert SECRET not in said


@pytest.mark.real
def test_a_real_guest_has_all_of_it(real: RealShell) -> None:
    bring(real)
    script = """\
printf '%s %s\\n' "$1" "$TOKEN"
mkdir ../files ../seed
mount -o ro "$(findfs LABEL=VMF_FILES)" ../files && mount -o ro "$(findfs LABEL=cidata)" ../seed
sha256sum <../files/data/big; cat ../files/beside ../seed/user-data; grep local-hostname ../seed/meta-data"""
    lines = "".join(f"    {line}\n" for line in script.splitlines())
    (real.folder / "j.yaml").write_text(JOB[: JOB.index("    args")].replace("box.raw", "tiny") + lines)
    done = real.vmf("run", "--console", "j.yaml")
    assert done.returncode == 0, done.stdout
    sha256 = hashlib.sha256((real.folder / "data/big").read_bytes()).hexdigest()
    seed = "#cloud-config\n{}\n"
    assert f'one {SECRET}\n{sha256}  -\n{seed}{seed}  "local-hostname": "j"' in done.stdout
    assert kept(real) == []
