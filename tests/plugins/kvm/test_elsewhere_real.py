"""A user at a shell whose host is another computer: jobs fare as on this one, and nothing is left there."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from libvirtbed import FOLDER
from shell import DEADLINE, Shell, until
from vmf.model import Transport
from window import window

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

HELLO = Path(__file__).parents[3] / "specs/hello.yaml"
DISKS = """\
kind: Job
apiVersion: vmf/v1
metadata: {{name: j}}
spec:
  image: tiny
  memory: 256MiB
  disks:
    - file: {{on_host: {there}}}
    - file: here.raw
  results: {{files: [out.txt]}}
  run: |
    for disk in /dev/vdb /dev/vdc; do head -n 1 $disk; echo changed >$disk; head -n 1 $disk; done >out.txt
"""


@pytest.fixture
def shell(tmp_path, tiny, bed):
    """A user with the tiny guest, and a host `far` that is reached by TCP."""
    home, folder = tmp_path / "home", tmp_path / "work"
    shutil.copytree(tiny, home / "images/tiny")
    folder.mkdir()
    environment = {**os.environ, "VMF_HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    shell = Shell(folder=folder, home=home, environment=environment, image="tiny")
    far(shell, bed, Transport.TCP)
    yield shell
    if live := [str(each.id) for each in shell.records() if not each.ended]:
        shell.vmf("rm", "--force", *live)


def far(shell, bed, transport, **changes):
    """Have the host `far` reached so."""
    connection = msgspec.to_builtins(bed.connection(transport, **changes), enc_hook=str)
    spec = {
        "type": "kvm",
        "connection": {key: value for key, value in connection.items() if value},
        "kvm": {"folder": FOLDER},
    }
    document = {"apiVersion": "vmf/v1", "kind": "Host", "metadata": {"name": "far"}, "spec": spec}
    (shell.folder / "hosts").mkdir(exist_ok=True)
    (shell.folder / "hosts/far.yaml").write_text(json.dumps(document))


def left(shell, bed):
    """What a job must not leave: on this computer, and on the other one."""
    definitions = (f"{place}/{what}/*.xml" for place in ("etc/libvirt", "run/libvirt") for what in ("qemu", "storage"))
    found = [each for pattern in definitions for each in bed.root.glob(pattern)]
    files = [each for each in (bed.root / FOLDER.lstrip("/")).rglob("*") if not each.is_dir()]
    return [*shell.machines("far"), *shell.left_behind(), *map(str, found + files)]


def result(shell, name="j"):
    return json.loads((shell.folder / f"{name}.results/result.json").read_text())


@pytest.mark.parametrize("transport", [Transport.TLS, Transport.SSH])
def test_the_hello_job_brings_its_greeting_from_elsewhere(shell, bed, transport):
    far(shell, bed, transport)
    done = shell.vmf("run", "--console", str(HELLO))
    assert done.returncode == 0, done.stderr
    greeting = (shell.folder / "hello.results/greeting.txt").read_text()
    assert re.fullmatch(r"Hello, world, from Linux [0-9]\S* with 1 cpu\n", greeting)
    assert greeting.strip() in done.stdout
    console = (shell.folder / "hello.results/console.log").read_text()
    assert greeting.strip() in console
    assert "may be missing" not in console
    told = result(shell, "hello")
    assert (told["outcome"], told["exit_code"], told["source"], told["host"]) == ("completed", 0, "guest", "far")
    assert told["files"] == ["greeting.txt"]
    assert left(shell, bed) == []


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_job_elsewhere_is_adopted(shell, bed, state):
    shell.job("echo said; echo done >out.txt; exit 3")
    with shell.start("run", "j.yaml") as engine:
        until(lambda: state in {each for record in shell.records("j") for each in record.entered}, f"it is {state}")
        engine.send_signal(signal.SIGKILL)
    assert shell.vmf("wait", "j").returncode == 3
    assert (shell.folder / "j.results/out.txt").read_text() == "done\n"
    assert (shell.folder / "j.results/console.log").read_text().count("said") == 1
    assert [each.attempt for each in shell.records()] == [1]
    assert left(shell, bed) == []


def test_a_host_that_goes_away_is_waited_for(shell, bed):
    shell.job("echo up; read -r go </dev/console; echo done >out.txt; exit 3")
    with shell.start("run", "j.yaml") as engine:
        shell.reaches("j", "running")
        until(lambda: "up\n" in shell.vmf("logs", "j").stdout, "it is up")
        bed.kill()
        try:
            while "asking again" not in engine.stdout.readline():
                assert engine.poll() is None
        finally:
            bed.start()
        with window(shell, "j") as opened:
            opened.joined()
            opened.type(b"go\r")
            assert engine.wait(DEADLINE) == 3
    assert (shell.folder / "j.results/out.txt").read_text() == "done\n"
    assert left(shell, bed) == []


def test_a_disk_is_used_where_it_lies_or_brought(shell, bed):
    there = f"/var/lib/libvirt/{secrets.token_hex(4)}.raw"
    disks = {"there": bed.root / there.lstrip("/"), "here": shell.folder / "here.raw"}
    for word, disk in disks.items():
        disk.write_bytes(f"{word}\n".encode().ljust(2**20, b"\0"))
    before = {word: disk.read_bytes() for word, disk in disks.items()}
    (shell.folder / "j.yaml").write_text(DISKS.format(there=there))
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "j.results/out.txt").read_text() == "there\nchanged\nhere\nchanged\n"
    assert {word: disk.read_bytes() for word, disk in disks.items()} == before
    disks["there"].unlink()
    assert left(shell, bed) == []


def test_a_disk_that_is_not_on_the_host_holds_its_job(shell, bed):
    (shell.folder / "here.raw").write_bytes(bytes(2**20))
    (shell.folder / "j.yaml").write_text(DISKS.format(there="/var/lib/libvirt/none.raw"))
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 76
    assert "disk /var/lib/libvirt/none.raw of the host: there is no such file" in done.stdout
    assert left(shell, bed) == []


def test_a_host_that_does_not_answer_is_told(shell, bed):
    far(shell, bed, Transport.TCP, port=1)
    done = shell.vmf("doctor")
    assert "far" in done.stdout + done.stderr
    assert "127.0.0.1" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
